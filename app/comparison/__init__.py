"""Finished runs of one application compared: figures with uncertainties, changes, convergence."""
