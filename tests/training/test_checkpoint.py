"""Checkpoints: complete or absent, two of them kept, and restored bitwise."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from app.core.errors import WirechamberError
from app.core.files import NotWritten
from app.core.libraries import keras
from app.execution.results import save_model
from app.runs.directory import RunDirectory
from app.training import checkpoint
from app.training.checkpoint import Progress


class Variable:
    """As much of a Keras variable as a checkpoint uses."""

    def __init__(self, value):
        self.value = np.asarray(value)

    shape = property(lambda self: self.value.shape)

    def __array__(self, dtype=None, copy=None):
        return self.value

    def assign(self, value):
        self.value = value


def variables():
    random = np.random.default_rng(1)
    return [
        Variable(random.normal(size=(3, 2)).astype(np.float32)),
        Variable(np.array([7, 9], np.uint32)),
        Variable(1.5),
    ]


def test_what_is_saved_comes_back_bit_by_bit(tmp_path):
    before = variables()
    progress = Progress(epoch=3, train=[{"epoch": 3, "loss": 0.1}], best_epoch=2, best_val_loss=0.25, seconds=1.5)
    checkpoint.save(tmp_path / "c", progress, before, [np.arange(4.0)], None)
    after = [Variable(np.zeros_like(v.value)) for v in before]
    found, best = checkpoint.restore(checkpoint.find_latest(tmp_path / "c"), after)
    assert found == progress
    np.testing.assert_array_equal(best[0], np.arange(4.0))
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.value, other.value)
        assert one.value.dtype == other.value.dtype


@pytest.mark.parametrize(("keep_every", "kept"), [(None, [6, 7]), (3, [3, 6, 7])])
def test_two_checkpoints_are_kept_and_every_nth_when_asked(tmp_path, keep_every, kept):
    for epoch in range(1, 8):
        checkpoint.save(tmp_path, Progress(epoch=epoch), variables(), [], keep_every)
    assert [p.name for p in sorted(tmp_path.iterdir())] == [f"epoch_{n:06d}" for n in kept]


def test_a_half_written_checkpoint_is_never_the_latest(tmp_path):
    checkpoint.save(tmp_path, Progress(epoch=1), variables(), [], None)
    (tmp_path / ".epoch_000002.abc.part").mkdir()
    assert checkpoint.find_latest(tmp_path).name == "epoch_000001"


def test_a_full_disk_at_a_checkpoint_names_it_and_leaves_the_one_before(small_disk):
    checkpoint.save(small_disk, Progress(epoch=1), variables(), [], None)
    large = [np.zeros(30_000)]
    with pytest.raises(NotWritten) as caught:
        checkpoint.save(small_disk, Progress(epoch=2), large, [], None)
    assert str(caught.value) == f"{small_disk / 'epoch_000002'}: cannot be written (No space left on device)."
    assert [path.name for path in small_disk.iterdir()] == ["epoch_000001"]


def test_a_full_disk_at_the_model_names_it_and_leaves_nothing(small_disk):
    network = keras.Sequential([keras.Input((300,)), keras.layers.Dense(300)])
    run = RunDirectory(small_disk)
    with pytest.raises(NotWritten) as caught:
        save_model(run, SimpleNamespace(deployed=network))
    assert str(caught.value) == f"{run.model}: cannot be written (No space left on device)."
    assert list(small_disk.iterdir()) == []


def test_no_checkpoint_is_none(tmp_path):
    assert checkpoint.find_latest(tmp_path / "never made") is None


def test_another_models_checkpoint_is_refused(tmp_path):
    checkpoint.save(tmp_path, Progress(epoch=1), variables(), [], None)
    with pytest.raises(WirechamberError, match="belongs to another model; start again with --overwrite"):
        checkpoint.restore(checkpoint.find_latest(tmp_path), variables()[:2])


@pytest.mark.parametrize("name", ["variables.npz", "progress.json"])
def test_a_damaged_checkpoint_is_named(tmp_path, name):
    checkpoint.save(tmp_path, Progress(epoch=1), variables(), [np.ones(3)], None)
    path = checkpoint.find_latest(tmp_path) / name
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(WirechamberError, match=r"epoch_000001: the checkpoint is damaged .* remove it to resume"):
        checkpoint.restore(checkpoint.find_latest(tmp_path), variables())


def test_progress_is_plain_json(tmp_path):
    checkpoint.save(tmp_path, Progress(epoch=1, stopping={"lowest": 0.5, "wait": 2}), variables(), [], None)
    content = json.loads((checkpoint.find_latest(tmp_path) / "progress.json").read_text())
    assert content["stopping"] == {"lowest": 0.5, "wait": 2}
