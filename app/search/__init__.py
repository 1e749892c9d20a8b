"""Hyperparameter search: KerasTuner draws, each trial is an ordinary run in a process of its own, files are the state.

state       the search's files under one lock: trials, leases, results
oracle      KerasTuner's oracles behind those files
trial       the process of one trial
runner      a whole search, from its job to its result; a worker runs as many trials as there are devices
publish     trials.csv, best.json, plots, and the best trial measured on the test split
plots       the plots of a search, and the importance of the searched values

The job's `hyperopt` block is in `app.config.search_space`, the job of a trial in `app.config.derived_jobs`, the checks
of both are in `app.checks`.
"""
