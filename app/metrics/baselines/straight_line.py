"""The straight line: a track without a magnet."""

from collections.abc import Sequence

import numpy as np

from app.metrics import BASELINES
from app.metrics.baselines import Baseline, Columns, Predicted


@BASELINES("straight_line", inputs=("x", "y", "tx", "ty", "dz"), targets=("x", "y", "tx", "ty"), floor=True)
def straight_line(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """The state carried along its own direction: `x + tx dz, y + ty dz, tx, ty`.

    Nothing is fitted. A network that is worse than this has not learned the effect of the magnet. The baseline stands
    next to every result, where it reveals a wrong unit of q/p at once.

    Args:
        train: not used.
        validation: not used.
        targets: which of x, y [mm], tx, ty to give.

    Returns:
        The baseline; it reads x, y, dz [mm], tx, ty.
    """

    def predict(columns: Columns) -> Predicted:
        state = line(columns)
        return {target: state[target] for target in targets}

    return Baseline("straight line", predict)


def line(columns: Columns) -> Predicted:
    """Return x, y, tx, ty at z + dz of the straight continuation, float64."""
    x, y, tx, ty, dz = (np.asarray(columns[name], np.float64) for name in ("x", "y", "tx", "ty", "dz"))
    return {"x": x + tx * dz, "y": y + ty * dz, "tx": tx, "ty": ty}
