"""Metrics turn Predictions in physical units into numbers; baselines are predictions that a network must beat."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from app.core.catalog import Catalog
from app.core.types import Facts


class MetricFacts(Facts):
    """What a metric says of itself.

    Attributes:
        primary: which of its figures a run is judged by.
        better: whether a lower or a higher one is better.
        binned_in: what its bins are of, with the unit; "" without bins.
        head: the head whose outputs it reads, None where any will do.
    """

    primary: str
    better: Literal["lower", "higher"]
    binned_in: str = ""
    head: str | None = None


class BaselineFacts(Facts):
    """What a baseline says of itself; explained in `app.metrics.baselines`."""

    inputs: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    targets: tuple[str, ...] | None = None
    classes: bool | None = False
    floor: bool = False
    truth: bool = False


METRICS = Catalog[dict[str, Any], MetricFacts]("metric", "app.metrics", facts=MetricFacts)
BASELINES = Catalog[Callable[[Mapping[str, Any]], dict[str, Any]], BaselineFacts](
    "baseline", "app.metrics.baselines", facts=BaselineFacts
)
