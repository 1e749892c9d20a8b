"""One window on real primitives, by the code that draws simulated ones. Imported with numba."""

from __future__ import annotations

from typing import Any

from datasets.simulate.argon.compiled import entry
from datasets.simulate.argon.windows import centre, draw, first_of


def _entry(stamp: int) -> Any:
    def draw_window(primitives, plane, channel, tick, image):  # type: ignore[no-untyped-def]
        if not stamp:
            return channel, tick, 0.0
        count, height, width = len(primitives), image.shape[0], image.shape[1]
        channel, tick, total = centre(primitives, count, plane, channel, tick, width, height)
        draw(primitives, count, plane, first_of(channel, width), first_of(tick, height), image)
        return channel, tick, total

    return draw_window


draw_window = entry(_entry)
"""draw_window(primitives (P, 7), plane, channel, tick, image): put the window on the charge and draw what it shows.

Channel and tick are where the search begins; returned are where it ended, and the sum of what was found."""
