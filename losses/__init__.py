"""Losses: functions of (y_true, y_pred) that return one value per event.

A loss sees the targets in the space of the task's transform: standardised, as a kick, as a logarithm. What to use when:

* `mse`: the default. Residuals are Gaussian of one width; the network then learns the mean.
* `huber`, `smooth_l1`: a core with tails (multiple scattering, wrong hits): quadratic up to `delta` (`beta`), linear
  beyond. Both have the same minimum; `huber` keeps the gradient of the core, `smooth_l1` that of the tails.
* `log_cosh`: as `huber` with a smooth second derivative, for networks that are differentiated again.
* `l1`: heavy tails, or when the median is wanted instead of the mean; converges slowly at the end.
* `quantile`: a bound that a given share of the truths lies below; two of them are an interval.
* `gaussian_nll`, `beta_nll`: every event gets its own uncertainty, `sigma_<target>` in the predictions. `beta_nll` when
  the means come out worse than with `mse`. Check the metric `pulls` before the widths are used.
* `relative_l1`, `relative_mse`, `relative_smooth_l1`: an energy whose relative error counts. They see the target as it
  is or in another unit, never standardised. The transform `log` with `l1` or `mse` does the same with a better minimum.
* `binary_crossentropy`: yes or no; `categorical_crossentropy`: one class of several. Both give probabilities.
* `focal`: classes of which one is rare, where recognising it matters and its probability does not.
* `cosine_similarity`: a direction given as a vector; behind `unit_vector`. `mse` there fits the length too.
* `angular`: the angle itself, whose mean is the usual figure; `focal_angular`: the worst directions first; `hybrid`:
  between `angular` and `cosine_similarity`. `von_mises_fisher`: a direction with its own uncertainty, event by event.

A loss is a function of two tensors; its keyword-only parameters come from the job file:

    @LOSSES("huber")
    def huber(y_true, y_pred, *, delta: Positive = 1.0): ...

The decorator may state `example=`, a function of a NumPy generator that returns an acceptable `(y_true, y_pred)`, where
the loss does not take two (N, T) arrays of real numbers; the contract tests then use it. The decorator also states
what a loss needs of its task:

* `head=`: the head that gives what it reads, by default "linear";
* `transform=`: names of the transforms that suit it, where that is not ("standardize",);
* `physical=True`: the 0 of its targets must mean "nothing", so that no transform may shift it;
* `classes=True`: the target is the number of a class;
* `surrogate=True`: its gradient is by design not the derivative of its value.
"""

from collections.abc import Callable
from typing import Any

from app.core.catalog import Catalog
from app.core.types import Facts


class LossFacts(Facts):
    """The facts of a loss, explained above."""

    head: str = "linear"
    transform: tuple[str, ...] = ("standardize",)
    physical: bool = False
    classes: bool = False
    surrogate: bool = False
    example: Callable[[Any], tuple[Any, Any]] | None = None


LOSSES = Catalog[Any, LossFacts]("loss", "losses", facts=LossFacts)
