"""A training that is killed and resumed ends bitwise equal to one that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
EPOCHS = 60


def job(folder: Path) -> Path:
    content = {
        "name": "resumed",
        "application": "track_extrapolation",
        "dataset": {"name": "track_states", "simulate": {"tracks": 900, "momentum": [5, 100]}},
        "model": {"name": "mlp", "hidden": [16, 16], "dropout": 0.1},
        "tasks": {"state": {"targets": ["x", "y", "tx", "ty"], "transform": "kick", "metrics": ["track_residuals"]}},
        "training": {
            "epochs": EPOCHS,
            "batch_size": 64,
            "steps_per_epoch": 16,
            "optimizer": {"name": "adamw", "learning_rate": 1e-2},
            "schedule": {"name": "plateau", "factor": 0.5, "patience": 3},
            "early_stopping": {"patience": 1000},
            "ema": {"momentum": 0.9},
            "keep_every": 1,
        },
    }
    path = folder / "resumed.json"
    path.write_text(json.dumps(content))
    return path


def start(path: Path, runs: Path, *words: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "WIRECHAMBER_RUNS": str(runs),
        "WIRECHAMBER_REGISTRY": str(runs / "registry"),
        "WIRECHAMBER_DATA": str(path.parent / "data"),
    }
    command = [sys.executable, "app/run.py", "--config", str(path), "--deterministic", *words]
    return subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    output = process.communicate(timeout=300)[0]
    assert process.returncode == code, output
    return output


def when(process: subprocess.Popen[str], happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 240
    while not happened() and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.002)


def epochs(run: Path) -> int:
    return max((int(p.name.removeprefix("epoch_")) for p in (run / "checkpoints").glob("epoch_*")), default=0)


def kill_when(process: subprocess.Popen[str], happened: Callable[[], bool], number: int = signal.SIGKILL) -> None:
    when(process, happened)
    process.send_signal(number)


def state(runs: Path) -> dict[str, object]:
    return dict(json.loads((runs / "registry/runs/resumed.json").read_text()))


def arrays(run: Path) -> list[np.ndarray]:
    last = run / "checkpoints" / f"epoch_{EPOCHS:06d}"
    found = []
    for name in ("variables.npz", "best.npz"):
        with np.load(last / name) as content:
            found += [content[key] for key in sorted(content.files)]
    return found


def history(run: Path) -> dict[str, object]:
    content = dict(json.loads((run / "history.json").read_text()))
    content.pop("training_time")
    return content


@pytest.mark.slow
def test_killed_at_many_moments_and_resumed_is_bit_equal(tmp_path: Path) -> None:
    path = job(tmp_path)
    finish(start(path, tmp_path / "whole"))
    run = tmp_path / "killed" / "resumed"
    moments: list[Callable[[], bool]] = [
        lambda: (run / "normalization.json").exists(),  # before the first checkpoint
        lambda: epochs(run) >= 5,
        lambda: epochs(run) >= 20 and any((run / "checkpoints").glob(".*.part")),  # while a checkpoint is written
        lambda: epochs(run) >= 40,
        lambda: epochs(run) == EPOCHS,  # while the model is saved and measured
    ]
    for moment in moments:
        process = start(path, tmp_path / "killed", "--resume")
        kill_when(process, moment)
        output = process.communicate(timeout=60)[0]
        assert process.returncode == -signal.SIGKILL, output
        assert state(tmp_path / "killed")["state"] == "running"
    finish(start(path, tmp_path / "killed", "--resume"))
    whole = tmp_path / "whole" / "resumed"
    for one, other in zip(arrays(whole), arrays(run), strict=True):
        np.testing.assert_array_equal(one, other)
    assert history(whole) == history(run)
    assert (whole / "predictions.csv").read_bytes() == (run / "predictions.csv").read_bytes()
    assert state(tmp_path / "killed")["state"] == "done"
    assert len(history(run)["train"]) == EPOCHS  # type: ignore[arg-type]


@pytest.mark.slow
def test_sigterm_drops_the_epoch_and_exits_with_85(tmp_path: Path) -> None:
    path = job(tmp_path)
    run = tmp_path / "runs" / "resumed"
    process = start(path, tmp_path / "runs")
    kill_when(process, lambda: epochs(run) >= 3, signal.SIGTERM)
    output = finish(process, 85)
    assert "interrupted by SIGTERM; continue with --resume" in output
    assert "Traceback" not in output
    assert state(tmp_path / "runs")["state"] == "interrupted"
    assert not (run / "model.keras").exists()
    assert 3 <= epochs(run) < EPOCHS
