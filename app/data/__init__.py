"""The events of one job: loaded, weighted, summarised."""
