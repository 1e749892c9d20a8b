"""What models of photon sensors take from the inputs: the channels of every sensor, and no other kind of data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.errors import Problem, UserError
from app.physics.xenon_calorimeter import SENSORS

INPUT = "sensors"
LIGHT, TIME, VALID_LIGHT, VALID_TIME = range(4)
"""Channels of the input layer `sensor_channels`."""


def channels_of(seen: Mapping[str, Any], model: str) -> Any:
    """Return the tensor of the sensors, (N, 4760, 4).

    Raises:
        UserError: the data are not those of the calorimeter's sensors.
    """
    tensor = seen.get(INPUT)
    if tensor is None:
        what = f"{model!r} looks at photon sensors, which these data do not have"
        raise UserError(
            Problem(what, ("model", "name"), expected=f"an input {INPUT!r}, as of photon_sensors", received=list(seen))
        )
    if tuple(tensor.shape[1:]) != (SENSORS, VALID_TIME + 1):
        what = f"{model!r} looks at the calorimeter's sensors as the input layer 'sensor_channels' gives them"
        expected = f"an input {INPUT!r} of {SENSORS} sensors by {VALID_TIME + 1} channels"
        raise UserError(Problem(what, ("model", "name"), expected=expected, received=tuple(tensor.shape[1:])))
    return tensor
