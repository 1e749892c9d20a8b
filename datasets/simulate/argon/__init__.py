"""The simulation of liquid argon behind plane and volume images."""
