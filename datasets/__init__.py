"""Datasets: each loader turns files into a Source of Events; each simulator writes the files that its loader reads."""

from app.core.catalog import Catalog
from datasets.pipeline.events import Column, Events, Input, Source
from datasets.pipeline.options import DatasetOptions, name_the_simulator
from datasets.simulate import SIMULATORS

__all__ = ["DATASETS", "SIMULATORS", "Column", "Events", "Input", "Source"]

DATASETS = Catalog[Source]("dataset", "datasets", DatasetOptions, name_the_simulator)
