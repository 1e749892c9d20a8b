"""Results beside the baselines as the registry wants them: from metrics.json to the fields of a record."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from pathlib import Path
from typing import Any

import registry
from app.config import Job
from app.core.catalog import Spec
from app.core.files import REPOSITORY
from app.metrics import BASELINES
from app.runtime.provenance import commit_of

JOB_ID = "WIRECHAMBER_JOB_ID"
"""Set by the script of a job in a pool: HTCondor's cluster.process."""


def fingerprint(job: Job, data: str) -> str:
    """Return a hash of the data's content, of how they are read and of how they are split: equal ones compare.

    Args:
        job: whose dataset block says how.
        data: the fingerprint of the content.
    """
    content = {
        name: value for name, value in job.dataset.dump().items() if name not in ("files", "simulate", "streaming")
    }
    return hashlib.sha256(f"{data}{json.dumps(content, sort_keys=True)}".encode()).hexdigest()[:16]


def result_fields(results: dict[str, Any], description: str = "") -> dict[str, Any]:
    """Return the tasks' results beside the baselines; a classical model is not compared with what it is itself.

    Args:
        results: content of metrics.json.
        description: of the model, as a classical one says what it is.
    """
    (name, first), *others = ((name, _result(found)) for name, found in results.items())
    if others:
        return {**first.model_dump(), "task": name, "others": dict(others)}
    words = next(iter(results.values())).get("descriptions", {})
    itself = next((baseline for baseline, text in words.items() if text == description.partition("; ")[0]), None)
    if itself is None:
        return first.model_dump()
    del first.baselines[itself]
    verdict = registry.verdict(first.value, first.baselines, first.better)
    return {**first.model_dump(), "verdict": f"is the baseline {itself} itself; {verdict}"}


def _result(found: dict[str, Any]) -> registry.Result:
    metric = found["metric"]
    known = {name: figures for name, figures in found["baselines"].items() if not BASELINES[name].facts.truth}
    baselines = {name: figures[metric] for name, figures in known.items()}
    return registry.Result(metric=metric, better=found["better"], value=found["model"][metric], baselines=baselines)


def record_fields(job: Job) -> dict[str, Any]:
    """Return the fields of a record that follow from the job alone."""
    return {
        "application": job.application,
        "rationale": job.rationale,
        **({} if job.is_classical else _of_training(job)),
        "seed": job.seed,
        "model": _model(job),
    }


def _of_training(job: Job) -> dict[str, Any]:
    return {
        "epochs": job.training.epochs,
        "loss": ", ".join(task.loss.name for task in job.tasks.values()),
        "transform": ", ".join("+".join(t.name for t in task.transform) for task in job.tasks.values()),
        "hyperparameters": hyperparameters(job),
    }


def _model(job: Job) -> str:
    parameters = job.model.parameters
    hidden = parameters.get("hidden")
    size = "-".join(map(str, hidden)) if hidden else parameters.get("preset")
    return " ".join(str(word) for word in (job.model.name, size) if word)


def hyperparameters(job: Job) -> str:
    """Return batch size, optimizer and schedule with their rates, and what the model has other than its defaults."""
    training = job.training
    words = [f"batch {training.batch_size}", _with_settings(training.optimizer), _with_settings(training.schedule)]
    return ", ".join([*words, *_settings(job.model)])


def _with_settings(spec: Spec[Any]) -> str:
    settings = ", ".join(_settings(spec, always=("learning_rate", "weight_decay")))
    return f"{spec.name} ({settings})" if settings else spec.name


def _settings(spec: Spec[Any], always: tuple[str, ...] = ()) -> list[str]:
    options = spec.options
    fields = {n: field for n, field in type(options).model_fields.items() if n not in ("name", "inputs")}
    values = {n: getattr(options, n) for n in fields}
    chosen = {n: v for n, v in values.items() if n in always or v != fields[n].default}
    return [f"{name} {_shown(value)}" for name, value in chosen.items() if value is not None]


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "-".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def facts_of(job: Job, config: Path, commit: tuple[str | None, bool] | None = None) -> dict[str, Any]:
    """Return what the registry knows of a run before it has begun; `commit` is that of the program, if it is known."""
    name, dirty = commit or commit_of(REPOSITORY)
    return {
        **record_fields(job),
        "config": str(config.resolve()),
        "host": socket.gethostname(),
        "job_id": os.environ.get(JOB_ID),
        "commit": name or "",
        "dirty": dirty,
    }
