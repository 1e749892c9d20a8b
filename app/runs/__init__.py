"""The directory, the files and the registry record of a run."""
