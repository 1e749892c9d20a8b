"""What an ONNX file says of itself: where it comes from, and what its inputs and outputs mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from app.config import Job
from app.data.loading import Data
from app.export.graph import output_names
from app.layers.physical_outputs import CONCENTRATION, PROBABILITY, SIGMA, SPREAD
from datasets.pipeline.events import Column


def card(job: Job, data: Data, model: Any, commit: str | None) -> dict[str, str]:
    """Return the metadata of the file; `inputs` and `outputs` are JSON.

    Args:
        job: the job of the run.
        data: its data.
        model: the deployed model.
        commit: of the program that trained it.
    """
    facts = {
        "wirechamber": _version(),
        "commit": commit or "",
        "job": job.name,
        "application": job.application,
        "dataset": data.source.description,
        "dataset_fingerprint": data.source.fingerprint,
        "simulated": json.dumps(data.simulated),
        "inputs": json.dumps(_inputs(data, model)),
        "outputs": json.dumps(_outputs(job, data, model)),
    }
    magnet = data.source.magnet
    known = {} if magnet is None or magnet.z_start is None else {"z_start_mm": repr(float(magnet.z_start))}
    return facts | known


def _version() -> str:
    try:
        return metadata.version("wirechamber")
    except metadata.PackageNotFoundError:  # a checkout that was not installed
        return ""


def _column(column: Column) -> dict[str, str]:
    return {"name": column.name, "unit": column.unit, "description": column.description}


def _inputs(data: Data, model: Any) -> dict[str, Any]:
    """Return shape and columns of each input.

    The columns stand along the last axis in this order; where there is one, of images without channels, it is what
    each pixel holds.
    """
    known = data.source.inputs
    return {
        name: {
            "shape": [None, *known[name].shape],
            "columns": [_column(column) for column in known[name].columns],
        }
        for name in sorted(model.input)
    }


def _outputs(job: Job, data: Data, model: Any) -> dict[str, Any]:
    """Return task, meaning and columns of each output, by its name in the graph."""
    owners = {name: (task, what) for task in job.tasks for name, what in _names(task).items()}
    found = {}
    for name, said in output_names(model).items():
        task, what = owners.get(name, ("", name))
        columns = _columns(job, data, task, what, model.output[name].shape[-1])
        found[said] = {"task": task, "what": what, "columns": columns}
    return found


def _names(task: str) -> dict[str, str]:
    return {task: "value"} | {f"{task}_{what}": what for what in (SIGMA, PROBABILITY, CONCENTRATION, SPREAD)}


def _columns(job: Job, data: Data, task: str, what: str, width: int | None) -> list[dict[str, str]]:
    if not task or what == CONCENTRATION:
        return []
    targets: Mapping[str, Column] = data.source.targets
    names = job.tasks[task].targets
    if what == PROBABILITY or (what == SPREAD and width != len(names)):
        return [{"name": f"{names[0]}_{k}", "unit": ""} for k in range(width or 0)]
    return [{"name": name, "unit": targets[name].unit} for name in names]
