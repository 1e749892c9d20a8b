"""The quantile loss, whose minimum is a quantile of the truth."""

from typing import Annotated, Any

from pydantic import Field

from app.core.libraries import keras
from losses import LOSSES
from losses._residual import residual

Level = Annotated[float, Field(gt=0, lt=1)]


@LOSSES("quantile")
def quantile(y_true: Any, y_pred: Any, *, level: Level = 0.5) -> Any:
    """Quantile (pinball) loss: the prediction that a share `level` of the truths lies below.

    L = mean_t max(-level r_t, (1 - level) r_t) with r = y_pred - y_true: at 0.5 half of `l1`. Two tasks of levels
    0.15865 and 0.84135 on the same targets enclose the central 68 % for any shape of the distribution; the two may
    cross where events are few. Levels near 0 or 1 need many events beyond them.

    Args:
        y_true: targets, (N, T).
        y_pred: predictions, (N, T).
        level: which quantile, between 0 and 1. Behind a transform that falls (`inverse`) it is 1 - level of the target.

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes differ or are not (N, T).

    References:
        R. Koenker, G. Bassett, Regression Quantiles, Econometrica 46 (1978) 33, doi:10.2307/1913643.
    """
    r = residual(y_true, y_pred)
    size = keras.ops.abs(r)
    return keras.ops.mean(keras.ops.where(r > 0, (1 - level) * size, level * size), axis=-1)
