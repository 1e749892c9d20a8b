"""Whether predicted uncertainties are true."""

from typing import Any

import numpy as np

from app.core.errors import WirechamberError
from app.metrics import METRICS
from app.metrics.statistics.residuals import numbers, residuals
from app.predictions import Predictions

COVERAGE = 0.682689492137086
"""Share of a Gaussian within one standard deviation."""


@METRICS("pulls", primary="miscoverage", better="lower", head="gaussian")
def pulls(predictions: Predictions) -> dict[str, Any]:
    """Mean, width and coverage of (prediction - truth) / sigma: 0, 1 and 68.27 % when sigma is right and Gaussian.

    A width above 1 says that sigma is too small. The coverage does not see tails, the width does. Empty where no sigma
    is known, as for the baselines: it comes after the task's first metric, never alone. Not meant for angles that
    wrap around.

    Args:
        predictions: any targets with a standard deviation, of the head `gaussian`.

    Returns:
        miscoverage, the mean over the targets of |coverage - 0.6827|; for every target `<target>_pull_mean`,
        `<target>_pull_std` (standard deviation) and `<target>_coverage`, the share within one sigma.

    Raises:
        WirechamberError: a value is not finite, or a sigma is not above 0.
    """
    figures: dict[str, float] = {}
    delta = residuals(predictions.true, predictions.predicted, tuple(predictions.sigma))
    for target, residual in delta.items():
        sigma = np.asarray(predictions.sigma[target], np.float64)
        bad = np.count_nonzero(~(np.isfinite(sigma) & (sigma > 0)))
        if bad:
            raise WirechamberError(f"{bad} of {len(sigma)} standard deviations of {target} are not above 0 and finite")
        pull = residual / sigma
        figures |= numbers(
            **{
                f"{target}_pull_mean": pull.mean(),
                f"{target}_pull_std": pull.std(),
                f"{target}_coverage": np.mean(np.abs(pull) < 1),
            }
        )
    off = [abs(figures[f"{target}_coverage"] - COVERAGE) for target in delta]
    return {"miscoverage": float(np.mean(off)), **figures} if figures else {}
