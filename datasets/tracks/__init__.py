"""Track states: files, magnets, checks."""
