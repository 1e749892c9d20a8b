"""Datasets: each loader turns files into a Source of Events; each simulator writes the files that its loader reads."""

from app.core.catalog import Catalog
from datasets._options import DatasetOptions

SIMULATORS = Catalog[None]("simulator", "datasets.simulate")
DATASETS = Catalog["object"]("dataset", "datasets", DatasetOptions)
