"""Datasets: each loader turns files into a Source of Events; each simulator writes the files that its loader reads."""

from app.core.catalog import Catalog
from app.core.types import Facts
from datasets.files.contents import Recognize
from datasets.pipeline.events import Column, Events, Input, Source
from datasets.pipeline.options import DatasetOptions, name_the_simulator
from datasets.simulate import SIMULATORS

__all__ = ["DATASETS", "SIMULATORS", "Column", "Events", "Input", "Source"]


class DatasetFacts(Facts):
    """What a dataset says of itself.

    Attributes:
        quality: the module with checks of the quality of its files, None without.
        reads: how the names of its files end, as ".npz"; (): any way.
        recognize: says whether it knows a file by the names in it, and makes a first job for it; None: it knows none.
    """

    quality: str | None = None
    reads: tuple[str, ...] = ()
    recognize: Recognize | None = None


DATASETS = Catalog[Source, DatasetFacts]("dataset", "datasets", DatasetOptions, name_the_simulator, DatasetFacts)
