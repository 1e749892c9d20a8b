"""HTCondor: what a job asks for, how it is submitted, what became of it.

`resources.py` is the block of a job file, `submit_description.py` fills in `templates/`, `submission.py` is the folder
of one submission, `pool.py` speaks to the pool, `event_log.py` reads what HTCondor wrote about jobs, `job_state.py`
joins both, `hold_reasons.py` explains. `nodes.py` are the commands of a workflow, `local.py` runs them on this machine,
`dag.py` hands them to DAGMan. Nothing here knows what a job trains.
"""
