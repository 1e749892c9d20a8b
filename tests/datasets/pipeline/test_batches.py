"""Splits that never leak, and orders that (seed, pass) alone decides."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import islice

import numpy as np
import pytest

from app.core.errors import UserError
from datasets.pipeline import arrays as sparse
from datasets.pipeline.arrays import Sparse, dense
from datasets.pipeline.batches import ordered_batches, shuffled_batches
from datasets.pipeline.event_keys import hash_rows, mix
from datasets.pipeline.events import Column, Events, Input, Source
from datasets.pipeline.options import PARTS, DatasetOptions
from datasets.pipeline.split import split

X = Column("x", "mm")


def events(keys):
    keys = np.asarray(keys, np.uint64)
    values = keys.astype(np.float32)
    return Events({"state": np.stack([values, -values], -1)}, {"x": values, "group": np.floor(values / 10)}, keys)


def source(blocks, files=None):
    """A source of blocks of keys; each read returns new arrays, as a file does."""
    return Source(
        inputs={"state": Input((Column("a"), Column("b")), (2,))},
        targets={"x": X},
        extras={"group": Column("group")},
        blocks=[partial(events, keys) for keys in blocks],
        files=files or [f"data/shard_{i}.npz" for i in range(len(blocks))],
        rows=sum(map(len, blocks)),
        fingerprint="",
        description="",
    )


def options(streaming=False, **changes):
    shares = {"train": 0.8, "validation": 0.1, "test": 0.1} | changes
    content = {"files": ["x"], "streaming": streaming, "split": shares}
    return DatasetOptions.model_validate(content)


def keys_of(splits):
    return {name: [int(k) for block in getattr(splits, name) for k in block.key] for name in PARTS}


def blocks_of(rows, size):
    return [range(first, min(first + size, rows)) for first in range(0, rows, size)]


def test_shares_are_as_asked_within_statistics():
    rows = 100_000
    found = {name: len(k) for name, k in keys_of(split(source([range(rows)]), options())).items()}
    for name, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        assert abs(found[name] - share * rows) < 5 * np.sqrt(rows * share * (1 - share))
    assert sum(found.values()) == rows


def test_splitmix_is_the_published_one():
    """The first outputs of SplitMix64 from the state 0 are 0xE220A8397B1DCDAF and 0x6E789E6AA1B965F4."""
    golden = 0x9E3779B97F4A7C15
    assert mix(np.array([0, golden], np.uint64), 0).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


def test_an_event_stays_in_its_split_when_data_are_added_merged_or_reordered():
    before = {k: name for name, keys in keys_of(split(source(blocks_of(2000, 500)), options())).items() for k in keys}
    reordered = [range(1500, 2500), list(range(1499, -1, -1)), range(2500, 4000)]
    for blocks in ([range(4000)], blocks_of(4000, 300), reordered):
        after = {k: name for name, keys in keys_of(split(source(blocks), options())).items() for k in keys}
        assert len(after) == 4000
        assert {k: after[k] for k in before} == before


def test_only_the_seed_of_the_split_changes_it():
    one, same, other = (keys_of(split(source([range(3000)]), options(seed=seed))) for seed in (1, 1, 2))
    assert one == same
    assert set(one["test"]) != set(other["test"])
    assert len(set(one["test"]) & set(other["test"])) < 60  # 30 expected by chance


def test_key_columns_keep_a_group_together():
    splits = split(source(blocks_of(5000, 700)), options(key=["group"]))
    groups = {name: {float(g) for block in getattr(splits, name) for g in block.columns["group"]} for name in PARTS}
    assert sum(map(len, groups.values())) == 500
    assert not groups["train"] & groups["test"]
    assert not groups["train"] & groups["validation"]


def test_key_may_name_input_columns_and_an_unknown_one_names_the_nearest():
    by_input, by_target = (keys_of(split(source([range(300)]), options(key=key))) for key in ("a", "x"))
    assert by_input == by_target  # the input a equals the target x here
    with pytest.raises(UserError, match=r"dataset\.split\.key\.0: unknown column\. Did you mean 'group'\?"):
        split(source([range(3)]), options(key=["gruop"]))


def test_rows_are_hashed_by_value():
    a, b = np.array([1.0, 0.0, 2.0]), np.array([1.0, -0.0, 2.0])
    assert np.array_equal(hash_rows([a, a]), hash_rows([b.astype(np.float32), a]))
    assert not np.array_equal(hash_rows([a, a + 1]), hash_rows([a + 1, a]))
    many = np.arange(100_000.0)
    assert len(np.unique(hash_rows([many, many % 7]))) == len(many)
    assert np.array_equal(hash_rows([a, np.stack([b, a + 1], axis=1)]), hash_rows([a, b, a + 1]))


def test_files_make_the_splits():
    files = ["d/train_0.npz", "d/train_1.npz", "d/val.npz", "d/test.npz"]
    named = {"train": ["train_*.npz"], "validation": ["val.npz"], "test": ["d/test.npz"]}
    found = keys_of(split(source(blocks_of(40, 10), files), options(files=named)))
    assert found == {"train": list(range(20)), "validation": list(range(20, 30)), "test": list(range(30, 40))}


def test_a_file_whose_name_looks_like_a_pattern_is_itself():
    files = ["d/a[1].npz", "d/b*.npz", "d/c?.npz", "d/e f.npz"]
    named = {"train": ["a[1].npz"], "validation": ["d/b*.npz"], "test": ["c?.npz", "d/e f.npz"]}
    found = keys_of(split(source(blocks_of(40, 10), files), options(files=named)))
    assert found == {"train": list(range(10)), "validation": list(range(10, 20)), "test": list(range(20, 40))}


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"train": ["a.npz"], "test": ["c.npz"]}, "b.npz is in no split"),
        ({"train": ["*.npz"], "test": ["c.npz"]}, "c.npz is in the splits train and test"),
        ({"train": ["[abc].npz"], "test": ["d.npz"]}, r"split.files.test.0: the pattern matches no file"),
    ],
)
def test_every_file_and_pattern_is_used_once(named, message):
    with pytest.raises(UserError, match=message):
        split(source(blocks_of(3, 1), ["a.npz", "b.npz", "c.npz"]), options(files=named))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"split": {"train": 0.9}, "files": ["x"]}, "the shares do not add up. Expected train"),
        ({"split": {"files": {"trian": ["x"]}}, "files": ["x"]}, "unknown split. Did you mean 'train'"),
        ({"files": ["x"], "simulate": {"name": "track_states", "tracks": 1}}, "exactly one of 'files' and 'simulate'"),
        ({}, "exactly one of 'files' and 'simulate'. Received 'neither'"),
        ({"files": []}, "at least 1 item"),
        ({"files": ["x"], "split": {"key": []}}, "at least 1 item"),
    ],
)
def test_options_that_cannot_be_meant(content, message):
    with pytest.raises(ValueError, match=message):
        DatasetOptions.model_validate(content)


def first_pass(part, seed, number=0):
    """The keys of pass `number`, in order."""
    found = []
    for block in part.windows(seed, number * part.rows):
        found += block.key.tolist()
        if len(found) >= part.rows:
            return found
    raise AssertionError("the passes ended")


def test_each_pass_has_every_event_once_in_an_order_of_its_own():
    part = split(source(blocks_of(3000, 250)), options()).train
    passes = [first_pass(part, 5, number) for number in range(3)] + [first_pass(part, 6)]
    for one in passes:
        assert sorted(one) == sorted(k for block in part for k in block.key.tolist())
        assert one != sorted(one)
    assert len({tuple(one) for one in passes}) == 4
    assert first_pass(part, 5, 2) == passes[2]


@pytest.mark.parametrize("first_row", [1, 799, 800, 801, 1234, 2400, 2401, 5003])
def test_goes_on_at_any_row(first_row):
    part = split(source(blocks_of(3000, 250)), options()).train

    def stream(first, rows):
        found = []
        for block in part.windows(3, first):
            found += block.key.tolist()
            if len(found) >= rows:
                return found[:rows]
        return found

    assert stream(first_row, 1500) == stream(0, first_row + 1500)[first_row:]


def test_streaming_gives_the_same_events_and_holds_none():
    held, streamed = (split(source(blocks_of(3000, 250)), options(streaming=s)).train for s in (False, True))
    for number in range(2):
        assert first_pass(held, 1, number) == first_pass(streamed, 1, number)
    assert held.blocks[0]() is held.blocks[0]()
    assert streamed.blocks[0]() is not streamed.blocks[0]()


@pytest.mark.parametrize("streaming", [False, True])
def test_limit_keeps_the_first_events_of_each_split(streaming):
    whole = keys_of(split(source(blocks_of(3000, 250)), options()))
    limited = keys_of(split(source(blocks_of(3000, 250)), options(streaming), limit=40))
    assert limited == {name: keys[:40] for name, keys in whole.items()}


def test_an_empty_split_is_said_to_be_empty():
    splits = split(source([range(30)]), options(train=1.0, validation=0.0, test=0.0))
    assert (splits.train.rows, splits.test.rows, list(splits.test)) == (30, 0, [])
    for use in (
        splits.test.events,
        lambda: next(splits.test.windows(1)),
        lambda: shuffled_batches(splits.test, tuple, 2, 1),
    ):
        with pytest.raises(UserError, match="the split is empty"):
            use()


def prepare(block):
    return {"state": block.inputs["state"]}, {"task": block.columns["x"][:, None]}


@pytest.mark.parametrize("first_row", [0, 64 * 5, 64 * 80])
def test_tf_data_gives_the_windows_in_batches_of_one_size(first_row):
    parts = [split(source(blocks_of(3000, 250)), options(streaming=s)).train for s in (False, True)]
    streams = [shuffled_batches(part, prepare, 64, 7, first_row).take(50) for part in parts]
    expected = np.array(first_pass(parts[0], 7, 0) + first_pass(parts[0], 7, 1) + first_pass(parts[0], 7, 2))[
        first_row:
    ]
    for number, (one, other) in enumerate(zip(*(s.as_numpy_iterator() for s in streams), strict=True)):
        wanted = expected[64 * number : 64 * number + 64].astype(np.float32)
        for x, y in (one, other):
            if len(wanted) == 64:
                assert np.array_equal(x["state"], np.stack([wanted, -wanted], -1))
            assert np.array_equal(y["task"][:, 0], x["state"][:, 0])
            assert y["task"].shape == (64, 1)


def test_tf_data_in_stored_order_has_a_length():
    part = split(source(blocks_of(3000, 250)), options()).validation
    stream = ordered_batches(part, prepare, 64)
    found = list(stream.as_numpy_iterator())
    assert int(stream.cardinality()) == len(found) == -(-part.rows // 64)
    assert np.concatenate([y["task"][:, 0] for _, y in found]).astype(int).tolist() == part.events().key.tolist()


def flipped(events, bits):
    """Turn the sign of half of the events, chosen by their bits."""
    sign = np.where(bits % np.uint64(2), -1, 1).astype(np.float32)
    columns = {**events.columns, "x": events.columns["x"] * sign}
    return Events({"state": events.inputs["state"] * sign[:, None]}, columns, events.key)


def augmented(streaming=False, augment=flipped, blocks=None):
    made = replace(source(blocks or blocks_of(6000, 700)), augment=augment)
    return split(made, options(streaming))


def test_augmentation_changes_training_alone_and_not_its_order():
    plain, changed = augmented(augment=None), augmented()
    for one, other in zip(plain.train.windows(3), changed.train.windows(3), strict=False):
        assert np.array_equal(one.key, other.key)
        ratio = other.columns["x"] / np.where(one.columns["x"] == 0, 1, one.columns["x"])
        assert set(np.unique(ratio)) <= {-1.0, 0.0, 1.0}
        assert abs(ratio.mean()) < 0.1
        assert np.array_equal(other.inputs["state"][:, 0], other.columns["x"])
        break
    for name in PARTS:
        assert all((block.columns["x"] >= 0).all() for block in getattr(changed, name))
    assert changed.validation.augment is None


def test_augmentation_is_drawn_anew_in_every_pass_and_goes_on_where_it_was():
    train = augmented().train

    def events_from(first, number):
        keys, values = np.empty(0, np.uint64), np.empty(0)
        for window in train.windows(5, first):
            keys, values = np.append(keys, window.key), np.append(values, window.columns["x"])
            if len(keys) >= number:
                break
        return keys[:number], values[:number]

    keys, values = events_from(0, 2 * train.rows)
    first, second = (
        dict(zip(keys[i : i + train.rows], values[i : i + train.rows], strict=True)) for i in (0, train.rows)
    )
    changed = np.mean([first[key] != second[key] for key in first])
    assert 0.4 < changed < 0.6
    for skip in (1, 2500, train.rows + 17):
        later = events_from(skip, 1000)
        assert np.array_equal(later[0], keys[skip : skip + 1000])
        assert np.array_equal(later[1], values[skip : skip + 1000])


def test_streamed_augmentation_is_the_same():
    one, other = augmented().train, augmented(streaming=True).train
    for a, b in zip(islice(one.windows(2), 4), islice(other.windows(2), 4), strict=True):
        assert np.array_equal(a.columns["x"], b.columns["x"])


def test_small_blocks_are_shuffled_together_until_they_have_2048_rows():
    train = split(source(blocks_of(10_000, 100)), options(train=1.0, validation=0.0, test=0.0)).train
    sizes = [len(window) for window in islice(train.windows(1), 5)]
    assert sizes == [2100, 2100, 2100, 2100, 1600]


def test_sparse_inputs_are_dense_and_bounded_in_batches(monkeypatch):
    """Batches of sparse images are those of dense ones, in memory and streamed."""
    images = np.zeros((500, 4, 5), np.float32)
    images[np.arange(500), np.arange(500) % 4, np.arange(500) % 5] = np.arange(500) + 1.0
    keys = np.arange(500, dtype=np.uint64)

    def read(rows, kind):
        number = np.asarray(rows)
        found = images[number] if kind == "dense" else sparse_of(images[number])
        return Events({"image": found}, {"x": number.astype(np.float32)}, keys[number])

    def first_batches(kind, streaming):
        inputs = {"image": Input((Column("adc"),), (4, 5))}
        blocks = [partial(read, rows, kind) for rows in blocks_of(500, 90)]
        made = Source(inputs, {"x": X}, {}, blocks, ["f"] * 6, 500, "", "")
        part = split(made, options(streaming)).train
        seen = []

        def prepare(events):
            seen.append(len(events))
            return {"image": dense(events.inputs["image"])}, {"x": np.asarray(events.columns["x"])[:, None]}

        found = [(x["image"].numpy(), y["x"].numpy()) for x, y in shuffled_batches(part, prepare, 64, 1).take(10)]
        validation = [x["image"].numpy() for x, _ in ordered_batches(part, prepare, 50)]
        return found, np.concatenate(validation), max(seen)

    monkeypatch.setattr(sparse, "AT_ONCE", 40 * 20 * 4)
    expected, stored, most = first_batches("dense", False)
    assert most == 40
    for kind, streaming in (("sparse", False), ("sparse", True), ("dense", True)):
        found, again, most = first_batches(kind, streaming)
        assert most == 40
        assert np.array_equal(again, stored)
        for (x, y), (a, b) in zip(found, expected, strict=True):
            assert np.array_equal(x, a)
            assert np.array_equal(y, b)


def sparse_of(images):
    event, index = np.nonzero(images.reshape(len(images), -1))
    values = images.reshape(len(images), -1)[event, index]
    offsets = np.searchsorted(event, np.arange(len(images) + 1))
    return Sparse.of(index.astype(np.int32), values, offsets, images.shape[1:])
