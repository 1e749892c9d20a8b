"""Photon sensors of a calorimeter: files, readings, checks."""
