"""What the registry records of a run: fields that follow from its job and from metrics.json."""

import hashlib
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import registry
from app.config import Job
from app.core.catalog import Spec
from app.core.files import REPOSITORY
from app.metrics import BASELINES
from app.runs.directory import runs_root
from app.runtime.provenance import commit_of

JOB_ID = "WIRECHAMBER_JOB_ID"
"""Set by the script of a job in a pool: HTCondor's cluster.process."""


def folder_of(runs: Path) -> str:
    """Return a hash of this machine and a folder of runs: only there a run that has no directory has lost it."""
    return hashlib.sha256(f"{socket.gethostname()}:{runs.resolve()}".encode()).hexdigest()[:16]


def fingerprint(job: Job, data: str) -> str:
    """Return a hash of the data's content and of how they are read and split: runs with equal hashes can be compared.

    Args:
        job: its dataset block says how the data are read and split.
        data: the fingerprint of the content.
    """
    left_out = ("files", "simulate", "streaming")
    content = {name: value for name, value in job.dataset.dump().items() if name not in left_out}
    if content["selection"] is None:  # as before there were selections
        del content["selection"]
    if job.dataset.options.split.folds is None:  # as before there were folds
        content["split"] = {name: value for name, value in content["split"].items() if name not in ("folds", "fold")}
    return hashlib.sha256(f"{data}{json.dumps(content, sort_keys=True)}".encode()).hexdigest()[:16]


def result_fields(results: dict[str, Any], description: str = "") -> dict[str, Any]:
    """Return the results of all tasks and of the baselines; a classical model is not compared with itself.

    Args:
        results: content of metrics.json.
        description: of the model; it identifies a classical one.
    """
    tasks: dict[str, registry.Result] = {}
    for name, figures in results.items():
        metric, baselines = figures["metric"], figures["baselines"]
        values = {n: baselines[n][metric] for n in baselines if not BASELINES[n].facts.truth}
        value = figures["model"][metric]
        tasks[name] = registry.Result(metric=metric, better=figures["better"], value=value, baselines=values)
    (leading, first), *others = tasks.items()
    if others:
        return {**first.model_dump(), "task": leading, "others": dict(others)}
    descriptions = next(iter(results.values())).get("descriptions", {})
    itself = next((name for name, text in descriptions.items() if text == description.partition("; ")[0]), None)
    if itself is None:
        return first.model_dump()
    del first.baselines[itself]
    verdict = registry.verdict(first.value, first.baselines, first.better)
    return {**first.model_dump(), "verdict": f"is the baseline {itself} itself; {verdict}"}


def describe_model(name: str, parameters: Mapping[str, Any]) -> str:
    """Return a model with its size: its hidden layers where the job gives them, else its preset.

    >>> describe_model("mlp", {"preset": "medium", "hidden": [16, 8]})
    'mlp 16-8'
    """
    hidden = parameters.get("hidden")
    size = "-".join(map(str, hidden)) if hidden else parameters.get("preset")
    return f"{name} {size}" if size else name


def record_fields(job: Job) -> dict[str, Any]:
    """Return the fields of a record that follow from the job alone."""
    training = {}
    if not job.is_classical:
        training = {
            "epochs": job.training.epochs,
            "loss": ", ".join(task.loss.name for task in job.tasks.values()),
            "transform": ", ".join("+".join(t.name for t in task.transform) for task in job.tasks.values()),
            "hyperparameters": describe_hyperparameters(job),
        }
    model = describe_model(job.model.name, job.model.parameters)
    return {"application": job.application, "rationale": job.rationale, **training, "seed": job.seed, "model": model}


def describe_hyperparameters(job: Job) -> str:
    """Return batch size, optimizer and schedule with their rates, and what differs from the model's defaults."""
    training, parts = job.training, [f"batch {job.training.batch_size}"]
    for spec in (training.optimizer, training.schedule):
        settings = ", ".join(_settings(spec, always=("learning_rate", "weight_decay")))
        parts.append(f"{spec.name} ({settings})" if settings else spec.name)
    return ", ".join([*parts, *_settings(job.model)])


def facts_of(job: Job, config: Path, commit: tuple[str | None, bool] | None = None) -> dict[str, Any]:
    """Return what is known of a run before it has begun; `commit` is that of the program, if it is known."""
    name, dirty = commit or commit_of(REPOSITORY)
    return {
        **record_fields(job),
        "config": str(config.resolve()),
        "host": socket.gethostname(),
        "folder": folder_of(runs_root()),
        "job_id": os.environ.get(JOB_ID),
        "commit": name or "",
        "dirty": dirty,
    }


def _settings(spec: Spec[Any], always: tuple[str, ...] = ()) -> list[str]:
    """Return the options of a component that differ from its defaults, and those named in `always`, as text."""
    texts = []
    for name, field in type(spec.options).model_fields.items():
        value = getattr(spec.options, name)
        if name in ("name", "inputs") or value is None or (value == field.default and name not in always):
            continue
        if isinstance(value, (tuple, list)):
            value = "-".join(map(str, value))
        texts.append(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}")
    return texts
