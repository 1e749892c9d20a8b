"""The simulation of particles in liquid argon and of the wire planes' readout, for plane and volume images."""
