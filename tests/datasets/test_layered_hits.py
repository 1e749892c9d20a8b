"""Azimuths in layers: values and presence, parts of a file as splits, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.errors import UserError
from datasets import DATASETS
from datasets.files import npz
from datasets.pipeline.events import Events
from datasets.pipeline.options import DatasetOptions
from datasets.pipeline.split import split


def arrays(prefix, rows=30, seed=1):
    random = np.random.default_rng(seed)
    hits = random.integers(1, 1500, (rows, 5, 2)).astype(float)
    hits[random.random((rows, 5)) < 0.4] = 0.0
    return {
        f"{prefix}HITS": hits,
        f"{prefix}PT_VAL": random.uniform(1, 100, rows).astype(np.float32),
        f"{prefix}SIGN": random.choice([-1.0, 1.0], rows).astype(np.float32),
    }


def source(path, **options):
    return DATASETS.parse({"name": "layered_hits", "files": [str(path)], **options}).build([path])


@pytest.fixture
def path(tmp_path):
    np.savez(tmp_path / "a.npz", **arrays("train_"), **arrays("valid_", 10, 2))
    return tmp_path / "a.npz"


def test_values_and_presence_of_the_first_hit_in_a_layer(path):
    found = source(path)
    assert found.inputs["layers"].shape == (5, 2)
    events = Events.concatenate(list(found))
    known = [arrays("train_"), arrays("valid_", 10, 2)]
    hits = np.concatenate([known[0]["train_HITS"], known[1]["valid_HITS"]])[..., 0]
    pt = np.concatenate([known[0]["train_PT_VAL"], known[1]["valid_PT_VAL"]])
    some = (hits > 0).any(axis=1)
    np.testing.assert_array_equal(events.inputs["layers"], np.stack([hits, hits > 0], axis=-1)[some])
    np.testing.assert_allclose(events.columns["pt"], pt[some])
    np.testing.assert_allclose(np.abs(events.columns["q_over_pt"]), 1 / pt[some], rtol=1e-6)
    np.testing.assert_array_equal(events.columns["positive"], events.columns["charge"] > 0)
    assert len(set(events.key.tolist())) == len(events)


def test_the_parts_of_a_file_are_splits(path):
    files = {"train": "*:train_/[0-8]", "validation": "*:train_/9", "test": "*:valid_/*"}
    splits = split(source(path), DatasetOptions(files=("x",), split={"files": files}))
    of_valid = set(arrays("valid_", 10, 2)["valid_PT_VAL"].tolist())
    assert set(splits.test.events().columns["pt"].tolist()) <= of_valid
    assert splits.test.rows + splits.train.rows + splits.validation.rows == sum(len(e) for e in source(path))
    assert not set(splits.train.events().columns["pt"].tolist()) & of_valid


def test_too_few_hits_are_left_out_and_counted(path, caplog):
    caplog.set_level("INFO")
    events = Events.concatenate(list(source(path, min_hits=3)))
    assert events.columns["n_hits"].min() == 3
    assert "muons with fewer than 3 hits" in caplog.text


def refused(path, **options):
    with pytest.raises(UserError) as caught:
        list(source(path, **options))
    return str(caught.value)


def test_a_missing_array_names_the_nearest(path):
    assert "unknown array. Did you mean 'valid_HITS'?" in refused(path, prefixes=["valid_"], hits="HIT")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"PT_VAL": np.zeros(30)}, "30 momenta are not finite or not above 0"),
        ({"PT_VAL": np.full(30, np.nan)}, "30 momenta are not finite or not above 0"),
        ({"SIGN": np.zeros(30)}, "30 charges are neither 1 nor -1"),
        ({"HITS": np.full((30, 5), np.nan)}, "30 values are not finite"),
        ({"PT_VAL": np.ones(29)}, "the shapes do not fit"),
        ({"HITS": np.ones(30)}, "the shapes do not fit"),
    ],
)
def test_values_and_shapes_that_cannot_be(tmp_path, changes, text):
    np.savez(tmp_path / "b.npz", **arrays("") | changes)
    assert text in refused(tmp_path / "b.npz", prefixes=[""], blocks=1)


def test_parts_of_other_numbers_of_layers(tmp_path):
    other = arrays("valid_")
    other["valid_HITS"] = other["valid_HITS"][:, :4]
    np.savez(tmp_path / "b.npz", **arrays("train_"), **other)
    assert "different numbers of layers" in refused(tmp_path / "b.npz")


def test_mirror_images_bend_the_other_way(path):
    found = source(path, mirror=900.0, straight=600.0, angles=[1])
    events = next(iter(found))
    image = found.augment(events, np.arange(len(events), dtype=np.uint64))  # every second one
    before, after = events.inputs["layers"], image.inputs["layers"]
    np.testing.assert_array_equal(after[::2], before[::2])
    np.testing.assert_array_equal(after[..., 1], before[..., 1])
    there = before[1::2, :, 1] > 0
    centres = np.broadcast_to([900.0, 600.0, 900.0, 900.0, 900.0], there.shape)
    np.testing.assert_allclose((after + before)[1::2, :, 0], np.where(there, 2 * centres, 0))
    for name, sign in (("charge", -1), ("q_over_pt", -1), ("pt", 1)):
        np.testing.assert_array_equal(image.columns[name][1::2], sign * events.columns[name][1::2])
    np.testing.assert_array_equal(image.columns["positive"], image.columns["charge"] > 0)
    assert source(path).augment is None


def test_an_angle_in_a_layer_that_is_not_there(path):
    assert "no such layer" in refused(path, angles=[5])
    assert source(path, angles=[1]).inputs["layers"].layer["angles"] == [1]


def test_a_file_that_is_cut_off(path):
    path.write_bytes(path.read_bytes()[:500])
    assert "not an npz file" in refused(path)


def test_parts_of_a_file_are_different_data(path):
    usual = source(path).fingerprint
    parts = [source(path, prefixes=prefix).fingerprint for prefix in ("train_", "valid_")]
    assert len({usual, *parts}) == 3
    assert usual == npz.fingerprint([path]) == source(path, prefixes=["train_", "valid_"], hits="HITS").fingerprint


def test_a_muon_that_is_left_out_may_hold_anything_and_no_value_becomes_infinite(tmp_path):
    content = {name: values.astype(float) for name, values in arrays("train_").items()}
    few = (content["train_HITS"][..., 0] > 0).sum(axis=1)
    content["train_HITS"][4], content["train_PT_VAL"][4] = 0.0, 1e39  # beyond float32
    np.savez(tmp_path / "a.npz", **content)
    events = source(tmp_path / "a.npz", prefixes="train_", blocks=1).blocks[0]()
    assert len(events) == 30 - 1 - (np.delete(few, 4) == 0).sum()
    assert np.isfinite(events.columns["pt"]).all()
    content["train_HITS"][7, 0, 0] = 1e39
    np.savez(tmp_path / "b.npz", **content)
    with pytest.raises(UserError, match=r"1 values are not finite in float32, the first in row 7"):
        source(tmp_path / "b.npz", prefixes="train_", blocks=1).blocks[0]()
