"""A misspelt primary figure of a metric is named at validation, not after the training."""

import numpy as np
import pytest

from app.checks.jobs import check_jobs
from app.checks.metrics import try_metric
from app.config.job_file import parse
from app.core.errors import UserError
from app.metrics import METRICS


@pytest.fixture
def metric(small_job):
    """Return a function that makes the job of a metric with this primary figure; the metric is forgotten at the end."""

    def make(primary, function):
        METRICS("made_for_a_test", primary=primary, better="lower")(function)
        return parse({**small_job, "tasks": {"state": {"targets": ["x", "y"], "metrics": ["made_for_a_test"]}}})

    yield make
    METRICS._components.pop("made_for_a_test", None)


def tail(predictions):
    """Share of events that are far off."""
    dx = predictions.predicted["x"] - predictions.true["x"]
    return {"tail_fraction": float(np.mean(np.abs(dx) > 0.5)), "rows": len(predictions)}


def test_it_is_named_with_the_nearest(metric):
    with pytest.raises(UserError) as caught:
        check_jobs([metric("tail_fractoin", tail)])
    assert str(caught.value) == (
        "small.tasks.state.metrics.0.made_for_a_test: unknown primary figure. Did you mean 'tail_fraction'? "
        "Expected one of [tail_fraction, rows]. Received 'tail_fractoin'."
    )


def test_the_right_one_passes(metric):
    job = metric("tail_fraction", tail)
    check_jobs([job])
    task = job.tasks["state"]
    assert try_metric(task.metrics[0], task.targets) == {"tail_fraction": 0.25, "rows": 8}


def test_a_metric_that_wants_real_events_is_left_to_its_run(metric):
    check_jobs([metric("anything", lambda predictions: {"tail": predictions.columns["time"]})])


def test_metrics_of_other_targets_are_all_named(small_job):
    (task,) = small_job["tasks"].values()
    with pytest.raises(UserError) as caught:
        check_jobs([parse({**small_job, "tasks": {"one": {**task, "metrics": ["energy", "regression", "timing"]}}})])
    place, targets = "small.tasks.one.metrics", "['x', 'y', 'tx', 'ty']"
    assert [str(problem) for problem in caught.value.problems] == [
        f"{place}.0.energy.targets: the metric needs energy. Expected the targets [energy]. Received {targets}.",
        f"{place}.2.timing.targets: the metric needs time. Expected the targets [time]. Received {targets}.",
    ]


TARGETS = {
    "position": ["u", "v", "w"],
    "energy": ["energy"],
    "timing": ["time"],
    "direction": ["theta", "phi"],
    "track_residuals": ["x", "y", "tx", "ty"],
    "classification": ["is_signal"],
    "regression": ["x"],
}


@pytest.mark.parametrize("name", TARGETS)
def test_shipped_metrics_are_tried(name, small_job):
    task = {"targets": TARGETS[name], "metrics": [name]}
    if name == "classification":
        task["loss"] = "binary_crossentropy"
    made = parse({**small_job, "tasks": {"one": task}}).tasks["one"]
    figures = try_metric(made.metrics[0], made.targets)
    assert METRICS[name].facts.primary in figures
