"""Plots of a run, made from its history and saved predictions alone: no model, no TensorFlow, no pyplot."""

from typing import Any

from app.core.catalog import Catalog
from app.core.types import Facts
from app.plots.drawing.inputs import Needs


class PlotFacts(Facts):
    """What a plot says of itself: what it needs, whether each task has its own file, and the formats of its files."""

    needs: Needs = Needs()
    per_task: bool = False
    formats: tuple[str, ...] = ("png",)


PLOTS = Catalog[Any, PlotFacts]("plot", "app.plots", facts=PlotFacts)
