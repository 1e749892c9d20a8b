"""The process that runs: its console, device, time limit, child processes and provenance."""
