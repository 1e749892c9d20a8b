"""The magnet of a set of track states: what the files say, what the job says, and both."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import uproot

from app.core.errors import UserError
from app.core.files import find_files
from app.physics.magnet import Magnet
from app.physics.magnetic_field import FIELDS
from datasets import DATASETS
from datasets.tracks.checks import magnet_of

GAUSSIAN = FIELDS.parse("gaussian_dipole").dump()


def facts(field, sha256=None):
    return {"dataset": "track_states", "field": field, "field_sha256": sha256}


def given(content):
    return FIELDS.parse(content)


def refused(known, stated):
    with pytest.raises(UserError) as caught:
        magnet_of(known, given(stated), 0.0)
    return str(caught.value)


def test_nobody_says_it():
    assert magnet_of({}, None, 2665.0) is None
    assert magnet_of(facts(None), None, 2665.0) is None


def test_one_of_them_says_it():
    assert magnet_of(facts(GAUSSIAN), None, 2665.0) == Magnet(GAUSSIAN, 2665.0)
    assert magnet_of({}, given("gaussian_dipole"), None) == Magnet(GAUSSIAN, None)
    short = magnet_of(facts({"name": "gaussian_dipole"}), None, 1.0)  # defaults are written out
    assert short == Magnet(GAUSSIAN, 1.0)


def test_both_say_the_same():
    assert magnet_of(facts(GAUSSIAN), given("gaussian_dipole"), 2665.0) == Magnet(GAUSSIAN, 2665.0)


def test_they_contradict_each_other():
    assert refused(facts(GAUSSIAN), {"name": "gaussian_dipole", "peak": 0.5}) == (
        "dataset.field: another field than the data were generated with (peak: 0.5). Expected peak: -1.0182, or no "
        "'field': the files state it themselves. Received "
        "{'name': 'gaussian_dipole', 'peak': 0.5, 'center': 5007.0, 'sigma': 1744.0, 'maxwell': False}."
    )
    assert refused(facts(GAUSSIAN), "two_dipoles").startswith(
        "dataset.field: another field than the data were generated with (name: 'two_dipoles'). "
        "Expected name: 'gaussian_dipole', or no 'field'"
    )


def test_a_field_in_our_files_that_does_not_exist_any_more():
    with pytest.raises(UserError, match=r"^metadata\.field\.name: unknown field\. Did you mean 'gaussian_dipole'\?"):
        magnet_of(facts({"name": "gaussian_dipoles"}), None, 0.0)


@pytest.mark.parametrize("theirs", ["MagUp 2018", {"map": "v5"}, 4.0, [1.0]])
def test_what_others_call_a_field_is_not_ours(theirs):
    assert magnet_of({"field": theirs, "field_sha256": "ab"}, None, 0.0) is None
    assert magnet_of({"field": theirs, "field_sha256": "ab"}, given("uniform"), 0.0) == Magnet(
        FIELDS.parse("uniform").dump(), 0.0
    )


@pytest.fixture
def a_map(tmp_path):
    """a_map(name, peak) writes a map of By = peak and returns (its JSON, its hash)."""

    def write(name, peak=1.0):
        axis = np.array([-500.0, 500.0])
        values = np.zeros((2, 2, 2, 3))
        values[..., 1] = peak
        path = tmp_path / name
        np.savez(path, x_mm=axis, y_mm=axis, z_mm=axis, B_T=values)
        return FIELDS.parse({"name": "map", "file": str(path)}).dump(), hashlib.sha256(path.read_bytes()).hexdigest()

    return write


def test_a_map_is_known_by_its_content_wherever_it_lies(a_map, tmp_path):
    known, sha256 = a_map("one.npz")
    elsewhere, _ = a_map("other.npz")
    (tmp_path / "one.npz").unlink()
    magnet = magnet_of(facts(known, sha256), given(elsewhere), 0.0)
    assert magnet == Magnet(elsewhere, 0.0, sha256)
    assert magnet.field(0.0, 0.0, 0.0)[1] == 1.0
    with pytest.raises(UserError, match=r"dataset\.field\.file: cannot read the field map"):
        _ = magnet_of(facts(known, sha256), None, 0.0).field


def test_another_map_is_refused(a_map):
    known, sha256 = a_map("one.npz")
    other, changed = a_map("other.npz", peak=1.1)
    text = refused(facts(known, sha256), other)
    assert text == (
        "dataset.field: the file of the field has changed since the data were generated. "
        f"Expected sha256 {sha256[:16]}. Received '{changed[:16]}'."
    )
    reversed_map = {**other, "polarity": -1}
    assert "(polarity: -1). Expected polarity: 1" in refused(facts(known, sha256), reversed_map)
    assert "(file: " in refused(facts(known), other)  # without a hash only the path can tell


@pytest.fixture
def load(tmp_path, tracks):
    """load(metadata, planes, **options) writes 20 tracks and returns their source."""

    def make(metadata=None, planes=True, end=True, **options):
        columns = tracks()
        content = {"X": np.stack([columns[n] for n in ("x", "y", "tx", "ty", "qop", "dz")], -1)}
        if end:
            content["Y"] = np.stack([columns[f"true_{n}"] for n in ("x", "y", "tx", "ty")], -1)
        if planes:
            content["Z"] = np.stack([np.full(20, 770.0), 770.0 + columns["dz"]], -1)
        if metadata is not None:
            content["metadata"] = np.array(json.dumps(metadata))
        np.savez(tmp_path / "t.npz", **content)
        spec = DATASETS.parse({"name": "track_states", "files": [str(tmp_path / "t.npz")], **options})
        return spec.build(find_files(spec.options.files))

    return make


def test_a_job_states_the_field_of_foreign_files(load):
    assert load().magnet is None
    assert load(field="gaussian_dipole").magnet == Magnet(GAUSSIAN, 770.0)
    assert load(field="gaussian_dipole", z=[100.0, 5261.0], planes=False).magnet.z_start == 100.0
    assert load(field="gaussian_dipole", z_start=True).magnet.z_start is None


def test_our_files_say_it_themselves(load):
    found = load({**facts(GAUSSIAN), "z_start": 770.0})
    assert found.magnet == Magnet(GAUSSIAN, 770.0)
    with pytest.raises(UserError, match=r"^dataset\.field: another field than the data were generated with \(maxwell"):
        load(facts(GAUSSIAN), field={"name": "gaussian_dipole", "maxwell": True})


def test_states_without_an_end(load):
    """Nothing can be learned from them; everything else is as with truth."""
    source = load(facts(GAUSSIAN), end=False, truth=False)
    (events,) = source
    assert source.targets == {}
    assert set(events.columns) == {"p"}
    assert events.inputs["state"].shape == (20, 6)
    assert len(set(events.key.tolist())) == 20
    assert source.magnet == Magnet(GAUSSIAN, 770.0)
    (with_end,) = load(facts(GAUSSIAN))
    assert np.array_equal(events.inputs["state"], with_end.inputs["state"])
    (left_out,) = load(facts(GAUSSIAN), truth=False)  # an end that is there is not read
    assert set(left_out.columns) == {"p"}
    with pytest.raises(UserError, match=r"t\.npz.*Y"):
        list(load(end=False))


def test_states_without_an_end_in_a_root_tree(tmp_path, tracks):
    columns = tracks()
    start = {name: columns[name] for name in ("x", "y", "tx", "ty", "qop", "dz")}
    with uproot.recreate(tmp_path / "t.root") as file:
        file["tracks"] = start
    spec = DATASETS.parse({"name": "track_states", "files": [str(tmp_path / "t.root")], "truth": False})
    source = spec.build([tmp_path / "t.root"])
    (events,) = source
    assert (source.targets, set(events.columns)) == ({}, {"p"})
    np.testing.assert_allclose(events.inputs["state"], np.stack(list(start.values()), axis=1), rtol=1e-6)
    with_truth = DATASETS.parse({"name": "track_states", "files": [str(tmp_path / "t.root")]})
    with pytest.raises(UserError, match=r"t\.root: unknown branch for the column 'true_x'"):
        with_truth.build([tmp_path / "t.root"])
