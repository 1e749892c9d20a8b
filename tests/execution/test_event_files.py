"""The event files that TensorBoard reads: each epoch once, also after a training was interrupted."""

from __future__ import annotations

import json
import logging

import pytest

from app.config.job_file import parse
from app.execution.event_files import write_events
from app.execution.session import Options
from app.execution.single import train_job
from app.runs.directory import RunDirectory
from app.training.checkpoint import Progress


def read(folder):
    """Return (step, value) by part and name, as TensorBoard reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = {}
    for part in ("train", "validation"):
        events = EventAccumulator(str(folder / part)).Reload()
        for name in events.Tags()["scalars"]:
            found[part, name] = [(point.step, point.value) for point in events.Scalars(name)]
    return found


def progress(epochs, scale=1.0):
    train = [{"epoch": n, "loss": scale / n, "lr": 0.125, "stage_losses": [1, 2]} for n in range(1, epochs + 1)]
    val = [{"epoch": n, "loss": 2 * scale / n, "accuracy": 0.5} for n in range(1, epochs + 1)]
    return Progress(epoch=epochs, train=train, val=val)


def tracked(small_job, **changes):
    return parse({**small_job, "tracking": {"tensorboard": True}, **changes})


def test_each_epoch_stands_once_in_the_files_of_a_training_that_was_resumed(small_job, tmp_path):
    run = RunDirectory(tmp_path / "run")
    for first, last, scale in ((1, 3, 1.0), (3, 4, 8.0)):  # the third epoch came after the last checkpoint
        with write_events(tracked(small_job), run) as write:
            for epoch in range(first, last + 1):
                write(progress(epoch, scale))
    assert len(list((run.tensorboard / "train").iterdir())) == 2
    assert read(run.tensorboard) == {
        ("train", "loss"): [(1, 1.0), (2, 0.5), (3, pytest.approx(8 / 3)), (4, 2.0)],
        ("train", "lr"): [(epoch, 0.125) for epoch in range(1, 5)],
        ("validation", "loss"): [(1, 2.0), (2, 1.0), (3, pytest.approx(16 / 3)), (4, 4.0)],
        ("validation", "accuracy"): [(epoch, 0.5) for epoch in range(1, 5)],
    }


def test_a_training_that_is_resumed_with_it_writes_the_epochs_of_before_too(small_job, tmp_path):
    with write_events(tracked(small_job), RunDirectory(tmp_path)) as write:
        write(progress(3))
    assert [step for step, _ in read(tmp_path / "tensorboard")["train", "loss"]] == [1, 2, 3]


def test_a_failure_costs_nothing_and_is_said_once(small_job, tmp_path, caplog):
    (tmp_path / "tensorboard").write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING), write_events(tracked(small_job), RunDirectory(tmp_path)) as write:
        write(progress(1))
        write(progress(2))
    assert caplog.text.count("tensorboard: cannot be written") == 1


def test_nothing_is_written_unless_asked_for(small_job, tmp_path):
    with write_events(parse(small_job), RunDirectory(tmp_path)) as write:
        write(progress(1))
    assert not any(tmp_path.glob("tensorboard*"))


@pytest.mark.slow
def test_the_files_of_a_run_hold_its_history(small_job, tmp_path):
    job = tracked(small_job)
    train_job(job, Options(tmp_path / "job.json", until=2, test=False))
    run = train_job(job, Options(tmp_path / "job.json", resume=True))
    history, found = json.loads(run.history.read_text()), read(run.tensorboard)
    assert [value for _, value in found["validation", "pos_mean_mm"]] == pytest.approx(
        [epoch["pos_mean_mm"] for epoch in history["val"]]
    )
    assert found["train", "loss"] == [(epoch["epoch"], pytest.approx(epoch["loss"])) for epoch in history["train"]]
