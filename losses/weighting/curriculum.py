"""Easy events first: a threshold that falls while the training goes on."""

import math
from collections.abc import Mapping
from typing import Any

from app.core.libraries import keras
from app.core.types import Positive
from losses.weighting import WEIGHTINGS


@WEIGHTINGS("curriculum", epochs=True, needs=("qop",))
def curriculum(
    columns: Mapping[str, Any], epoch: Any, *, start: Positive = 20.0, end: Positive = 1.0, epochs: Positive = 20.0
) -> Any:
    """w = 1 above a momentum that falls from `start` to `end` over `epochs`, else 0: stiff tracks first.

    The threshold falls evenly in log p, in which momenta are spread. The loss of a batch is the mean over the tracks
    above the threshold.

    Args:
        columns: with qop [1/GeV], (N,).
        epoch: number of finished epochs, a scalar.
        start: threshold in the first epoch [GeV].
        end: threshold after `epochs` [GeV], below `start`; tracks softer than this are never trained on.
        epochs: until then; fewer than the training has.

    Returns:
        0 or 1 for each track, (N,) float32.

    References:
        Y. Bengio, J. Louradour, R. Collobert, J. Weston, Curriculum learning (2009), doi:10.1145/1553374.1553380.
    """
    share = keras.ops.minimum(epoch / epochs, 1.0)
    threshold = math.log(start) + (math.log(end) - math.log(start)) * share
    return keras.ops.cast(-keras.ops.log(keras.ops.abs(columns["qop"])) >= threshold, "float32")
