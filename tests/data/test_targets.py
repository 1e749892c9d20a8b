"""Targets of which there is nothing to learn are named: of one value, given by an input, or no classes."""

from __future__ import annotations

import json

import numpy as np
import pyarrow
import pytest
from pyarrow import csv

from app.cli import main
from app.config.job_file import parse
from app.core.errors import UserError
from app.data.loading import load_data
from app.data.targets import check_classes, check_targets, name_constant_targets
from datasets.pipeline.events import Events


def block(**columns):
    columns = {name: np.asarray(values, np.float64) for name, values in columns.items()}
    return Events({}, columns, np.zeros(len(columns["a"]), np.uint64))


def test_targets_with_one_value_are_named(caplog):
    blocks = [block(a=[], b=[], c=[]), block(a=[1, 1], b=[2, 2], c=[3, 4]), block(a=[1], b=[5], c=[3])]
    name_constant_targets(["a", "b", "c"], blocks)
    assert caplog.messages == ["there is nothing to learn of targets with one value in all training events: a = 1"]


def test_nothing_is_read_after_the_block_in_which_all_targets_change(caplog):
    def blocks():
        yield block(a=[1, 2])
        raise AssertionError("a second block is read")

    name_constant_targets(["a"], blocks())
    assert not caplog.messages


@pytest.fixture
def content(tmp_path):
    """A job of a table in which three inputs are the target y, and one is not."""
    rng = np.random.default_rng(1)
    columns = {"x": rng.normal(size=60), "y": rng.normal(size=60) + 3, "kind": np.arange(60) % 3}
    csv.write_csv(pyarrow.table(columns), tmp_path / "a.csv")
    inputs = {"x": "", "again": {"column": "y"}, "third": {"expression": "(y)"}, "far": {"expression": "2 - 7 * y"}}
    inputs["near"] = {"expression": "y + 0.001 * x"}
    return {
        "name": "given",
        "application": "tables",
        "dataset": {"name": "table", "files": str(tmp_path / "a.csv"), "inputs": inputs, "targets": ["y", "kind"]},
        "model": "mlp",
        "tasks": {"y": {"targets": ["y"], "loss": "mse"}},
    }


def test_an_input_that_is_the_target_is_named_by_its_column(content, tmp_path, capsys):
    (tmp_path / "job.json").write_text(json.dumps(content))
    assert main(["validate", str(tmp_path / "job.json")]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"given: the input {name} is the target y itself: there is nothing to learn" for name in ("again", "third")
    ]


def test_an_input_that_is_the_target_is_named_by_its_values(content, caplog):
    job = parse(content)
    check_targets(job, load_data(job))
    ending = "is the target y itself, or a straight line of it: there is nothing to learn"
    named = [message for message in caplog.messages if "nothing to learn" in message]
    assert named == [f"the input {name} {ending}" for name in ("again", "third", "far")]


def test_measurements_are_no_classes(content):
    tasks = {"y": {"targets": ["y"], "loss": "binary_crossentropy"}}
    job = parse({**content, "tasks": tasks})
    message = r"tasks\.y\.targets: the target 'y' is not 0 or 1\. Expected 0 or 1 for the loss 'binary_crossentropy'"
    with pytest.raises(UserError, match=message):
        check_targets(job, load_data(job))
    soft = np.array([[0.0], [0.3]])
    with pytest.raises(UserError, match=r"targets: the target 'y' is not 0 or 1.*Received 0\.3\.$"):
        check_classes(job.tasks["y"], soft)
    other = parse({**content, "tasks": {"y": {**tasks["y"], "metrics": "regression"}}})
    check_classes(other.tasks["y"], soft)  # a loss takes probabilities
    head = {"name": "softmax", "classes": 2}
    several = parse(
        {**content, "tasks": {"k": {"targets": ["kind"], "loss": "categorical_crossentropy", "head": head}}}
    )
    with pytest.raises(
        UserError, match=r"tasks\.k\.targets: the target 'kind' is not a class.*from 0 to 1.*Received 2"
    ):
        check_targets(several, load_data(several))
