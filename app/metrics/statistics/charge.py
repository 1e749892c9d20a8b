"""The charge of a whole event: what a network that sorts events has to know more than."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOTAL = "charge_total"
OF_PLANES = ("charge_u", "charge_v", "charge_x")
CHARGES = (TOTAL, *OF_PLANES)
"""Names of columns with charges, of which one is enough."""


def log_charge(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64] | None:
    """Return ln of the total charge (N,), of `charge_total` or of the planes that are known; None where none is.

    Below one ADC count, where undershoots are left, it is 0.
    """
    known = [columns[name] for name in ([TOTAL] if TOTAL in columns else OF_PLANES) if name in columns]
    if not known:
        return None
    total = np.sum([np.asarray(charge, np.float64) for charge in known], axis=0)
    return np.asarray(np.log(np.maximum(total, 1.0)))
