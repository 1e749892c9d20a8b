"""From a job and its data to trained networks."""
