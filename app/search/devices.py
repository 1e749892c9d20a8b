"""The GPUs of this machine, found without TensorFlow: each trial sees one of them."""

import os
import subprocess


def gpus() -> list[str]:
    """Return the value of CUDA_VISIBLE_DEVICES for each GPU; empty where there is none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1", "NoDevFiles")]
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    count = sum(line.startswith("GPU") for line in done.stdout.splitlines())
    return [str(number) for number in range(count)]


def slots(parallel: int | None) -> list[str | None]:
    """Return the device of each trial that may run at once: a GPU, or None for the CPU.

    Args:
        parallel: how many at once; default: one on each GPU, or one on the CPU.
    """
    devices: list[str | None] = list(gpus()) or [None]
    return [devices[number % len(devices)] for number in range(parallel or len(devices))]


def describe_device(device: str | None) -> str:
    """Return the name of a device in the log."""
    return "the CPU" if device is None else f"GPU {device}"
