"""Finished runs of one application compared: metrics with uncertainties, changes, convergence."""
