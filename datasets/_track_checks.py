"""Checks on track states as they are read: each has hurt somebody before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from app.core.errors import Path as Place
from app.core.errors import Problem, UserError

SMALLEST_MOMENTUM, LARGEST_MOMENTUM = 1e-2, 1e3
LARGEST_POSITION, LARGEST_SLOPE = 1e5, 10.0
Columns = Mapping[str, Any]


def check_finite(columns: Columns, place: Place) -> None:
    """No NaN and no infinity."""
    for name, values in columns.items():
        bad = np.flatnonzero(~np.isfinite(values)) if values.dtype.kind == "f" else np.empty(0, np.intp)
        if len(bad):
            what = f"{len(bad)} of {len(values)} rows of {name!r} are not finite, the first at row {bad[0]}"
            raise UserError(Problem(what, place, expected="finite values, or 'on_invalid': 'drop' in the dataset"))


def check_charged(columns: Columns, place: Place) -> None:
    """q/p is never 0: a neutral track does not bend, and the kick per q/p has no meaning."""
    bad = np.flatnonzero(columns["qop"] == 0)
    if len(bad):
        raise UserError(
            Problem(f"{len(bad)} rows have q/p = 0, the first at row {bad[0]}", place, expected="charged tracks")
        )


def check_qop_unit(columns: Columns, place: Place) -> None:
    """|q/p| p = 1 with p in GeV; without a momentum column 1/|q/p| must be a momentum that accelerators make."""
    inverse = 1.0 / np.abs(np.asarray(columns["qop"], np.float64))
    ratio = np.median(columns["p"] / inverse) if "p" in columns else None
    if ratio is not None and abs(ratio - 1.0) > 1e-3:
        hint = "'qop_unit': '1/MeV'" if 5e-4 < ratio < 2e-3 else "another 'qop_unit'"
        what = f"|q/p| p = {ratio:.6g} in the median, so q/p is not in 1/GeV; {hint} in the dataset may be right"
        raise UserError(Problem(what, (*place, "qop"), expected="|q/p| p = 1"))
    typical = float(np.median(inverse))
    if not SMALLEST_MOMENTUM < typical < LARGEST_MOMENTUM:
        what = f"1/|q/p| is {typical:.4g} GeV in the median; is q/p in 1/MeV? Then say 'qop_unit': '1/MeV'"
        expected = f"momenta from {SMALLEST_MOMENTUM} to {LARGEST_MOMENTUM} GeV"
        raise UserError(Problem(what, (*place, "qop"), expected=expected))


def check_ranges(columns: Columns, place: Place) -> None:
    """Positions below 100 m and slopes below 10: anything else is another unit or another column."""
    for names, limit, unit in ((("x", "y"), LARGEST_POSITION, "mm"), (("tx", "ty"), LARGEST_SLOPE, "")):
        for name in (*names, *(f"true_{n}" for n in names)):
            largest = float(np.max(np.abs(columns[name]), initial=0.0))
            if largest > limit:
                expected = f"|{name}| below {limit:g} {unit}".rstrip()
                raise UserError(Problem("value out of range", (*place, name), expected=expected, received=largest))


def check_duplicates(key: Any, place: Place) -> None:
    """No event twice."""
    _, first, number = np.unique(key, return_index=True, return_counts=True)
    repeated = number > 1
    if repeated.any():
        what = f"{int((number[repeated] - 1).sum())} rows are duplicates, the first of row {int(first[repeated].min())}"
        raise UserError(Problem(what, place, expected="every event once"))


def check_well_posed(starts: set[float], place: Place) -> None:
    """One z_start for all tracks, or z_start as an input: else equal inputs have different ends."""
    if len(starts) > 1:
        span = f"from {min(starts):g} to {max(starts):g} mm"
        what = f"z_start varies {span} but is no input, so equal inputs have unequal ends"
        raise UserError(Problem(what, place, expected="one z_start for all tracks, or 'z_start': true in the dataset"))
