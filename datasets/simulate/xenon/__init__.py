"""The simulation of a liquid-xenon calorimeter."""
