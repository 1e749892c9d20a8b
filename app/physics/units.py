"""Constants of the track equations in the program's units: mm, T, GeV and the elementary charge."""

LIGHT_SPEED = 2.99792458e-4
"""c in GeV per (mm T e): curvature = LIGHT_SPEED * (q/p) * B in 1/mm, with q/p in 1/GeV and B in T.

With q/p in 1/MeV the same factor is 0.299792458. Taking one for the other makes the magnet a thousand times too weak or
too strong; every file therefore carries the unit of its q/p.
"""
