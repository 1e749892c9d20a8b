"""Files that every loader reads: npz, ROOT, shards, damaged ones."""
