"""Liquid argon: the wire planes and channels of the detector, and what electrons, photons and neutrinos do in it."""
