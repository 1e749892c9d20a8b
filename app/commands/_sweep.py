"""The one table in which a sweep ends: each of its runs, and the mean over the folds of a cross-validation."""

import json
import math
from collections.abc import Sequence
from itertools import takewhile
from statistics import mean, stdev

import registry
from app.config import Job
from app.runtime.console import console, table
from registry import cells
from registry.record import number


def show_sweep(jobs: Sequence[Job]) -> None:
    """Print one table of all runs of a sweep, in their order, as the registry knows them, with the folds' means."""
    records = {job.name: registry.find_or_warn(registry.root(), job.name) for job in jobs}
    known = {name: record for name, record in records.items() if record is not None}
    of_runs = ((task, r.metric) for record in known.values() for task, r in record.results.items() if r.metric)
    columns = list(dict.fromkeys(of_runs))
    rows = [
        [run, record.state, cells.count(record.parameters), *(figure(record, *column) for column in columns)]
        for run, record in known.items()
    ]
    against = [cells.against(record) for record in known.values()]
    for folds in groups_of_folds(jobs):
        done = [known[name] for name in folds if name in known and known[name].state == "done"]
        spreads = [describe_spread([value_of(record, *column) for record in done]) for column in columns]
        rows.append([common_name(folds), f"{len(done)} of {len(folds)} folds", "", *spreads])
        beaten = sum(not record.unbeaten for record in done)
        against.append(f"better than all in {beaten} of {len(done)} folds" if done else "")
    heads = [f"{task}: {metric}" if task else metric for task, metric in columns] or ["result"]
    rows = [[*row, *([] if columns else [""]), text] for row, text in zip(rows, against, strict=True)]
    table("the sweep", ("run", "state", "parameters", *heads, "against baselines"), rows, numbers_from=len(heads) + 4)
    if len(rows) > len(known):
        console.print("of folds: mean ± standard deviation of one fold")


def groups_of_folds(jobs: Sequence[Job]) -> list[list[str]]:
    """Return the names of the runs that differ in their fold alone, each group in the order of the jobs."""
    groups: dict[str, list[str]] = {}
    for job in jobs:
        content = job.dump()
        split = content["dataset"]["split"]
        if split["folds"] is not None:
            alike = content | {"name": "", "dataset": content["dataset"] | {"split": split | {"fold": 0}}}
            groups.setdefault(json.dumps(alike), []).append(job.name)
    return [names for names in groups.values() if len(names) > 1]


def value_of(record: registry.Record, task: str, metric: str) -> float | None:
    """Return the run's result of a task; None where it has none, or one of another metric."""
    result = record.results.get(task)
    return result.value if result is not None and result.metric == metric else None


def figure(record: registry.Record, task: str, metric: str) -> str:
    """Return the run's result of a task as text."""
    value = value_of(record, task, metric)
    return ("not finite" if record.state == "done" else "") if value is None else number(value)


def describe_spread(values: Sequence[float | None]) -> str:
    """Return the mean of the folds and the standard deviation of one, '2.50 ± 1.29'.

    >>> describe_spread([1.0, 2.0, 3.0, 4.0]), describe_spread([2.0]), describe_spread([None, 1.0])
    ('2.50 ± 1.29', '2.00', 'not finite')
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not values or len(known) < len(values):
        return "not finite" if values else ""
    text = number(mean(known))
    return f"{text} ± {number(stdev(known))}" if len(known) > 1 else text


def common_name(names: Sequence[str]) -> str:
    """Return what names have in common, with a star for the rest.

    >>> common_name(["fold_0_of_5", "fold_1_of_5"]), common_name(["f9", "f10"])
    ('fold_*_of_5', 'f*')
    """
    start = _common_start(names)
    end = _common_start([name[len(start) :][::-1] for name in names])[::-1]
    return f"{start}*{end}"


def _common_start(texts: Sequence[str]) -> str:
    pairs = zip(min(texts), max(texts), strict=False)
    return "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
