"""A finished run's model as model.onnx: made, checked against Keras on validation events, and described."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.config import Job
from app.core.destination import make_folder
from app.core.errors import UserError, WirechamberError
from app.core.files import read_json, write_bytes
from app.core.libraries import keras
from app.data.loading import Data
from app.data.tables import first_events
from app.export import parity
from app.export.graph import output_names, to_onnx
from app.export.metadata import card
from app.runs.directory import RunDirectory

logger = logging.getLogger(__name__)

ROWS = 1000
"""Validation events on which the two are compared."""
HALF, SINGLE = "mixed_float16", "float32"

Results = dict[str, Any]
"""Content of metrics.json: {task: its figures}."""


class Differs(WirechamberError):  # noqa: N818 - what happened to the file
    """The outputs of the ONNX model differ from those of the Keras model; `results` say by how much."""

    def __init__(self, text: str, results: Results) -> None:
        super().__init__(text)
        self.results = results


def export_onnx(job: Job, run: RunDirectory, data: Data, deployed: Any, results: Results, path: Path) -> Results:
    """Write the ONNX model to `path`, and return metrics.json with the comparison in it, under `onnx` of each task.

    Args:
        job: the run's job.
        run: whose provenance.json names the commit.
        data: of the job; up to 1,000 events of its validation split are compared.
        deployed: the Keras model.
        results: content of metrics.json.
        path: of the new file; what lies there stays unless the new model agrees with Keras.

    Raises:
        UserError: a layer has no counterpart in ONNX, or provenance.json is missing or damaged.
        Differs: an output differs; the error holds by how much, and the file is kept as `<name>.differs.onnx`.
    """
    began = time.monotonic()
    model = in_float32(deployed)
    proto = to_onnx(model, job.name)
    commit = read_json(run.provenance).get("commit")
    for key, text in card(job, data, model, commit).items():
        proto.metadata_props.add(key=key, value=text)
    content = proto.SerializeToString()
    seconds = time.monotonic() - began
    events = first_events(data.splits.validation, ROWS)
    found = parity.compare(model, content, events.inputs, output_names(model))
    facts = {"events": len(events), "export_seconds": round(seconds, 2), "bytes": len(content)}
    results = with_parity(results, found, facts)
    make_folder(path.parent)
    bad = parity.differing(found)
    kept = path.with_suffix(".differs.onnx") if bad else path
    write_bytes(kept, lambda file: file.write(content))
    if bad:
        text = f"{kept}: ONNX differs from Keras in {'; '.join(bad)}. Allowed {parity.TOLERANCE:g}."
        raise Differs(text, results)
    worst = max(figures["max_rel"] or 0.0 for figures in found.values())
    words = "%s: %.1f MB in %.1f s; differs from Keras by %.1g of each output's largest value, on %d events"
    logger.info(words, path.name, len(content) / 1e6, seconds, worst, len(events))
    return results


def in_float32(model: Any) -> Any:
    """Return the model itself, or with the same weights one that computes in float32 where it does so in float16."""
    text = model.to_json()
    if HALF not in text:
        return model
    copy = keras.models.model_from_json(text.replace(HALF, SINGLE))
    copy.set_weights(model.get_weights())
    return copy


def with_parity(results: Results, found: parity.Differences, facts: Mapping[str, Any]) -> Results:
    """Return the results with each task's outputs under `onnx`; what belongs to no task stands with the first."""
    owners = {name: _owner(name, list(results)) for name in found}
    return {
        task: {**figures, "onnx": {**facts, "outputs": {n: found[n] for n in found if owners[n] == task}}}
        for task, figures in results.items()
    }


def _owner(output: str, tasks: list[str]) -> str:
    name = output.removeprefix("predicted_")
    own = [task for task in tasks if name == task or output == task or name.startswith(f"{task}_")]
    return max(own, key=len, default=tasks[0])


def with_old_parity(results: Results, path: Path) -> Results:
    """Return new results with what an older metrics.json says of the ONNX model."""
    try:
        old = read_json(path)
    except UserError:
        return results
    return {name: {**found, **_parity_of(old.get(name))} for name, found in results.items()}


def _parity_of(figures: Any) -> dict[str, Any]:
    return {"onnx": figures["onnx"]} if isinstance(figures, dict) and "onnx" in figures else {}


def after_run(job: Job, run: RunDirectory, data: Data, deployed: Any, results: Results) -> Results:
    """Export as the job says at the end of its run, which is done whatever becomes of this; return metrics.json."""
    if not job.export.onnx:
        return results
    try:
        return export_onnx(job, run, data, deployed, results, run.onnx)
    except Differs as error:
        logger.warning("%s", error)
        return error.results
    except Exception as error:  # of foreign code: a training must not be lost by it
        logger.warning("no model.onnx: %s", error)
        return results
