#!/bin/bash
# What a process of the cluster does on its worker: the run of one job, from its checkpoint where there is one, or
# another command that is a node of a workflow.
# HTCondor gives a job no HOME and no PATH.
export HOME="${HOME:-${_CONDOR_SCRATCH_DIR:-/tmp}}"
export PATH="${PATH:-/usr/local/bin:/usr/bin:/bin}"
export PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 WIRECHAMBER_JOB_ID="$2"
@{environment}
@{setup}
cd @{checkout} || exit 1
# exec: the SIGTERM of the pool reaches the run itself.
exec @{python} @{command}
