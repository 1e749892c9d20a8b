"""What a run leaves behind: provenance and normalisation before it trains, model, metrics, plots and verdict after."""

import logging
import shutil
from collections.abc import Mapping
from functools import partial
from statistics import mean
from typing import Any

import registry
from app.config import Job
from app.core.files import read_json, write_file, write_json
from app.core.system import now
from app.data.loading import Data
from app.evaluation.displays import write_displays
from app.evaluation.metrics import measure_events, merge_tasks, scalars
from app.export.onnx_file import export_after_run
from app.export.root_file import run_facts, write_root
from app.history import describe_constant_terms, final_terms
from app.runs.directory import RunDirectory
from app.runs.plots import draw_plots
from app.runs.record import fingerprint, result_fields
from app.runtime.outside_commit import hashes, used_files
from app.runtime.provenance import provenance
from app.training.build import Networks
from registry import cells
from registry.record import number

logger = logging.getLogger(__name__)


def keep_components(run: RunDirectory) -> dict[str, str]:
    """Copy the components that lie outside of the commit into the run, and return their hashes."""
    files = used_files()
    for name, path in files.items():
        (run.components / name).parent.mkdir(parents=True, exist_ok=True)
        write_file(run.components / name, partial(shutil.copyfile, path))
    return hashes({name: run.components / name for name in files})


def describe_run(job: Job, run: RunDirectory, data: Data, networks: Networks, device: str) -> None:
    """Write provenance, normalisation and model configuration, and register them."""
    facts = {
        "device": device,
        "dataset": {
            "description": data.description,
            "fingerprint": data.fingerprint,
            "simulated": data.simulated,
            "rows": {part: getattr(data.splits, part).rows for part in ("train", "validation", "test")},
            "units": {name: column.unit for name, column in data.source.targets.items()},
            "facts": dict(data.source.facts),
        },
        "start": now(),
        "end": None,
    }
    if not run.provenance.exists():
        write_json(run.provenance, provenance(facts | {"components": keep_components(run)}))
    write_json(run.normalization, networks.normalization)
    count, layers = count_parameters(networks), (networks.network or networks.deployed).layers
    table = [{"name": layer.name, "type": type(layer).__name__, "parameters": layer.count_params()} for layer in layers]
    description = {"description": networks.description} if networks.description else {}
    write_json(run.model_config, {**description, "parameters": count, "layers": table})
    registry.update(
        registry.root(),
        job.name,
        parameters=count,
        dataset=data.description,
        simulated=data.simulated,
        fingerprint=fingerprint(job, data.fingerprint),
        device=device,
        **({"model": networks.description} if networks.description else {}),
    )
    logger.info("model: %s, %s parameters", networks.description or job.model.name, f"{count:,}")


def count_parameters(networks: Networks) -> int:
    """Return the number of trainable parameters; of a classical model that of its fitted coefficients."""
    if networks.network is None:
        return int(networks.deployed.count_params())
    return int(sum(weight.numpy().size for weight in networks.network.trainable_weights))


def measure_and_register(
    job: Job,
    run: RunDirectory,
    data: Data,
    networks: Networks,
    history: dict[str, Any],
    members: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Save the best model, predict the test split, compare with the baselines, draw the plots, register the result.

    Args:
        job: the job.
        run: the directory of all files.
        data: of the job.
        networks: of the job, with the best weights.
        history: content of history.json so far.
        members: of an ensemble, the content of each member's metrics.json.
    """
    save_model(run, networks)
    results, predictions = measure_events(job, data, data.splits.test, networks.deployed)
    for task, result in results.items():
        if members:
            result["members"] = {name: dict(scalars(member[task]["model"])) for name, member in members.items()}
    history["test_final"] = merge_tasks({name: result["model"] for name, result in results.items()})
    write_json(run.history, history)
    predictions.write(run.predictions)
    if job.export.root:
        write_root(run.root_predictions, predictions, run_facts(run))
    results = export_after_run(job, run, data, networks.deployed, results)
    write_json(run.metrics, results)
    write_displays(run.displays, job, data, predictions)
    draw_plots(run, job.plots)
    write_json(run.provenance, {**read_json(run.provenance), "end": now()})
    register_result(job, networks, results, history)


def keep_model(job: Job, run: RunDirectory, networks: Networks, history: dict[str, Any]) -> None:
    """Save the best model and its history, and leave the test split alone: for the trials of a search."""
    save_model(run, networks)
    write_json(run.history, history)
    facts = {name: history[name] for name in ("best_epoch", "training_time")}
    row = scalars(history["val"][history["best_epoch"] - 1]) if history["best_epoch"] else {}
    metrics = {f"val_{name}": value for name, value in row.items() if name != "epoch"}
    registry.update(registry.root(), job.name, state="done", metrics=metrics, epoch=len(history["train"]), **facts)


def save_model(run: RunDirectory, networks: Networks) -> None:
    """Write model.keras atomically; raises what `write_file` raises."""
    write_file(run.model, networks.deployed.save, ".keras")


def register_result(job: Job, networks: Networks, results: dict[str, Any], history: dict[str, Any]) -> None:
    """Write the result of a run into the registry and the log."""
    constant = describe_constant_terms(history, job.tasks)
    for line in constant:
        logger.warning("%s", line)
    gains = [describe_members(result) for result in results.values() if result.get("members")]
    record = registry.update(
        registry.root(),
        job.name,
        state="done",
        notes=[(registry.now(), line) for line in [*constant, *gains]],
        **result_fields(results, networks.description),
        test_events=next(iter(results.values()))["model"].get("rows"),
        metrics=history["test_final"] | final_terms(history),
        best_epoch=history["best_epoch"],
        training_time=history["training_time"],
        epoch=len(history["train"]) or None,
    )
    level = logging.WARNING if "NOT" in record.verdict else logging.INFO
    value = next(iter(results.values()))["model"][record.metric]
    figures = f"{cells.result(record)}:" if record.others else f"{record.metric}: {value:.4g}"
    logger.log(level, "%s %s", figures, record.verdict)


def describe_members(result: Mapping[str, Any]) -> str:
    """Return what a task's ensemble gains over its members on the same events, in its leading metric.

    >>> describe_members({"metric": "rms", "better": "lower", "model": {"rms": 0.8}, "members": {"a": {"rms": 1.0}, \
"b": {"rms": 0.9}}})
    'rms of the members 1.00, 0.900: their mean 0.950, of the ensemble 0.800'
    """
    metric = result["metric"]
    values = [member[metric] for member in result["members"].values()]
    texts, own = ", ".join(map(number, values)), number(result["model"][metric])
    return f"{metric} of the members {texts}: their mean {number(mean(values))}, of the ensemble {own}"
