"""The GPUs of this machine, found without TensorFlow: each trial is to see one of them."""

from __future__ import annotations

import os
import subprocess


def gpus() -> list[str]:
    """Return what CUDA_VISIBLE_DEVICES may hold for one GPU each; empty where there is none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1", "NoDevFiles")]
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(number) for number, _ in enumerate(line for line in done.stdout.splitlines() if line.startswith("GPU"))]


def slots(parallel: int | None) -> list[str | None]:
    """Return the device of each trial that may run at once: a GPU, or None for the CPU.

    Args:
        parallel: how many at once; default: one on each GPU, or one on the CPU.
    """
    found: list[str | None] = list(gpus()) or [None]
    return [found[number % len(found)] for number in range(parallel or len(found))]


def describe_device(device: str | None) -> str:
    """Return the device as the log names it."""
    return "the CPU" if device is None else f"GPU {device}"
