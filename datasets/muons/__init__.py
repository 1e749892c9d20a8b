"""Muon hits: files, truth, tracks, segments, features."""
