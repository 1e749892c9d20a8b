"""Volume images: sparse in files and memory, dense in batches, the same numbers in memory and streamed."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from datasets.pipeline.arrays import Sparse, dense
from datasets.pipeline.batches import shuffled_batches
from datasets.pipeline.options import DatasetOptions
from datasets.pipeline.split import split

DATASET = "volume_images"

SHAPE = (208, 1242)


def made(rows=12, seed=0):
    """Arrays of a shard, and the dense images that they stand for, (N, 208, 1242, 3)."""
    random = np.random.default_rng(seed)
    counts = random.integers(3, 40, rows)
    total = int(counts.sum())
    event = np.repeat(np.arange(rows), counts)
    flat = np.concatenate([random.choice(3 * SHAPE[0] * SHAPE[1], n, replace=False) for n in counts])
    plane, row, column = np.unravel_index(flat, (3, *SHAPE))
    value = random.uniform(60, 500, total).astype(np.float32)
    images = np.zeros((rows, *SHAPE, 3), np.float32)
    images[event, row, column, plane] = value
    momentum = random.normal(size=(rows, 3)).astype(np.float32) * 0.01
    arrays = {
        "plane": plane.astype(np.uint8), "row": row.astype(np.int16), "column": column.astype(np.int16),
        "value": value, "offsets": np.concatenate([[0], np.cumsum(counts)]), "event": np.arange(rows),
        "source_file": np.full(rows, seed),
        "is_es": (np.arange(rows) % 3 == 0).astype(np.int8), "cluster_energy": random.uniform(5, 20, rows),
        "particle_energy": np.linalg.norm(momentum, axis=1), "main_track_momentum": momentum,
        "neutrino_momentum": 2 * momentum, "n_clusters": np.arange(rows) % 5, "match_id": np.arange(rows) + 100,
        "center_channel": np.zeros((rows, 3)), "center_tick": np.zeros((rows, 3)),
    }  # fmt: skip
    return arrays, images


@pytest.fixture
def folder(tmp_path):
    for seed in range(3):
        np.savez(tmp_path / f"shard_0000{seed}.npz", **made(seed=seed)[0])
    return tmp_path


def test_pixels_and_columns_are_those_of_the_file(load, tmp_path):
    arrays, images = made()
    np.savez(tmp_path / "a.npz", **arrays)
    source, (events,) = load(tmp_path)
    assert isinstance(events.inputs["volume"], Sparse)
    assert events.inputs["volume"].shape == (12, *SHAPE, 3)
    assert np.array_equal(np.asarray(events.inputs["volume"]), images)
    assert source.inputs["volume"].shape == (*SHAPE, 3)
    assert source.inputs["volume"].layer == {
        "name": "adc", "normalization": "asinh", "sum_ticks": 1, "ticks": "columns",
    }  # fmt: skip
    unit = arrays["main_track_momentum"] / np.linalg.norm(arrays["main_track_momentum"], axis=1)[:, None]
    expected = {
        "is_es": arrays["is_es"], "energy": arrays["particle_energy"], "direction_y": unit[:, 1],
        "cluster_energy": arrays["cluster_energy"] * 1e-3, "neutrino_z": arrays["neutrino_momentum"][:, 2],
        "n_clusters": arrays["n_clusters"], "charge_v": images[..., 1].sum(axis=(1, 2)), "match_id": arrays["match_id"],
    }  # fmt: skip
    for name, values in expected.items():
        assert events.columns[name] == pytest.approx(values, rel=1e-5), name
    assert set(events.columns) == set(source.targets) | set(source.extras)
    assert len(np.unique(events.key)) == 12


@pytest.mark.parametrize("planes", [["x"], ["u", "x"]])
def test_planes_are_chosen(load, planes, tmp_path):
    arrays, images = made()
    arrays["plane"] = np.where(arrays["plane"] == 2, 2, arrays["plane"])
    np.savez(tmp_path / "a.npz", **arrays)
    _, (events,) = load(tmp_path, planes=planes)
    rows = [m - 100 for m in events.columns["match_id"].astype(int)]
    chosen = images[rows][..., ["uvx".index(p) for p in planes]]
    assert np.array_equal(np.asarray(events.inputs["volume"]), chosen)
    assert chosen.any(axis=(1, 2, 3)).all()


def test_streamed_batches_have_the_numbers_of_those_in_memory(load, folder):
    source, _ = load(folder)
    parts = [
        split(
            source,
            DatasetOptions(files=("x",), streaming=streaming, split={"train": 0.8, "validation": 0.1, "test": 0.1}),
        )
        for streaming in (False, True)
    ]
    rows = []

    def prepare(events):
        rows.append(len(events))
        return {"volume": dense(events.inputs["volume"])}, {"is_es": events.columns["is_es"][:, None]}

    found = [list(shuffled_batches(part.train, prepare, 7, 1).take(6)) for part in parts]
    for (x, y), (a, b) in zip(*found, strict=True):
        assert np.array_equal(x["volume"].numpy(), a["volume"].numpy())
        assert np.array_equal(y["is_es"].numpy(), b["is_es"].numpy())
    assert max(rows) <= 2**26 // (208 * 1242 * 3 * 4)


def test_selection_and_balance(load, refused, folder, caplog):
    def kept(**options):
        blocks = load(folder, **options)[1]
        return type(blocks[0]).concatenate(blocks).columns

    assert (kept(interaction="es")["is_es"] == 1).sum() == 12
    assert not kept(interaction="cc")["is_es"].any()
    with caplog.at_level(logging.INFO):
        columns = kept(balance="is_es")
    assert (columns["is_es"] == 1).sum() == (columns["is_es"] == 0).sum() == 12
    assert "12 events to balance is_es" in caplog.text
    energy = kept(energy=[0.01, 0.02])["energy"]
    assert ((energy >= 0.01) & (energy < 0.02)).all()
    refused("no event is left", folder, energy=[0.5, 0.6])
    refused("nothing to balance: is_es is 0 for all 24 events", folder, balance="is_es", interaction="cc")


def test_events_without_a_main_track_are_dropped_or_have_no_direction(load, tmp_path, caplog):
    arrays, _ = made()
    arrays["main_track_momentum"][:4] = 0
    np.savez(tmp_path / "a.npz", **arrays)
    with caplog.at_level(logging.INFO):
        assert sum(map(len, load(tmp_path)[1])) == 8
    assert "4 events without a momentum" in caplog.text
    source, blocks = load(tmp_path, without_momentum="keep")
    assert sum(map(len, blocks)) == 12
    assert "direction_x" not in source.targets


def test_empty_images_are_dropped_and_a_file_of_them_refused(load, refused, tmp_path, caplog):
    arrays, _ = made()
    offsets = arrays["offsets"].copy()
    offsets[1] = 0  # the pixels of event 0 are now of event 1
    np.savez(tmp_path / "a.npz", **{**arrays, "offsets": offsets})
    with caplog.at_level(logging.WARNING):
        assert sum(map(len, load(tmp_path)[1])) == 11
    assert "1 of 12 images have no charge above 0 in sum and were dropped" in caplog.text
    np.savez(tmp_path / "a.npz", **{**arrays, "value": arrays["value"] * 0})
    refused("a.npz: no image has a charge above 0", tmp_path)


def test_damaged_shards_are_named_and_counted_or_skipped(load, refused, folder, caplog):
    path = folder / "shard_00001.npz"
    path.write_bytes(b"")
    text = refused("shard_00001.npz: the file is empty", folder, lines=2).splitlines()
    assert text[1].startswith("dataset.files: 1 of 3 files cannot be used.")
    with caplog.at_level(logging.WARNING):
        assert sum(map(len, load(folder, on_bad_file="skip")[1])) == 24
    assert "1 of 3 files were skipped" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"row": lambda a: a + 208}, r"row: \d+ pixels lie outside the image. Expected 0 to 207"),
        ({"plane": lambda a: a + 2}, "plane: .* lie outside the image. Expected 0 to 2"),
        ({"value": lambda a: a * np.nan}, r"value: \d+ of \d+ pixels of plane U are not finite, the first in row \d+"),
        ({"value": lambda a: a * 1e30}, r"value: .* pixels of plane U are beyond 1e\+07 ADC"),
        ({"value": lambda a: -a}, "value: the pixels of plane U have no value above 0, and some below"),
        ({"value": lambda a: a.astype("c8")}, "value: not the array that is meant. Expected numbers in 1 dim"),
        ({"row": lambda a: a.astype("f4")}, r"row: not the array .* Expected integers .* Received 'float32 \["),
        ({"offsets": lambda a: a.astype("U9")}, "offsets: not the array that is meant. Expected integers"),
        ({"event": lambda a: a.astype("S9")}, "event: not the array that is meant. Expected numbers"),
        ({"value": lambda a: a[1:]}, "value: another number of pixels. Expected"),
        ({"offsets": lambda a: a[::-1]}, "offsets: not offsets. Expected numbers that grow from 0"),
        ({"is_es": lambda a: a + 1}, "is_es: not a flag. Expected 0 or 1"),
        ({"is_es": lambda a: a[1:]}, "is_es: another number of values than events"),
        ({"particle_energy": lambda a: a * 1e3}, "is the energy in MeV"),
        ({"cluster_energy": lambda a: a * np.nan}, "cluster_energy: 12 values are not finite"),
        ({"value": lambda a: a.astype(object)}, "the array 'value' holds pickled objects, which may run code"),
        ({"is_es": lambda a: a.astype(object)}, "the array 'is_es' holds pickled objects"),
    ],
)
def test_bad_content_is_one_clear_line(refused, change, message, tmp_path):
    arrays, _ = made()
    np.savez(tmp_path / "a.npz", **{**arrays, **{name: turn(arrays[name]) for name, turn in change.items()}})
    assert "\n" not in refused(message, tmp_path)


def test_other_files_are_told_what_is_missing(refused, tmp_path):
    np.savez(tmp_path / "old.npz", images=np.array([None, None], object), metadata=np.zeros(2))
    refused(
        "has no array 'plane'.*'wirechamber convert volume_images' makes shards of older files", tmp_path / "old.npz"
    )
    arrays, _ = made()
    np.savez(tmp_path / "a.npz", **{name: a for name, a in arrays.items() if name != "is_es"})
    refused("has no array 'is_es'", tmp_path / "a.npz")


def test_duplicates_are_refused(refused, tmp_path):
    arrays, _ = made()
    np.savez(tmp_path / "a.npz", **arrays)
    np.savez(tmp_path / "b.npz", **arrays)
    refused("12 of its events are also in .*a.npz", tmp_path)


def test_numbers_of_events_are_kept_and_keep_events_apart(load, tmp_path):
    arrays, _ = made()
    event = 1764000000000000000 + 25 * np.arange(12)
    np.savez(tmp_path / "a.npz", **arrays | {"event": event, "match_id": 2**24 + 1 + np.arange(12)})
    _, (events,) = load(tmp_path)
    assert events.columns["event"].tolist() == event.tolist()
    assert events.columns["match_id"].tolist() == list(range(2**24 + 1, 2**24 + 13))
    assert len(np.unique(events.key)) == 12


def test_keys_that_are_no_integers_are_refused(refused, tmp_path):
    np.savez(tmp_path / "a.npz", **made()[0], key=np.arange(12) + 0.5)
    refused(r"a\.npz\.key: not keys of events\. Expected one integer per event\. Received 'float64 of shape", tmp_path)
