"""Samples per second of a training step: `fit` as the program calls it, a bare compiled loop, and PyTorch.

All three train the same network (standardised inputs, kick head with its weighted loss, AdamW) on the same 15,000
tracks, in turns, each in a process of its own. The bare loop is `tf.function(jit_compile=...)` around tape, gradient
and optimizer, called once a batch from Python on batches of the same tf.data pipeline. PyTorch (row left out when it is
not installed) runs eagerly on shuffled slices of tensors in memory, the fastest of its usual ways for such networks.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _results import measure_in_turn, parse_options, report, time_call
from _worker import Worker, serve

from app import optimizers
from app.runtime import device

SIZES = (("medium", 2048, 64), ("tiny", 256, 960))
CHILD = "--child"
NAMES = {"fit": "fit", "fit_xla": "fit, XLA", "bare": "bare loop", "bare_xla": "bare loop, XLA"}
XLA: dict[str, tuple[bool, ...]] = {
    "fit": (False,),
    "fit_xla": (True,),
    "bare": (False,),
    "bare_xla": (True,),
    "torch": (),
}


def prepare(preset: str, batch: int, steps: int, xla: bool | str = "auto") -> tuple[Any, Any, Any]:
    """Return job, data and compiled objective of the shipped tiny job at another size."""
    from app.config.job_file import load

    changes = {
        "model.preset": preset,
        "training.batch_size": batch,
        "training.steps_per_epoch": steps,
        "training.xla": xla,
    }
    words = [f"{path}={str(value).lower() if isinstance(value, bool) else value}" for path, value in changes.items()]
    plain = ["model.inputs={}", "tasks.state.transform=kick"]  # what is written again in PyTorch below
    job = load("json/track_extrapolation/mlp_tiny.json", [*words, *plain])[0]
    return compile_job(job)


def compile_job(job: Any) -> tuple[Any, Any, Any]:
    """Return job, data and objective, compiled as a training does it."""
    from app.data.loading import load_data
    from app.training.build import build
    from app.training.fit import plan

    data = load_data(job)
    built = build(job, data)
    chosen = plan(job, data.splits.train.rows, built.network.count_params())
    optimizer = optimizers.make(job.training.optimizer)
    built.objective.compile(optimizer=optimizer, jit_compile=chosen.xla, steps_per_execution=chosen.steps_per_execution)
    return job, data, built


def fit(preset: str, batch: int, steps: int, xla: bool) -> Callable[[], None]:
    """Return a function that trains one epoch by `fit`, the data pipeline running on between calls."""
    from datasets.pipeline.batches import shuffled_batches

    job, data, built = prepare(preset, batch, steps, xla)
    endless = shuffled_batches(data.splits.train, built.prepare, batch, job.seed)
    return lambda: built.objective.fit(endless, steps_per_epoch=steps, epochs=1, verbose=0, shuffle=False)


def fit_bare(preset: str, batch: int, steps: int, xla: bool) -> Callable[[], None]:
    """Return a function that trains as many steps in a loop of its own."""
    import tensorflow as tf

    from datasets.pipeline.batches import shuffled_batches

    job, data, built = prepare(preset, batch, steps)
    objective, weights = built.objective, built.network.trainable_variables
    objective.optimizer.build(weights)

    @tf.function(jit_compile=xla)
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = objective.compute_loss(x, y, objective(x, training=True))
        objective.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    iterator = iter(shuffled_batches(data.splits.train, built.prepare, batch, job.seed))

    def loop() -> None:
        for _ in range(steps):
            loss = step(*next(iterator))
        float(loss)

    return loop


def fit_torch(preset: str, batch: int, steps: int) -> Callable[[], None]:
    """Return a function that trains the same network in PyTorch."""
    import torch as pt

    from app.models.mlp import PRESETS
    from datasets.pipeline.moments import mean_and_std

    pt.set_num_threads(len(os.sched_getaffinity(0)))
    _, data, _ = prepare(preset, batch, steps)
    events = data.splits.train.events()
    state = events.inputs["state"]
    truth = data.prepare(events)[1]["state"]
    named = dict(zip(data.columns["state"], state.T, strict=True))
    kick = (truth - _line(named)) / named["qop"][:, None]
    mean, std = mean_and_std([kick])
    x_mean, x_std = mean_and_std([state])
    x, y, qop = (pt.tensor(a, dtype=pt.float32) for a in ((state - x_mean) / x_std, (kick - mean) / std, named["qop"]))
    sizes = (state.shape[1], *PRESETS[preset])
    layers = [m for a, b in pairwise(sizes) for m in (pt.nn.Linear(a, b), pt.nn.GELU())]
    network = pt.nn.Sequential(*layers, pt.nn.Linear(sizes[-1], 4))
    optimizer = pt.optim.AdamW(network.parameters(), 1e-3, weight_decay=1e-4)
    scale = qop.abs().mean()

    def loop() -> None:
        order, used = pt.randperm(len(x)), 0
        for _ in range(steps):
            if used + batch > len(x):
                order, used = pt.randperm(len(x)), 0
            rows = order[used : used + batch]
            used += batch
            optimizer.zero_grad(set_to_none=True)
            loss = (((network(x[rows]) - y[rows]) ** 2).mean(1) * qop[rows].abs()).mean() / scale
            loss.backward()
            optimizer.step()
        float(loss.detach())

    return loop


def _line(named: dict[str, Any]) -> Any:
    import numpy as np

    x, y = (named[n] + named[f"t{n}"] * named["dz"] for n in ("x", "y"))
    return np.stack([x, y, named["tx"], named["ty"]], axis=-1)


def child(case: str, preset: str, batch: int, steps: int) -> None:
    """Answer each line on standard input with the seconds that the case took."""
    device.prepare(1)
    serve(
        time_call(
            {"fit": fit, "bare": fit_bare, "torch": fit_torch}[case.split("_")[0]](preset, batch, steps, *XLA[case])
        )
    )


def main() -> None:
    """Measure both sizes."""
    if sys.argv[1:2] == [CHILD]:
        child(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
        return
    chosen = parse_options(__doc__)
    names = {**NAMES, **({"torch": "PyTorch"} if importlib.util.find_spec("torch") else {})}
    rows = []
    for preset, batch, steps in SIZES:
        steps = steps // 8 if chosen.quick else steps
        workers = {name: Worker(__file__, CHILD, case, preset, str(batch), str(steps)) for case, name in names.items()}
        seconds = measure_in_turn(workers, 3 if chosen.quick else 5)
        for worker in workers.values():
            worker.process.kill()
        best = min(value for name, value in seconds.items() if name.startswith("bare"))
        rows += [
            {
                "network": f"{preset}, batch {batch}",
                "loop": name,
                "samples/s": steps * batch / value,
                "steps/s": steps / value,
                "of the faster bare loop": best / value,
            }
            for name, value in seconds.items()
        ]
    notes = [] if "torch" in names else ["PyTorch is not installed here: its row is left out."]
    report("Training throughput", rows, chosen, notes)


if __name__ == "__main__":
    main()
