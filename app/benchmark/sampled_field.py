"""A fitted field as a map: a hundred sums of modes become one look-up, where tracks then end at the same places."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from app.physics.fields.field_map import FieldMap
from app.physics.fields.harmonic import Harmonic
from app.physics.magnet import Magnet
from app.physics.magnetic_field import Field
from app.physics.runge_kutta import rk4

logger = logging.getLogger(__name__)

SPACINGS = (200.0, 100.0, 50.0, 25.0)
"""Distances of the nodes [mm] that are tried, one after the other."""
ALLOWED, SHARE = 1e-3, 0.1
"""How far from those in the modes tracks may end in the map, on average: [mm], and as a share of the network's error,
to which a tenth adds half a percent as they are independent."""
MOST_NODES = 4_000_000
TRACKS, STEPS = 200, 20


def fast_field(magnet: Magnet, columns: Mapping[str, Any], error: float = 0.0) -> Field:
    """Return the field of a magnet: a fitted one as a map where these tracks end at the same places in it.

    Args:
        magnet: the field, and where tracks begin.
        columns: of tracks, (N,).
        error: mean position error [mm] of what Runge-Kutta is compared with: a map need not be exact beside it.
    """
    field, allowed = magnet.field, max(ALLOWED, SHARE * error)
    return (sample_field(field, magnet, columns, allowed) or field) if isinstance(field, Harmonic) else field


def sample_field(
    field: Harmonic, magnet: Magnet, columns: Mapping[str, Any], allowed: float = ALLOWED
) -> FieldMap | None:
    """Return the coarsest map of a fitted field in which these tracks end where they end in the field; None if none is.

    Args:
        field: the fitted field.
        magnet: where tracks begin.
        columns: of tracks, (N,); some of them are followed.
        allowed: how far from those in the field they may end, on average [mm].
    """
    few = {name: np.asarray(values, np.float64)[:TRACKS] for name, values in columns.items()}
    state = few["x"], few["y"], few["tx"], few["ty"]
    track = few["qop"], magnet.start(few), few["dz"], STEPS
    x, y, *_ = rk4(field, state, *track)
    for spacing in SPACINGS:
        axes = [_axis(low, high, spacing) for low, high in zip(field.low, field.high, strict=True)]
        if np.prod([len(axis) for axis in axes]) > MOST_NODES:
            break
        found = FieldMap.of_grid((axes[0], axes[1], axes[2]), field.modes.on_grid(field.w, axes))
        end = rk4(found, state, *track)
        away = float(np.hypot(end[0] - x, end[1] - y).mean())
        logger.debug("a map of %g mm moves the tracks' ends by %.2g mm on average", spacing, away)
        if away <= allowed:
            message = "Runge-Kutta looks the fitted field up in a map of %g mm, which moves ends by %.2g mm"
            logger.info(message, spacing, away)
            return found
    logger.info("Runge-Kutta sums the modes of the fitted field: no map is as accurate as %.2g mm", allowed)
    return None


def _axis(low: float, high: float, spacing: float) -> Any:
    return np.linspace(low, high, max(2, int(np.ceil((high - low) / spacing)) + 1))
