"""Several runs in order, here or in a pool."""
