"""What is said after each epoch: the losses, a figure of each task by its name, and the one that decides."""

from __future__ import annotations

import pytest

from app.config.job_file import parse
from app.execution.progress import describe_epoch
from app.training.checkpoint import Progress

VAL = {"epoch": 2, "loss": 0.5, "place_relative_rms": 0.25, "slopes_relative_rms": 0.75, "ty_bias": 0.1}
PLACE, SLOPES = {"targets": ["x", "y"], "metrics": "regression"}, {"targets": ["tx", "ty"], "metrics": "regression"}


def progress(val):
    return Progress(epoch=2, best_epoch=1, train=[{"epoch": 2, "loss": 1.0, "lr": 0.001}], val=[val])


def test_several_tasks_are_named_also_where_their_figures_are_called_the_same(small_job):
    job = parse({**small_job, "tasks": {"place": PLACE, "slopes": SLOPES}})
    assert describe_epoch(progress(VAL), job) == (
        "loss 1  val_loss 0.5  place: relative_rms 0.25  slopes: relative_rms 0.75  lr 0.001"
    )


def test_one_task_is_not_named(small_job):
    val = {"epoch": 2, "loss": 0.5, "pos_mean_mm": 12.25}
    assert describe_epoch(progress(val), parse(small_job)) == "loss 1  val_loss 0.5  pos_mean_mm 12.25  lr 0.001"


@pytest.mark.parametrize("monitor", ["val_tx_mean", "val_pos_mean_mm"])
def test_the_monitored_figure_is_always_there_with_the_best_epoch(small_job, monitor):
    val = {"epoch": 2, "loss": 0.5, "pos_mean_mm": 12.25, "tx_mean": 0.125}
    job = parse({**small_job, "training": {"monitor": monitor}})
    value = val[monitor.removeprefix("val_")]
    end = f"pos_mean_mm 12.25  {monitor} {value} (best: epoch 1)  lr 0.001"
    assert describe_epoch(progress(val), job).endswith(end)
