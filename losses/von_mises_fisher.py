"""The likelihood of a direction with its own uncertainty."""

import math
from typing import Any

from app.core.libraries import keras
from losses import LOSSES
from losses._residual import in_float32, require_equal_shapes
from losses.direction import direction, directions

SMALL = 1e-2
"""Below this concentration log(sinh k / k) is calculated by its series k^2 / 6: the exact form loses its digits."""


@LOSSES("von_mises_fisher", head="von_mises_fisher", physical=True, transform=("unit_vector",), example=directions)
def von_mises_fisher(y_true: Any, y_pred: Any) -> Any:
    """Negative log-likelihood of the von Mises-Fisher distribution, the Gaussian of the sphere.

    L = log(4 pi) + log(sinh k / k) - k mu . x: the network gives the vector k mu, whose length is the concentration k
    and whose direction is mu. For k >> 1 the angle has the standard deviation 1 / sqrt(k) rad in each of two
    directions; k = 0 is the isotropic distribution, L = log(4 pi) = 2.53, the cost of an event without
    information. Predictions carry `kappa_<task>`.

    Args:
        y_true: components of the true direction, (N, 3); its length does not matter.
        y_pred: the vector k mu, (N, 3).

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes differ or are not (N, 3).

    References:
        R. Fisher, Dispersion on a sphere, Proc. R. Soc. A 217 (1953) 295, doi:10.1098/rspa.1953.0064.
    """
    y_true, y_pred = in_float32(y_true, y_pred)
    require_equal_shapes(tuple(y_true.shape), tuple(y_pred.shape))
    if y_pred.shape[-1] != 3:
        raise ValueError(f"directions in space have three components: y_pred is {tuple(y_pred.shape)}")
    true, _ = direction(y_true)
    along = keras.ops.sum(true * y_pred, axis=-1)
    return math.log(4 * math.pi) + _log_sinh_over(keras.ops.sum(keras.ops.square(y_pred), axis=-1)) - along


def _log_sinh_over(square: Any) -> Any:
    """Return log(sinh k / k) of k^2, with gradients that are finite at 0 and for any k."""
    small = square < SMALL**2
    k = keras.ops.sqrt(keras.ops.where(small, 1.0, square))
    return keras.ops.where(small, square / 6, k + keras.ops.log1p(-keras.ops.exp(-2 * k)) - keras.ops.log(2 * k))
