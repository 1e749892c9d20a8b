"""Photon sensors: the light and time of every sensor with what is known about their validity."""

from typing import Any, Literal

from app.layers.inputs import INPUT_LAYERS

Scaling = Literal["log1p", "sqrt", "anscombe", "linear"]


@INPUT_LAYERS("sensor_channels")
def sensor_channels(label: str, *, scaling: Scaling = "sqrt") -> Any:
    """Scaled light, time, and a mask for each of them: (N, sensors, 2) to (N, sensors, 4).

    Raw readings are photons and times [s]. One that is NaN or beyond 9e9 in size is invalid: its value becomes 0, which
    is the mean of the valid ones, and its mask 0. Light is scaled, then both are standardised with one mean and one
    standard deviation over all valid readings of the training split, so that the pattern over the sensors stays.

    Photons vary by their square root: `sqrt` and `anscombe`, 2 sqrt(n + 3/8), give every reading about the same
    statistical error, 1/2 and 1; anscombe keeps that down to a few photons. `log1p`, ln(1 + n), gives bright readings
    the same relative error and makes a factor in the light a step; `linear` leaves sums of light what they are, and the
    brightest sensor a thousand standard deviations from the mean. Noise around the pedestal can be negative: sqrt and
    log1p are continued as odd functions of n, anscombe as an odd function of n + 3/8, so that no reading is cut off.

    Args:
        label: name of the Keras layer.
        scaling: of the light.

    Returns:
        The layer, with channels light, time, mask of valid light, mask of valid time.

    References:
        F. J. Anscombe, The transformation of Poisson, binomial and negative-binomial data, Biometrika 35 (1948) 246.
    """
    from app.layers.sensors import SensorChannels

    return SensorChannels(scaling, name=label)
