"""The simulation of tracks through a magnet: where they begin, and how many survive."""
