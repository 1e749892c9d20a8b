"""Simulators: embedded defaults that write the same files as the loaders read."""
