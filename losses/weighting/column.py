"""Weights that the events bring with them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from app.core.errors import UserError, unknown
from losses.weighting import WEIGHTINGS


@WEIGHTINGS("column", signed=True)
def column(columns: Mapping[str, Any], *, column: str) -> Any:
    """w = a column of the data, as a generator's weights of its events, negative ones too.

    The loss stays the weighted sum sum_i w_i loss_i, divided by the sum of the weights of the training events: an event
    of negative weight takes away what it would add with a positive one, so that the mean is that of the generator's
    distribution. Such a loss is not bounded from below: a network that can tell events of negative weight from the
    others makes their loss large without limit. It is of use where both kinds overlap and the negative ones are few.

    Args:
        columns: any.
        column: name of an extra or an input.

    Raises:
        UserError: the data lack the column.
    """
    if column not in columns:
        raise UserError(unknown("column", column, sorted(columns), ("column",)))
    return np.asarray(columns[column], np.float64)
