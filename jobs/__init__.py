"""HTCondor: what a job asks for, how it is submitted, and what happens to it.

`resources.py` is the block of a job file, `submit_description.py` fills in `templates/`, `submission.py` is the folder
of one submission, `connection.py` connects to the pool, `event_log.py` reads what HTCondor logs, `job_state.py` joins
both, `hold_reasons.py` explains. `nodes.py` holds the commands of a workflow, `local.py` runs them on this machine,
`dag.py` submits them through DAGMan. Nothing here knows what a job trains.
"""
