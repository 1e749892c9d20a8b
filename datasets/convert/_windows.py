"""Images of real primitives, by the code that draws simulated ones. Imported with numba."""

from __future__ import annotations

from typing import Any

from datasets.simulate._argon_compiled import entry
from datasets.simulate._argon_windows import centre, draw, first_of


def _entry(stamp: int) -> Any:
    def draw_window(primitives, channel, tick, image):  # type: ignore[no-untyped-def]
        if not stamp:
            return
        count, height, width = len(primitives), image.shape[0], image.shape[1]
        channel, tick, _ = centre(primitives, count, 0, channel, tick, width, height)
        draw(primitives, count, 0, first_of(channel, width), first_of(tick, height), image)

    return draw_window


draw_window = entry(_entry)
"""draw_window(primitives (P, 7), channel, tick, image (ticks, channels)): put the window on the charge, and draw it."""
