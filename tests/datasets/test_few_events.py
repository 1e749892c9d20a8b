"""Files with no, one, two and three events, and events without hits, through every loader, split and batch."""

from __future__ import annotations

import re

import awkward as ak
import numpy as np
import pytest
from loader_files import FAMILIES, read, source_of, write

from app.core.errors import UserError
from datasets.pipeline.batches import regroup
from datasets.pipeline.events import Events
from datasets.pipeline.options import DatasetOptions
from datasets.pipeline.split import split

NAMES = [name for name in FAMILIES if name != "primitives.root"]
EVERY = {"files": ["x"], "split": {"train": 1.0, "validation": 0.0, "test": 0.0}}


def first_events(name, rows):
    """The arrays of a family's file, with its first events alone."""
    arrays = FAMILIES[name][1]()
    pixels = ("plane", "row", "column", "value") if "offsets" in arrays else ()
    most = {**dict.fromkeys(pixels, 4 * rows), "offsets": rows + 1}  # each event has four pixels
    return {key: values[: most.get(key, rows)] for key, values in arrays.items()}


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_few_events_are_read_split_and_cut(tmp_path, name, rows):
    write(tmp_path / name, FAMILIES[name][1]())
    whole = Events.concatenate(read(tmp_path / name))
    write(tmp_path / name, first_events(name, rows))
    if not rows:
        error = read(tmp_path / name)
        assert isinstance(error, UserError)
        assert re.search("no (events|tracks|clusters) in these files", str(error))
        assert len(error.problems) == 1
        return
    source = source_of(tmp_path / name)
    part = split(source, DatasetOptions.model_validate(EVERY)).train
    assert part.events().key.tolist() == whole.key[:rows].tolist()
    for column, values in part.events().columns.items():
        assert np.allclose(values, whole.columns[column][:rows], 1e-5, equal_nan=True)
    for size in (1, 2):
        sizes = [len(events) for events in regroup(iter(part), size)]
        assert sizes == [size] * (rows // size) + [1] * (rows % size)
    assert sorted(next(part.windows(0)).key) == sorted(part.events().key)


def test_events_without_hits_are_kept_with_none(tmp_path):
    arrays = FAMILIES["muons.root"][1]()
    counts = np.array([4, 0, 4, 0, 0, 4])
    hits = {key: ak.unflatten(ak.flatten(v)[:12], counts) for key, v in arrays.items() if key.startswith("spacePoint_")}
    write(tmp_path / "muons.root", {**arrays, **hits})
    (events,) = read(tmp_path / "muons.root", min_hits=0)
    assert events.inputs["hits"].counts.tolist() == counts.tolist()
    batches = list(regroup([events], 1))
    assert [np.asarray(one.inputs["mask"]).sum() for one in batches] == counts.tolist()
    (kept,) = read(tmp_path / "muons.root", min_hits=1)
    assert kept.columns["event"].tolist() == [0, 2, 5]
