"""Finished runs of one application held against each other: figures with uncertainties, changes, convergence."""
