"""Trainings that begin with the weights of another run, and layers that keep theirs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from app.cli import main
from app.config.job_file import parse
from app.core.errors import UserError
from app.core.files import read_json
from app.core.libraries import keras
from app.evaluation import load
from app.execution.session import Options
from app.execution.single import train_job
from app.runs.find import find_run
from app.training.start import freeze, known_constants, take_weights


def weights(name):
    return {variable.path: variable.numpy() for variable in load(name).model.variables}


@pytest.fixture
def train(copied, small_job):
    def train(name, data=(), **training):
        task = {**small_job["tasks"]["state"]}
        dataset = {**small_job["dataset"], "simulate": {**small_job["dataset"]["simulate"], **dict(data)}}
        content = {**small_job, "name": name, "tasks": {"state": task}, "dataset": dataset}
        job = parse({**content, "training": {**small_job["training"], "epochs": 1, **training}})
        return train_job(job, Options(config=copied / "trained.json"))

    return train


def test_frozen_layers_of_another_run_are_those_of_that_run_after_the_training(train):
    log = train("tuned", start_from="trained", freeze="hidden_*").log.read_text()
    before, after = weights("trained"), weights("tuned")
    for name, array in before.items():
        assert np.array_equal(array, after[name]) == name.startswith("hidden"), name
    assert "started from trained: 4 of 4 arrays of weights taken" in log
    assert "frozen: hidden_1" in log


def test_what_does_not_fit_is_left_and_named(copied, caplog):
    caplog.set_level("INFO")
    inputs = keras.Input((6,), name="state")
    hidden = keras.layers.Dense(16, name="hidden_1")(inputs)
    network = keras.Model(inputs, keras.layers.Dense(3, name="state_head")(hidden))
    take_weights(network, "trained")
    assert "started from trained: 2 of 4 arrays of weights taken" in caplog.text
    assert (
        "not taken from trained: state_head/kernel [16, 4], here [16, 3], state_head/bias [4], here [3]" in caplog.text
    )
    np.testing.assert_array_equal(network.layers[1].kernel.numpy(), weights("trained")["hidden_1/kernel"])
    other = keras.Model(inputs, keras.layers.Dense(2, name="elsewhere")(inputs))
    with pytest.raises(
        UserError, match=r"training.start_from.trained: no weight can be taken. Expected a run whose layers"
    ):
        take_weights(other, "trained")


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (["hiden_*"], r"training.freeze.0: matches no layer with weights. .*Expected a pattern of \[hidden_1, out\]"),
        (["*"], "training.freeze: nothing is left to train"),
    ],
)
def test_patterns_that_make_no_sense_are_refused(patterns, message):
    inputs = keras.Input((6,), name="state")
    network = keras.Model(inputs, keras.layers.Dense(3, name="out")(keras.layers.Dense(16, name="hidden_1")(inputs)))
    with pytest.raises(UserError, match=message):
        freeze(network, patterns)


def test_layers_of_another_name_are_told_the_nearest(copied):
    inputs = keras.Input((6,), name="state")
    network = keras.Model(inputs, keras.layers.Dense(16, name="hiden_1")(inputs))
    message = "training.start_from.trained: no weight can be taken. Did you mean 'hidden_1'?"
    with pytest.raises(UserError) as caught:
        take_weights(network, "trained")
    assert str(caught.value).startswith(message)


@pytest.mark.slow
def test_constants_are_those_of_the_run_that_a_training_starts_from(train):
    run = train("other", start_from="trained", data={"seed": 2})
    own, known = (read_json(path) for path in (run.normalization, find_run("trained").normalization))
    assert (own["inputs"], own["tasks"]) == (known["inputs"], known["tasks"])


def test_constants_of_other_transforms_are_not_taken(copied, small_job):
    content = {**small_job, "name": "new", "training": {**small_job["training"], "start_from": "trained"}}
    known = read_json(find_run("trained").normalization)
    assert known_constants(parse(content)) == {"inputs": known["inputs"], "tasks": known["tasks"]}
    task = {**small_job["tasks"]["state"], "transform": "straight_line_residual"}
    assert known_constants(parse({**content, "tasks": {"state": task}})) == {"inputs": known["inputs"], "tasks": {}}
    assert known_constants(parse({**content, "training": small_job["training"]})) == {"inputs": {}, "tasks": {}}


def test_a_dry_run_counts_events_and_says_what_is_taken_and_frozen(copied, small_job, capsys):
    path = copied / "new.json"
    path.write_text(
        json.dumps({**small_job, "name": "new", "training": {"start_from": "trained", "freeze": "hidden_1"}})
    )
    assert main(["run", str(path), "--dry-run"]) == 0
    output = capsys.readouterr().out
    assert "data: 476 training events" in output
    assert "started from trained: 4 of 4 arrays of weights taken" in output
    assert "frozen: hidden_1" in output


ONLY_X = ('tasks.state.targets=["x"]', 'tasks.state.metrics=["regression"]')


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["training.start_from=traned"], "training.start_from.traned: no such run. Did you mean 'trained'?"),
        (["training.freeze=hiden_1"], "training.freeze.0: matches no layer with weights. Did you mean 'hidden_1'?"),
        (
            ["training.start_from=trained", "model.hidden=[5, 5]", *ONLY_X],
            "training.start_from.trained: no weight can be taken.",
        ),
    ],
)
def test_a_dry_run_checks_where_the_training_begins(copied, small_job, changes, message, capsys):
    path = copied / "new.json"
    path.write_text(json.dumps({**small_job, "name": "new"}))
    words = [word for change in changes for word in ("--set", change)]
    assert main(["run", str(path), "--dry-run", *words]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "training." in line]
    assert message in line
    assert not (copied / "runs" / "new").exists()


def test_a_run_that_is_not_there_is_named_before_the_data_are_read(train):
    with pytest.raises(UserError, match=r"training.start_from.traned: no such run. Did you mean 'trained'\?"):
        train("tuned", start_from="traned")
