"""A selection by expression takes the same events of every dataset, whatever its loader knows of selections."""

from __future__ import annotations

import numpy as np
import pytest
from loader_files import track_branches, tracks

from app.core.errors import UserError
from datasets import DATASETS
from datasets.pipeline.checked import open_source
from datasets.pipeline.events import Events


def opened(path, **changed):
    return open_source(DATASETS.parse({"name": "track_states", "files": [str(path)], **changed}), [path])


@pytest.fixture
def path(tmp_path):
    arrays = tracks() | {"P": np.arange(1.0, 21.0)}
    arrays["X"][:, 4] = 1 / arrays["P"]
    np.savez(tmp_path / "t.npz", **arrays)
    return tmp_path / "t.npz"


def test_tracks_in_a_range_of_momentum(path, caplog):
    caplog.set_level("INFO")
    source = opened(path, selection="(p > 5) & (p <= 12) & (abs(true_x - x) < 1)")
    for _ in range(2):
        events = Events.concatenate(list(source))
        np.testing.assert_array_equal(events.columns["p"], np.arange(6.0, 13.0))
    whole = Events.concatenate(list(opened(path)))
    np.testing.assert_array_equal(events.key, whole.key[5:12])
    np.testing.assert_array_equal(events.inputs["state"], whole.inputs["state"][5:12])
    said = [line for line in caplog.messages if not line.startswith("NumExpr")]
    assert said == [f"{path}: 7 of 20 events are selected"]
    assert source.selects
    assert source.description.endswith("20 tracks in 1 file, those with (p > 5) & (p <= 12) & (abs(true_x - x) < 1)")


def test_the_fingerprint_is_that_of_the_selection(path):
    found = [opened(path, **change).fingerprint for change in ({}, {"selection": "p > 5"}, {"selection": "p > 6"})]
    assert len(set(found)) == 3
    assert found[0] == DATASETS.parse({"name": "track_states", "files": [str(path)]}).build([path]).fingerprint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "pt > 5",
            "dataset.selection: unknown column. Did you mean 'p'? Expected one of [x, y, tx, ty, qop, dz, p, ",
        ),
        ("p + 5", "dataset.selection: not a selection. Expected a comparison, as 'p > 5'. Received 'p + 5'."),
        ("open('x') > 1", "selection: cannot call 'open'."),
    ],
)
def test_a_selection_with_a_mistake_is_named(path, text, message):
    with pytest.raises(UserError) as caught:
        list(opened(path, selection=text))
    assert str(caught.value).startswith(message)


def test_another_loader(tmp_path):
    import uproot

    with uproot.recreate(tmp_path / "t.root") as file:
        file["tracks"] = track_branches() | {"p": np.arange(20.0)}
    content = {
        "name": "table",
        "files": [str(tmp_path / "t.root")],
        "inputs": ["x"],
        "targets": ["true_x"],
        "extras": ["p"],
    }
    source = open_source(DATASETS.parse({**content, "selection": "p >= 18"}), [tmp_path / "t.root"])
    assert Events.concatenate(list(source)).columns["p"].tolist() == [18.0, 19.0]
