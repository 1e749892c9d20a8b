"""What the registry says of a job: its model, losses and settings, each in a few words."""

from __future__ import annotations

from typing import Any

from app.config import Job
from app.core.catalog import Spec


def words_of(job: Job) -> dict[str, Any]:
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
