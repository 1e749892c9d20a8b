"""Losses: functions of (y_true, y_pred) that return one value per event.

A loss sees the targets in the space of the task's transform: standardised, as a kick, as a logarithm. What to use when:

* `mse`: the default. Residuals are Gaussian of one width; the network then learns the mean.
* `huber`, `smooth_l1`: a core with tails (multiple scattering, wrong hits): quadratic up to `delta` (`beta`), linear
  beyond. Both have the same minimum; `huber` keeps the gradient of the core, `smooth_l1` that of the tails.
* `log_cosh`: as `huber` with a smooth second derivative, for networks that are differentiated again.
* `l1`: heavy tails, or when the median is wanted instead of the mean; converges slowly at the end.

A loss is a function of two tensors; its keyword-only parameters come from the job file:

    @LOSSES("huber")
    def huber(y_true, y_pred, *, delta: Positive = 1.0): ...

The decorator may state `example=`, a function of a NumPy generator that returns an acceptable `(y_true, y_pred)`, where
the loss does not take two (N, T) arrays of real numbers; the contract tests then use it.
"""

from typing import Any

from app.core.catalog import Catalog

LOSSES = Catalog[Any]("loss", "losses")
