"""A magnetic field from tracks: harmonic modes whose coefficients bring each start state to its end state."""
