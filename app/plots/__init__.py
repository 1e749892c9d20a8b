"""Plots of a run, made from its history and saved predictions alone: no model, no TensorFlow, no pyplot."""

from typing import Any

from app.core.catalog import Catalog

PLOTS = Catalog[Any]("plot", "app.plots")
