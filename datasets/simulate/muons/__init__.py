"""The simulation of muons in a calorimeter and a spectrometer, and of their hits."""
