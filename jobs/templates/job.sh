#!/bin/bash
# What a process of the cluster does on its worker: the run of one job, from its checkpoint where there is one, or
# another command that is a node of a workflow.
# HTCondor gives a job no HOME and no PATH.
export HOME="${HOME:-${_CONDOR_SCRATCH_DIR:-/tmp}}"
export PATH="${PATH:-/usr/local/bin:/usr/bin:/bin}"
export PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 WIRECHAMBER_JOB_ID="$2"
export WIRECHAMBER_TIME_LIMIT={{ resources.seconds }}
{% for name, value in environment.items() %}
export {{ name }}={{ value | quote }}
{% endfor %}
{% if resources.transfer %}
# A run writes everything that is to be carried back into its own directory.
mkdir -p "$1"
export WIRECHAMBER_RUNS="$PWD" WIRECHAMBER_REGISTRY="$PWD/$1/registry" WIRECHAMBER_DATA="$PWD/data"
{% endif %}
{% for line in resources.setup %}
{{ line }}
{% endfor %}
cd {{ "." if resources.transfer else start | quote }} || exit 1
# exec: the SIGTERM of the pool reaches the run itself.
{% if arguments %}
exec {{ python | quote }} {{ entry | quote }} {{ arguments | map("quote") | join(" ") }}
{% else %}
exec {{ python | quote }} {{ entry | quote }} --config {{ "." if resources.transfer else submission.jobs | quote }}/"$1".json --resume
{% endif %}
