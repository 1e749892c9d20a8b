"""One HTML page about all runs: leaderboards, the track suite, and a section for each run; works offline."""
