"""The process that runs: its console, device, child processes, time limit and provenance."""
