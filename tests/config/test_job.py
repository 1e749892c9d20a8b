"""A job in memory: what it refuses, what it fills in, and that its dump gives it again."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest
from pydantic import ValidationError

from app.config import Job, Task
from app.config.job_file import parse
from app.core.errors import UserError


def content(**changes):
    whole = {
        "name": "one",
        "application": "track_extrapolation",
        "dataset": {"name": "track_states", "simulate": {"tracks": 100}},
        "model": {"name": "mlp", "hidden": [8]},
        "tasks": {"state": {"targets": ["x", "y"], "transform": "kick"}},
    }
    return whole | changes


def lines(changed):
    with pytest.raises(UserError) as caught:
        parse(changed)
    return str(caught.value).splitlines()


def test_every_mistake_is_told_at_once_under_its_path():
    messages = lines(
        content(
            nmae="two",
            seed="42",
            model={"name": "mpl"},
            tasks={"state": {"targets": ["x"], "loss": "mes", "transform": ["kick", "lgo"], "wieght": 2.0}},
            training={"epochs": 0, "optimizer": {"name": "adamw", "learning_rte": 1e-3}, "xla": "yes"},
        )
    )
    starts = {line.partition(": ")[0]: line for line in messages}
    assert set(starts) == {
        "job.nmae",
        "job.seed",
        "job.model.name",
        "job.tasks.state.loss.name",
        "job.tasks.state.transform.1.name",
        "job.tasks.state.wieght",
        "job.training.epochs",
        "job.training.optimizer.learning_rte",
        "job.training.xla",
    }
    assert len(messages) == len(starts)
    assert "unknown key. Did you mean 'name'?" in starts["job.nmae"]
    assert starts["job.seed"].endswith("Received '42'.")
    assert "unknown model. Did you mean 'mlp'?" in starts["job.model.name"]
    assert "unknown loss. Did you mean 'mse'?" in starts["job.tasks.state.loss.name"]
    assert "Did you mean 'log'?" in starts["job.tasks.state.transform.1.name"]
    assert "Did you mean 'weight'?" in starts["job.tasks.state.wieght"]
    assert "greater than or equal to 1" in starts["job.training.epochs"]
    assert "Did you mean 'learning_rate'?" in starts["job.training.optimizer.learning_rte"]


@pytest.mark.parametrize("size", [99999999999999999999, 2**31, 0])
def test_a_batch_that_no_tensor_holds_is_refused(size):
    (line,) = lines(content(training={"batch_size": size}))
    assert line.startswith("job.training.batch_size: ")
    assert ("less than or equal to 2147483647" if size else "greater than or equal to 1") in line


def test_the_issue_of_the_design_reads_as_it_promises():
    (line,) = lines(content(training={"batchsize": 32}))
    assert line.startswith("job.training.batchsize: unknown key. Did you mean 'batch_size'? Expected one of [epochs,")
    assert line.endswith("Received 'batchsize'.")


def test_only_what_the_file_and_the_loss_state_counts_as_set():
    assert Task.model_validate({"targets": ["x"]}).model_fields_set == {"targets"}
    natural = Task.model_validate({"targets": ["x"], "loss": "binary_crossentropy"})
    assert natural.model_fields_set == {"targets", "loss", "head", "transform", "metrics"}
    assert (natural.head.name, natural.transform, natural.metrics[0].name) == ("sigmoid", (), "classification")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"tasks": {}}, "job.tasks: not valid."),
        (
            {"dataset": {"name": "track_states"}},
            "job.dataset: give exactly one of 'files' and 'simulate'. Received 'neither'.",
        ),
        (
            {"name": "../evil"},
            "job.name: not a name. Did you mean 'evil'? Expected 1 to 120 letters, digits, _ . + and -, the first a "
            "letter or digit. Received '../evil'.",
        ),
        (
            {"tasks": {"state/end": {"targets": ["x"]}}},
            "job.tasks.state/end: not a name. Did you mean 'state_end'? Expected 1 to 120 letters, digits, _ and -, "
            "the first not -. Received 'state/end'.",
        ),
        ({"model": 5}, "job.model: does not name the model."),
        ({"model": {"hidden": [8]}}, "job.model: does not name the model."),
        ({"seed": -1}, "job.seed: not valid."),
        ({"tasks": {"state": {"targets": []}}}, "job.tasks.state.targets: not valid."),
        ({"tasks": {"state": {"targets": ["x"], "metrics": []}}}, "job.tasks.state.metrics: not valid."),
        ({"training": {"early_stopping": {"min_delta": -1.0}}}, "job.training.early_stopping.min_delta: not valid."),
    ],
)
def test_one_mistake_is_one_line(changes, line):
    (messages,) = lines(content(**changes))
    assert messages.startswith(line)


def test_missing_keys_are_all_named():
    assert lines({}) == [
        f"job.{key}: required key is missing." for key in ("name", "application", "dataset", "model", "tasks")
    ]


def test_a_target_is_learned_once():
    (line,) = lines(content(tasks={"a": {"targets": ["x", "y"]}, "b": {"targets": ["tx", "y"]}}))
    assert line == "job.tasks.b.targets: 'y' is learned by the task 'a' already."


def test_not_a_number_is_no_learning_rate():
    (line,) = lines(content(training={"optimizer": {"name": "sgd", "learning_rate": float("nan")}}))
    assert line.startswith("job.training.optimizer.learning_rate: not valid.")


def test_the_dump_gives_the_same_job_again():
    job = parse(content(**{"$schema": "../job.schema.json"}, training={"optimizer": "sgd", "early_stopping": {}}))
    dump = job.dump()
    assert "$schema" not in dump
    assert parse(dump) == job
    assert parse(json.loads(json.dumps(dump))).dump() == dump
    size = {"preset": "medium", "hidden": [8], "activation": "gelu", "dropout": 0.0}
    assert dump["model"] == {"name": "mlp", "inputs": {"mirror": False, "features": None}, **size}
    baseline = {"name": "straight_line"}
    assert dump["tasks"]["state"]["transform"] == [{"name": "kick", "baseline": baseline, "slopes": "plain"}]
    assert dump["training"]["early_stopping"] == {"patience": 20, "min_delta": 1e-6}
    assert dump["dataset"]["simulate"]["name"] == "track_states"


def test_a_job_is_frozen():
    job = parse(content())
    with pytest.raises((ValidationError, FrozenInstanceError)):
        job.seed = 1
    with pytest.raises(ValidationError):
        job.training.epochs = 1


def test_one_value_stands_for_a_list_of_one():
    one = parse(content(tasks={"state": {"targets": "x", "transform": "kick", "metrics": "regression"}}))
    other = parse(
        content(tasks={"state": {"targets": ["x"], "transform": ["kick"], "metrics": [{"name": "regression"}]}})
    )
    assert one == other
    assert isinstance(one, Job)
