"""One run from its start to its registered result."""
