"""Trigger primitives of ROOT files: clusters, matches between planes, truth, images."""
