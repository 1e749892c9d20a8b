"""Wire-plane and volume images in liquid argon: files, joins, selections, quality."""
