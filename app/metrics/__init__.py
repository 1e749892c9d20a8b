"""Metrics turn Predictions in physical units into numbers; baselines are predictions that a network must beat."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from app.core.catalog import Catalog
from app.core.types import Facts


class MetricFacts(Facts):
    """The facts of a metric.

    Attributes:
        primary: the figure by which a run is judged.
        better: whether a lower or a higher one is better.
        binned_in: quantity and unit of its bins; "" without bins.
        head: the head whose outputs it reads; None for any.
        units: those of its quantities by name, of `angle` in `angle_resolution_68pct`, where they are not the target's.
    """

    primary: str
    better: Literal["lower", "higher"]
    binned_in: str = ""
    head: str | None = None
    units: dict[str, str] = {}


class BaselineFacts(Facts):
    """The facts of a baseline, explained in `app.metrics.baselines`."""

    inputs: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    targets: tuple[str, ...] | None = None
    classes: bool | None = False
    floor: bool = False
    truth: bool = False
    general: bool = False


METRICS = Catalog[dict[str, Any], MetricFacts]("metric", "app.metrics", facts=MetricFacts)
BASELINES = Catalog[Callable[[Mapping[str, Any]], dict[str, Any]], BaselineFacts](
    "baseline", "app.metrics.baselines", facts=BaselineFacts
)
