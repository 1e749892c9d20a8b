"""Wire-plane images: scaled ADC values, with neighbouring ticks summed."""

from typing import Any, Literal

from app.core.types import Count, Positive
from app.layers.inputs import INPUT_LAYERS

Normalization = Literal["raw", "log", "asinh", "per_image"]


@INPUT_LAYERS("adc")
def adc(
    label: str,
    *,
    normalization: Normalization = "asinh",
    scale: Positive | None = None,
    sum_ticks: Count = 1,
    ticks: Literal["rows", "columns"] = "rows",
) -> Any:
    """Scaled charge of an image: (N, T, W) or (N, T, W, planes) of raw ADC to (N, T / r, W, 1 or planes).

    First r = `sum_ticks` neighbouring ticks are added, which keeps the charge. Then, with s = `scale`:

    * `raw`: a / s;
    * `log`: ln(1 + max(a, 0)) / s, in which a factor in the charge is a step, and what undershoots is lost;
    * `asinh`: asinh(a / s), linear below s and logarithmic above, for both signs of a bipolar pulse;
    * `per_image`: a / max(a) over the image of each plane: free of any calibration, and of the event's energy.

    A pixel without charge stays exactly 0 in all of them, as the padding of a convolution is: therefore nothing is
    subtracted. s is the root mean square of the pixels with charge on the training split (with `log` of their
    logarithms), one for each plane.

    Args:
        label: name of the Keras layer.
        normalization: of the charge.
        scale: s itself for all planes [ADC, with `log` its logarithm], in place of what the training split says.
        sum_ticks: r, a divisor of the number of ticks.
        ticks: which axis of the image the time is: "rows" of cluster images, "columns" of volume images.

    Returns:
        The layer; it computes in float32 also under mixed precision.
    """
    from app.layers.adc import Adc

    return Adc(normalization, sum_ticks, ticks, [scale] if scale else None, name=label)
