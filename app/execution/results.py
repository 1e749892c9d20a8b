"""What a run leaves behind: provenance and normalisation before it trains, model, metrics, plots and verdict after."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import registry
from app.config import Job
from app.core.files import write_json
from app.data.loading import Data
from app.evaluation.displays import write_displays
from app.evaluation.measure import test_metrics
from app.evaluation.task_metrics import merge_tasks, scalars
from app.execution.ensemble_summary import beside_members, gains
from app.export.onnx_file import after_run
from app.export.root_file import run_facts, write_root
from app.history import final_terms, unmoved
from app.runs.directory import RunDirectory
from app.runs.plots import draw_plots
from app.runs.record import fingerprint, result_fields
from app.runtime.provenance import now, provenance
from app.training.build import Networks

logger = logging.getLogger(__name__)


def describe(job: Job, run: RunDirectory, data: Data, built: Networks, device: str) -> None:
    """Write provenance, normalisation and model configuration, and tell the registry."""
    facts = {
        "device": device,
        "dataset": {
            "description": data.source.description,
            "fingerprint": data.source.fingerprint,
            "simulated": data.simulated,
            "rows": {part: getattr(data.splits, part).rows for part in ("train", "validation", "test")},
            "units": {name: column.unit for name, column in data.source.targets.items()},
            "facts": dict(data.source.facts),
        },
        "start": now(),
        "end": None,
    }
    if not run.provenance.exists():
        write_json(run.provenance, provenance(facts))
    write_json(run.normalization, built.normalization)
    layers = [
        {"name": layer.name, "type": type(layer).__name__, "parameters": layer.count_params()}
        for layer in (built.network or built.deployed).layers
    ]
    words = {"description": built.description} if built.description else {}
    write_json(run.model_config, {**words, "parameters": parameters(built), "layers": layers})
    registry.update(
        registry.root(),
        job.name,
        parameters=parameters(built),
        dataset=data.source.description,
        simulated=data.simulated,
        fingerprint=fingerprint(job, data.source.fingerprint),
        device=device,
        **({"model": built.description} if built.description else {}),
    )
    logger.info("model: %s, %s parameters", built.description or job.model.name, f"{parameters(built):,}")


def parameters(built: Networks) -> int:
    """Return the number of trainable parameters, counted; of a classical model that of its fitted coefficients."""
    if built.network is None:
        return int(built.deployed.count_params())
    return int(sum(weight.size for weight in map(_as_array, built.network.trainable_weights)))


def _as_array(weight: Any) -> Any:
    return weight.numpy()


def measure_and_register(
    job: Job,
    run: RunDirectory,
    data: Data,
    built: Networks,
    history: dict[str, Any],
    members: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Save the best model, predict the test split, compare with the baselines, draw the plots, register the result.

    Args:
        job: the job.
        run: where everything goes.
        data: of the job.
        built: its networks with the best weights.
        history: content of history.json so far.
        members: of an ensemble, the content of each member's metrics.json.
    """
    _save(run, built)
    results, predictions = test_metrics(job, data, built.deployed)
    if members:
        results = beside_members(results, members)
    write_json(run.metrics, results)
    history["test_final"] = merge_tasks({name: found["model"] for name, found in results.items()})
    write_json(run.history, history)
    predictions.write(run.predictions)
    if job.export.root:
        write_root(run.root_predictions, predictions, run_facts(run))
    write_json(run.metrics, after_run(job, run, data, built.deployed, results))
    write_displays(run.displays, job, data, predictions)
    draw_plots(run, job.plots)
    _finish(job, run, built, results, history)


def keep(job: Job, run: RunDirectory, built: Networks, history: dict[str, Any]) -> None:
    """Save the best model and its history, and leave the test split alone: for the trials of a search."""
    _save(run, built)
    write_json(run.history, history)
    facts = {name: history[name] for name in ("best_epoch", "training_time")}
    row = scalars(history["val"][history["best_epoch"] - 1]) if history["best_epoch"] else {}
    figures = {f"val_{name}": value for name, value in row.items() if name != "epoch"}
    registry.update(registry.root(), job.name, state="done", metrics=figures, epoch=len(history["train"]), **facts)


def _save(run: RunDirectory, built: Networks) -> None:
    built.deployed.save(run.path / "model.part.keras")
    (run.path / "model.part.keras").replace(run.model)


def _finish(job: Job, run: RunDirectory, built: Networks, results: dict[str, Any], history: dict[str, Any]) -> None:
    provenance = json.loads(run.provenance.read_text())
    write_json(run.provenance, {**provenance, "end": now()})
    idle = unmoved(history, job.tasks)
    for line in idle:
        logger.warning("%s", line)
    record = registry.update(
        registry.root(),
        job.name,
        state="done",
        notes=[(registry.now(), line) for line in [*idle, *gains(results)]],
        **result_fields(results, built.description),
        metrics=history["test_final"] | final_terms(history),
        best_epoch=history["best_epoch"],
        training_time=history["training_time"],
        epoch=len(history["train"]) or None,
    )
    level = logging.WARNING if "NOT" in record.verdict else logging.INFO
    value = next(iter(results.values()))["model"][record.metric]
    logger.log(level, "%s: %s %s", record.metric, f"{value:.4g}", record.verdict)
