"""From a draw to the job of a trial: an ordinary job, named after its search, without a search of its own."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from app.config.job import Job
from app.config.job_file import parse
from app.config.overrides import assign
from app.config.search_space import Entry, Hyperopt, below, entries
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


def trial_job(job: Job, values: Mapping[str, Any], trial: str, execution: int = 0) -> Job:
    """Return the job of a trial; raises UserError when the values make none.

    Args:
        job: the search.
        values: by path.
        trial: the trial's id.
        execution: of several with one draw; the seeds follow the job's.
    """
    content = with_values(job, values)
    name = f"{job.name}_trial_{trial}" + (f"_{execution + 1}" if execution else "")
    content |= {"name": name, "seed": job.seed + execution, "plots": []}
    content |= {"rationale": f"Trial {trial} of {job.name}.", "tracking": {}}
    return parse(content, name)


def best_job(job: Job, values: Mapping[str, Any], name: str) -> Job:
    """Return the job with the winner's values, to be trained for as long as the job itself says."""
    content = with_values(job, values)
    content["name"] = name
    if "training.epochs" not in values:
        content["training"]["epochs"] = job.training.epochs
    return parse(content, name)


def with_values(job: Job, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of the job with a trial's epochs and values."""
    content = job.dump() | {"hyperopt": None}
    content["training"]["epochs"] = search_of(job).epochs or job.training.epochs
    for path, value in sorted(values.items(), key=_outer_first):
        _set(content, path, copy.deepcopy(value))
    return content


def _outer_first(pair: tuple[str, Any]) -> tuple[int, bool]:
    """A whole component before its parameters, and its name before the others."""
    path = pair[0]
    return path.count("."), path.rpartition(".")[2] != "name"


def _set(content: dict[str, Any], path: str, value: Any) -> None:
    """Assign a value; where it names another component, the parameters of the one before go with it."""
    parent, _, key = path.rpartition(".")
    before = below(content, parent) if parent else None
    if key == "name" and isinstance(before, dict) and before.get("name") != value:
        kept = {name: part for name, part in before.items() if name == "inputs"}
        assign(content, parent.split("."), {**kept, "name": value})
        return
    assign(content, path.split("."), value)


def search_of(job: Job) -> Hyperopt:
    """Return the `hyperopt` block of a job that has one."""
    if job.hyperopt is None:
        raise TypeError(f"{job.name} has no search")
    return job.hyperopt


def members(job: Job) -> list[Job]:
    """Return the jobs of an ensemble: ordinary ones, each with its seed and, with bootstrap, its draw of events."""
    if job.ensemble is None:
        return []
    return [_member(job, seed) for seed in job.ensemble.all_seeds(job.seed)]


def _member(job: Job, seed: int) -> Job:
    content = job.dump()
    content |= {"name": f"{job.name}_seed{seed}", "seed": seed, "ensemble": None}
    content |= {"rationale": f"A member of {job.name}.", "export": {}}
    content["training"] = {**content["training"], "bootstrap": seed if job.ensemble.bootstrap else None}  # type: ignore[union-attr]
    return parse(content)


def with_members(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs with the members of those that are ensembles."""
    return [one for job in jobs for one in (job, *members(job))]
