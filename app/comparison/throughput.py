"""Events per second from benchmark.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

KEYS = ("throughput_cpu", "throughput_gpu")


def throughput(benchmark: Mapping[str, Any], key: str = "throughput_cpu") -> float | None:
    """Return the highest throughput [events/s] of any backend and batch size, None where there is no benchmark.

    Args:
        benchmark: content of benchmark.json: objects in it with the key, whose value is a number or, by batch size,
            several.
        key: of KEYS.
    """
    return max(_values(benchmark, key), default=None)


def _values(content: Any, key: str) -> Iterator[float]:
    if isinstance(content, list):
        for one in content:
            yield from _values(one, key)
    if not isinstance(content, Mapping):
        return
    for name, value in content.items():
        if name in ("rk4", "references"):  # what the network is held against
            continue
        if name == key:
            yield from _numbers(value)
        else:
            yield from _values(value, key)


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _numbers(one)
    elif isinstance(value, int | float):
        yield float(value)
