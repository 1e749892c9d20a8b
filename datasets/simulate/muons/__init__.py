"""The simulation of muons in a spectrometer."""
