"""How long does the export to ONNX take, how well does it agree, and how fast is it?

One shipped job of each family of models, with weights as they begin (biases moved away from 0), on a few hundred
simulated events: the graph and what it costs do not depend on the training. Throughput is that of batches of 256.
"""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
from _results import interleaved, options, report, timed

from app import device, engines, parity
from app.baseline_tables import first_events
from app.build import build
from app.core.files import REPOSITORY
from app.data import load_data
from app.export import output_names, to_onnx
from app.job_file import load
from datasets._sparse import dense

ROWS = 256
FEW = {
    "track_states": ("tracks=4000", "accuracy=1.0"),
    "plane_images": ("events=400", "shard_size=400"),
    "volume_images": ("events=100", "shard_size=100"),
    "photon_sensors": ("events=400", "shard_size=400", "light_sources=2"),
    "muon_hits": ("events=600", "shard_size=600"),
}
TRACKS, PLANES, HITS = "track_extrapolation/", "electron_direction/", "muon_hits/"
JOBS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (f"{TRACKS}mlp_tiny.json", ()),
    (f"{TRACKS}mlp_medium.json", ()),
    (f"{TRACKS}mlp_rk4.json", ()),
    (f"{TRACKS}pinn.json", ()),
    (f"{TRACKS}rk_pinn.json", ()),
    (f"{TRACKS}momentum_ranges.json", ()),
    (f"{TRACKS}polynomial.json", ()),
    (f"{TRACKS}rk4_steps.json", ()),
    (f"{TRACKS}rk4_steps.json", ("model=thin_lens",)),
    (f"{TRACKS}rk4_steps.json", ("model=straight_line",)),
    ("photon_calorimeter/all_tasks.json", ()),
    ("photon_calorimeter/n_gamma.json", ()),
    ("photon_calorimeter/flat_mlp.json", ()),
    (f"{PLANES}single_plane_x_angular.json", ()),
    (f"{PLANES}three_planes.json", ()),
    (f"{PLANES}three_planes.json", ("model=residual_cnn",)),
    (f"{PLANES}three_plane_attention.json", ()),
    ("channel_tagging/volume_simple.json", ()),
    (f"{HITS}q_over_pt.json", ()),
    (f"{HITS}transformer.json", ()),
    (f"{HITS}transformer.json", ("model=deep_sets",)),
)


def row(file: str, changes: tuple[str, ...], repetitions: int) -> dict[str, Any]:
    """Build, export and compare one job's model."""
    path = REPOSITORY / "json" / file
    few = [f"dataset.simulate.{text}" for text in FEW[load(path)[0].dataset.name]]
    job = load(path, [*few, *changes])[0]
    data = load_data(job)
    model = build(job, data).deployed
    random = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.02 * random.normal(size=weight.shape))
    begun = time.perf_counter()
    content = to_onnx(model, job.name).SerializeToString()
    seconds = time.perf_counter() - begun
    found = parity.compare(model, content, first_events(data.splits.validation, 1000).inputs, output_names(model))
    events = first_events(data.splits.train, ROWS)
    inputs = {name: np.asarray(dense(events.inputs[name]), np.float32) for name in model.input}
    ways = {n: e for n, e in engines.engines(model, content)["cpu"].items() if n in ("keras", "onnx_1_thread")}
    medians = interleaved({name: timed(partial(engine, inputs)) for name, engine in ways.items()}, repetitions)
    return {
        "model": job.model.name,
        "job": Path(file).stem,
        "parameters": f"{model.count_params():,}",
        "export [s]": seconds,
        "file [MB]": len(content) / 1e6,
        "largest relative difference": max(float(one["max_rel"] or 0.0) for one in found.values()),
        "Keras, all cores [events/s]": len(events) / medians["keras"],
        "ONNX, 1 thread [events/s]": len(events) / medians["onnx_1_thread"],
    }


def main() -> None:
    """Measure one job after the other."""
    chosen = options(__doc__)
    device.prepare(0)
    jobs = JOBS[:2] if chosen.quick else JOBS
    rows = [row(file, changes, 3 if chosen.quick else 7) for file, changes in jobs]
    report("Export to ONNX: one shipped job of each family of models", rows, chosen)


if __name__ == "__main__":
    main()
