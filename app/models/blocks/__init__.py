"""Blocks and layers that several networks share."""
