"""What a run leaves behind: provenance and normalisation before it trains, model, metrics, plots and verdict after."""

from __future__ import annotations

import json
import logging
from typing import Any

import registry
from app import evaluate, run_directory
from app.build import Built, Data
from app.config import Job
from app.core.files import write_json
from app.plots.drawing import draw
from app.plots.inputs import PlotInputs
from app.predictions import Predictions
from app.run_directory import RunDirectory

logger = logging.getLogger(__name__)


def describe(job: Job, run: RunDirectory, data: Data, built: Built, device: str) -> None:
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
        "start": run_directory.now(),
        "end": None,
    }
    if not run.provenance.exists():
        write_json(run.provenance, run_directory.provenance(facts))
    write_json(run.normalization, built.normalization)
    layers = [{"name": layer.name, "type": type(layer).__name__, "parameters": layer.count_params()} for layer in built.network.layers]
    write_json(run.model_config, {"parameters": parameters(built), "layers": layers})
    registry.update(
        registry.root(),
        job.name,
        parameters=parameters(built),
        dataset=data.source.description,
        simulated=data.simulated,
        fingerprint=f"{data.source.fingerprint}-{job.dataset.options.split.seed}",
        device=device,
    )
    logger.info("model: %s, %s parameters", job.model.name, f"{parameters(built):,}")


def parameters(built: Built) -> int:
    """Return the number of trainable parameters, counted."""
    return int(sum(weight.size for weight in map(_as_array, built.network.trainable_weights)))


def _as_array(weight: Any) -> Any:
    return weight.numpy()


def measure(job: Job, run: RunDirectory, data: Data, built: Built, history: dict[str, Any]) -> None:
    """Save the best model, predict the test split, compare with the baselines, draw the plots, register the result."""
    built.deployed.save(run.path / "model.part.keras")
    (run.path / "model.part.keras").replace(run.model)
    results, predictions = test_metrics(job, data, built.deployed)
    write_json(run.metrics, results)
    history["test_final"] = {k: v for task in results.values() for k, v in evaluate.plain(task["model"]).items()}
    write_json(run.history, history)
    predictions.write(run.predictions)
    draw_plots(run)
    _finish(job, run, results, history)


def test_metrics(job: Job, data: Data, deployed: Any) -> tuple[dict[str, Any], Predictions]:
    """Return the metrics of every task beside those of its baselines, and the predictions themselves."""
    events = data.splits.test.events()
    predictions = evaluate.predict(evaluate.Predictor(deployed), events, job)
    both = evaluate.with_baselines(predictions, events, data, evaluate.fit_baselines(data, job))
    return {name: evaluate.measure(both, task) for name, task in job.tasks.items()}, both


def draw_plots(run: RunDirectory, names: list[str] | None = None, folder: Any = None) -> list[Any]:
    """Draw the run's plots from its saved history and predictions alone."""
    facts = json.loads(run.provenance.read_text())["dataset"]
    inputs = PlotInputs(
        predictions=Predictions.read(run.predictions),
        history=json.loads(run.history.read_text()),
        title=run.name,
        units=facts["units"],
        simulated=facts["simulated"],
        subtitle=facts["description"],
    )
    return draw(inputs, folder or run.plots, names)


def _finish(job: Job, run: RunDirectory, results: dict[str, Any], history: dict[str, Any]) -> None:
    first = next(iter(results.values()))
    metric = first["metric"]
    provenance = json.loads(run.provenance.read_text())
    write_json(run.provenance, {**provenance, "end": run_directory.now()})
    record = registry.update(
        registry.root(),
        job.name,
        state="done",
        metric=metric,
        better=first["better"],
        value=first["model"][metric],
        baselines={name: figures[metric] for name, figures in first["baselines"].items()},
        metrics=history["test_final"],
        best_epoch=history["best_epoch"],
        training_time=history["training_time"],
        epoch=len(history["train"]),
    )
    level = logging.WARNING if "NOT" in record.verdict else logging.INFO
    logger.log(level, "%s: %s %s", metric, f"{first['model'][metric]:.4g}", record.verdict)
