"""Statistics that several metrics share."""
