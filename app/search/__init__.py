"""Hyperparameter search: KerasTuner draws, each trial is an ordinary run in a process of its own, files are the state.

space       the job's `hyperopt` block
objective   which validation metrics a job logs, and which direction is better
trial_job   from a draw to the job of a trial
checks      every path and every extreme value, as a job, before anything starts
state       the search's files under one lock: trials, leases, results
oracle      KerasTuner's oracles behind those files
trial       what the process of one trial does
worker      keeps as many trial processes at work as there are devices
publish     trials.csv, best.json, plots, and the winner measured on the test split
"""
