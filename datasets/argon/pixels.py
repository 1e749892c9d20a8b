"""What pixels of wire planes may hold: ADC counts, of which some are below 0 where a pedestal was subtracted."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Place, Problem, UserError

LARGEST = 1e7
"""Largest pixel [ADC]: a sample has 14 bits, which leaves room for sums of hundreds of them."""


def check_pixels(values: NDArray[Any], rows: NDArray[Any], plane: str, place: Place) -> None:
    """Refuse pixels of a plane that are no ADC counts.

    Args:
        values: images (N, ticks, channels), or the pixels of sparse ones (M,).
        rows: the row of each in the file, for errors.
        plane: u, v or x.
        place: the file, for errors.

    Raises:
        UserError: values that are not finite, beyond `LARGEST`, or all below 0, so that their sign is another.
    """
    whole = np.maximum(values, -values).max(axis=tuple(range(1, values.ndim)), initial=0.0)
    kind = "images" if values.ndim > 1 else "pixels"
    for bad, problem in ((~np.isfinite(whole), "not finite"), (whole > LARGEST, f"beyond {LARGEST:g} ADC")):
        if bad.any():
            first = int(rows[np.flatnonzero(bad)[0]])
            what = f"{bad.sum()} of {len(bad)} {kind} of plane {plane.upper()} are {problem}, the first in row {first}"
            raise UserError(Problem(what, place, expected=f"finite pixels, up to {LARGEST:g} ADC counts"))
    if values.max(initial=0.0) <= 0.0 and (values < 0.0).any():
        what = f"the {kind} of plane {plane.upper()} have no value above 0, and some below"
        raise UserError(Problem(what, place, expected="ADC counts of charge, which are above 0"))
