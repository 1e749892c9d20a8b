"""Jobs that are made from another one: with changed values, the trials of a search, the members of an ensemble."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from app.config.job import Job
from app.config.job_file import assign, parse
from app.config.search_space import Entry, Hyperopt, entries, value_at
from app.core.errors import UserError


def dimensions(job: Job) -> list[Entry]:
    """Return the dimensions of a job's search, parents first."""
    search = search_of(job)
    try:
        return entries(search.space, job.dump())
    except UserError as error:
        raise error.under("hyperopt", "space") from None


def values_of(job: Job, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values by path that a draw means, of the dimensions that it has."""
    return {e.path: e.dimension.value(drawn[e.path]) for e in dimensions(job) if e.path in drawn and e.active(drawn)}


def changed(job: Job, changes: Mapping[str, Any]) -> Job:
    """Return the job with other values at some paths, validated as a job file is: the one way to change a job.

    A whole component is set before its parameters and its name before the others. Where a name changes, the parameters
    of the component before are dropped, except `inputs`, which every model has.

    Args:
        job: stays as it is.
        changes: JSON values by path, e.g. {"name": "short", "training.epochs": 3}.

    Raises:
        UserError: the values make no job; the places begin with the new job's name.
    """
    content = job.dump(passwords=True)
    for path in sorted(changes, key=lambda path: (path.count("."), path.rpartition(".")[2] != "name")):
        value = copy.deepcopy(changes[path])
        parent, _, key = path.rpartition(".")
        before = value_at(content, parent) if parent else None
        if key == "name" and isinstance(before, dict) and before.get("name") != value:
            kept = {name: part for name, part in before.items() if name == "inputs"}
            path, value = parent, {**kept, "name": value}
        assign(content, path.split("."), value)
    return parse(content, str(content["name"]))


def trial_job(job: Job, values: Mapping[str, Any], trial: str, execution: int = 0) -> Job:
    """Return the job of a trial; raises UserError when the values make none.

    Args:
        job: the search.
        values: by path.
        trial: the trial's id.
        execution: of several with one draw; the seeds follow the job's.
    """
    name = f"{job.name}_trial_{trial}" + (f"_{execution + 1}" if execution else "")
    own = {"name": name, "seed": job.seed + execution, "plots": [], "tracking": {}}
    return with_values(job, values, own | {"rationale": f"Trial {trial} of {job.name}."})


def best_job(job: Job, values: Mapping[str, Any], name: str) -> Job:
    """Return the job with the winner's values, to be trained for as long as the job itself says."""
    epochs = {} if "training.epochs" in values else {"training.epochs": job.training.epochs}
    return with_values(job, values, {"name": name, **epochs})


def with_values(job: Job, values: Mapping[str, Any], others: Mapping[str, Any] | None = None) -> Job:
    """Return the job without its search, with a trial's epochs and values, and with `others` by path."""
    epochs = {} if "training" in values else {"training.epochs": search_of(job).epochs or job.training.epochs}
    return changed(job, {"hyperopt": None, **epochs, **values, **(others or {})})


def search_of(job: Job) -> Hyperopt:
    """Return the `hyperopt` block of a job that has one."""
    if job.hyperopt is None:
        raise TypeError(f"{job.name} has no search")
    return job.hyperopt


def members(job: Job) -> list[Job]:
    """Return the jobs of an ensemble: ordinary ones, each with its seed and, with bootstrap, its draw of events."""
    if job.ensemble is None:
        return []
    common: dict[str, Any] = {"ensemble": None, "rationale": f"A member of {job.name}.", "export": {}}
    jobs = []
    for seed in job.ensemble.all_seeds(job.seed):
        bootstrap = seed if job.ensemble.bootstrap else None
        own = {"name": f"{job.name}_seed{seed}", "seed": seed, "training.bootstrap": bootstrap}
        jobs.append(changed(job, common | own))
    return jobs


def with_members(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs with the members of those that are ensembles."""
    return [each for job in jobs for each in (job, *members(job))]
