"""A finished run's model as model.onnx: made, described, and compared with Keras on validation events."""

import json
import logging
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from app.config import Job
from app.core.errors import UserError, WirechamberError
from app.core.files import make_folder, read_json, write_bytes
from app.core.libraries import keras
from app.data.loading import Data, first_events
from app.export import parity
from app.export.graph import output_names, to_onnx
from app.predictions import CONCENTRATION, TASK_OUTPUTS, output_columns, output_name
from app.runs.directory import RunDirectory

logger = logging.getLogger(__name__)

ROWS = 1000
"""Validation events on which the two are compared."""
HALF, SINGLE = "mixed_float16", "float32"

Results = dict[str, Any]
"""Content of metrics.json: {task: its figures}."""


class ParityError(WirechamberError):
    """The outputs of the ONNX model are not those of the Keras model.

    Attributes:
        results: content of metrics.json, with the comparison in it.
    """

    def __init__(self, message: str, results: Results) -> None:
        super().__init__(message)
        self.results = results


def export_onnx(job: Job, run: RunDirectory, data: Data, deployed: Any, results: Results, path: Path) -> Results:
    """Write the ONNX model to `path`, and return metrics.json with the comparison in it, under `onnx` of each task.

    Args:
        job: the run's job.
        run: where provenance.json is.
        data: of the job; up to 1,000 events of its validation split are compared.
        deployed: the Keras model.
        results: content of metrics.json.
        path: of the new file; what lies there stays unless the new model agrees with Keras.

    Raises:
        UserError: a layer has no counterpart in ONNX, or provenance.json is missing or damaged.
        ParityError: an output differs; the file is kept as `<name>.differs.onnx`.
    """
    began = time.monotonic()
    model = to_float32(deployed)
    proto = to_onnx(model, job.name)
    commit = read_json(run.provenance).get("commit")
    for key, text in describe_model(job, data, model, commit).items():
        proto.metadata_props.add(key=key, value=text)
    content = proto.SerializeToString()
    seconds = time.monotonic() - began
    events = first_events(data.splits.validation, ROWS)
    differences = parity.compare(model, content, events.inputs, output_names(model))
    facts = {"events": len(events), "export_seconds": round(seconds, 2), "bytes": len(content)}
    results = with_parity(results, differences, facts)
    make_folder(path.parent)
    described = parity.describe_differences(differences)
    if described:
        path = path.with_suffix(".differs.onnx")
    write_bytes(path, lambda file: file.write(content))
    if described:
        message = f"{path}: ONNX differs from Keras in {'; '.join(described)}. Allowed {parity.TOLERANCE:g}."
        raise ParityError(message, results)
    worst = max(figures["max_rel"] or 0.0 for figures in differences.values())
    message = "%s: %.1f MB in %.1f s; differs from Keras by %.1g of each output's largest value, on %d events"
    logger.info(message, path.name, len(content) / 1e6, seconds, worst, len(events))
    return results


def export_after_run(job: Job, run: RunDirectory, data: Data, deployed: Any, results: Results) -> Results:
    """Export as the job says at the end of its run, which is done whatever becomes of this; return metrics.json."""
    if not job.export.onnx:
        return results
    try:
        return export_onnx(job, run, data, deployed, results, run.onnx)
    except ParityError as error:
        logger.warning("%s", error)
        return error.results
    except Exception as error:  # of foreign code: a training must not be lost by it
        logger.warning("no model.onnx: %s", error)
        return results


def to_float32(model: Any) -> Any:
    """Return the model itself, or with the same weights one that computes in float32 where it does so in float16."""
    text = model.to_json()
    if HALF not in text:
        return model
    copy = keras.models.model_from_json(text.replace(HALF, SINGLE))
    copy.set_weights(model.get_weights())
    return copy


def with_parity(results: Results, differences: parity.Differences, facts: Mapping[str, Any]) -> Results:
    """Return the results with each task's outputs under `onnx`; an output of no task is listed with the first one."""
    owners = {output_name(task, output): task for task in results for output in TASK_OUTPUTS}
    outputs: dict[str, dict[str, Any]] = {task: {} for task in results}
    for name, difference in differences.items():
        task = owners.get(name) or owners.get(name.removeprefix("predicted_")) or next(iter(results))
        outputs[task][name] = difference
    return {task: {**figures, "onnx": {**facts, "outputs": outputs[task]}} for task, figures in results.items()}


def with_old_parity(results: Results, path: Path) -> Results:
    """Return new results with what an older metrics.json says of the ONNX model."""
    try:
        old = read_json(path)
    except UserError:
        return results
    known = {task: figures["onnx"] for task, figures in old.items() if isinstance(figures, dict) and "onnx" in figures}
    return {task: {**figures, **({"onnx": known[task]} if task in known else {})} for task, figures in results.items()}


def describe_model(job: Job, data: Data, model: Any, commit: str | None) -> dict[str, str]:
    """Return the metadata of the file: where it comes from, and as JSON what its inputs and outputs mean.

    The columns of an input are along its last axis, in this order; where there is one, of images without channels, it
    is what each pixel holds.

    Args:
        job: the job of the run.
        data: its data.
        model: the deployed model.
        commit: of the program that trained it.
    """
    try:
        version = metadata.version("wirechamber")
    except metadata.PackageNotFoundError:  # a checkout that was not installed
        version = ""
    inputs = {}
    for name in sorted(model.input):
        known = data.source.inputs[name]
        columns = [{"name": c.name, "unit": c.unit, "description": c.description} for c in known.columns]
        inputs[name] = {"shape": [None, *known.shape], "columns": columns}
    facts = {
        "wirechamber": version,
        "commit": commit or "",
        "job": job.name,
        "application": job.application,
        "dataset": data.description,
        "dataset_fingerprint": data.fingerprint,
        "simulated": json.dumps(data.simulated),
        "inputs": json.dumps(inputs),
        "outputs": json.dumps(describe_outputs(job, data, model)),
    }
    magnet = data.source.magnet
    return facts if magnet is None or magnet.z_start is None else {**facts, "z_start_mm": repr(float(magnet.z_start))}


def describe_outputs(job: Job, data: Data, model: Any) -> dict[str, Any]:
    """Return task, meaning and columns of each output, by its name in the graph."""
    owners = {output_name(task, output): (task, output) for task in job.tasks for output in TASK_OUTPUTS}
    described = {}
    for name, name_in_graph in output_names(model).items():
        task, output = owners.get(name, ("", name))
        columns = []
        if task and output != CONCENTRATION:
            targets = job.tasks[task].targets
            units = {task: "rad"} | {target: data.source.targets[target].unit for target in targets}
            names = output_columns(output, task, targets, model.output[name].shape[-1])
            columns = [{"name": column, "unit": units.get(column, "")} for column in names]
        described[name_in_graph] = {"task": task, "what": output, "columns": columns}
    return described
