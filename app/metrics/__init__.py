"""Metrics: from Predictions in physical units to numbers; baselines: what a network must beat to earn its keep."""

from collections.abc import Callable, Mapping
from typing import Any

from app.core.catalog import Catalog

METRICS = Catalog[dict[str, Any]]("metric", "app.metrics")
BASELINES = Catalog[Callable[[Mapping[str, Any]], dict[str, Any]]]("baseline", "app.metrics.baselines")
