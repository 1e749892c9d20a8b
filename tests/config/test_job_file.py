"""From files to jobs: extends, --set, sweeps, and what is wrong with a file."""

from __future__ import annotations

import json
import sys

import pytest

from app.config.job_file import assign, load, merge, parse_override, refuse_equal_names
from app.core.errors import UserError

JOB = {
    "name": "one",
    "application": "track_extrapolation",
    "dataset": {"name": "track_states", "simulate": {"tracks": 100, "momentum": [2, 100]}},
    "model": {"name": "mlp", "hidden": [8, 8]},
    "tasks": {"state": {"targets": ["x", "y"], "transform": "kick", "loss": "mse"}},
    "training": {"epochs": 7, "optimizer": {"name": "adam", "learning_rate": 0.5}},
}


@pytest.fixture
def write(tmp_path):
    def writer(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return writer


def message(*arguments):
    with pytest.raises(UserError) as caught:
        load(*arguments)
    return str(caught.value)


def test_extends_merges_objects_and_replaces_lists_and_values(write):
    write("base.json", JOB)
    path = write(
        "sub/child.json",
        {
            "extends": "../base.json",
            "name": "two",
            "model": {"name": "mlp", "hidden": [4]},
            "training": {"epochs": 3, "optimizer": {"name": "adam"}},
            "tasks": {"state": {"loss": {"name": "huber", "delta": 2.0}}},
        },
    )
    (job,) = load(path)
    assert (job.name, job.training.epochs, job.training.optimizer.options.learning_rate) == ("two", 3, 0.5)
    assert job.model.parameters["hidden"] == (4,)
    assert job.tasks["state"].targets == ("x", "y")
    assert job.tasks["state"].loss.parameters == {"delta": 2.0}


def test_another_component_replaces_the_whole_object():
    base = {"optimizer": {"name": "adam", "beta_1": 0.8}}
    assert merge(base, {"optimizer": {"name": "sgd"}}) == {"optimizer": {"name": "sgd"}}
    assert merge(base, {"optimizer": "sgd"}) == {"optimizer": "sgd"}
    assert merge(base, {"optimizer": {"beta_2": 0.9}})["optimizer"] == {"name": "adam", "beta_1": 0.8, "beta_2": 0.9}
    assert base == {"optimizer": {"name": "adam", "beta_1": 0.8}}


def test_parameters_are_added_to_a_short_component():
    assert merge({"loss": "huber"}, {"loss": {"delta": 2}}) == {"loss": {"name": "huber", "delta": 2}}
    assert merge({"loss": "huber"}, {"loss": {"name": "mse"}}) == {"loss": {"name": "mse"}}


def test_parents_have_parents(write):
    write("a.json", JOB)
    write("b.json", {"extends": "a.json", "seed": 5})
    (job,) = load(write("c.json", {"extends": "b.json", "name": "three"}))
    assert (job.name, job.seed, job.training.epochs) == ("three", 5, 7)


def test_a_circle_is_refused(write):
    write("a.json", {"extends": "b.json"})
    assert "b.json.extends: the files extend each other in a circle" in message(write("b.json", {"extends": "a.json"}))
    assert "in a circle" in message(write("self.json", {"extends": "self.json"}))


def test_a_missing_parent_names_the_nearest_file(write):
    write("base.json", JOB)
    text = message(write("child.json", {"extends": "bse.json"}))
    assert "bse.json: no such file. Did you mean 'base.json'?" in text
    assert "odd.json.extends: not valid. Expected the path of a job file." in message(write("odd.json", {"extends": 5}))


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("training.epochs=5", ("training", "epochs"), 5),
        ("model.hidden=[4,4]", ("model", "hidden"), [4, 4]),
        ("name=text with = sign", ("name",), "text with = sign"),
        ("a=true", ("a",), True),
        ("a=null", ("a",), None),
        ('a="5"', ("a",), "5"),
        ("a=", ("a",), ""),
    ],
)
def test_a_set_value_is_json_or_else_text(text, path, value):
    assert parse_override(text) == (path, value)


@pytest.mark.parametrize("text", ["training.epochs", "=5", ""])
def test_what_is_no_assignment_is_refused(text):
    with pytest.raises(UserError, match=r"--set: not an assignment\. Expected path\.to\.key=value"):
        parse_override(text)


@pytest.mark.parametrize("value", ["{name: mlp}", "{'name': 'mlp'}", "[1, 2"])
def test_what_begins_as_json_and_is_none_is_no_text(value):
    with pytest.raises(
        UserError, match=r"--set\.model: not JSON, .* at character \d+\. Expected names in double quotes"
    ):
        parse_override(f"model={value}")
    for name in ("{model.name}_x", "[ab]*.npz", "mlp"):
        assert parse_override(f"name={name}") == (("name",), name)


def test_set_goes_through_lists_short_components_and_new_objects():
    content = json.loads(json.dumps(JOB))
    assign(content, ["model", "hidden", "1"], 16)
    assign(content, ["tasks", "state", "loss", "delta"], 2.0)
    assign(content, ["training", "schedule", "name"], "constant")
    assert content["model"]["hidden"] == [8, 16]
    assert content["tasks"]["state"]["loss"] == {"name": "mse", "delta": 2.0}
    assert content["training"]["schedule"] == {"name": "constant"}


def test_set_reaches_the_job_and_its_mistakes_are_told_by_path(write):
    path = write("one.json", JOB)
    (job,) = load(path, ["training.epochs=2", "name=renamed", "model.hidden.0=3"])
    assert (job.training.epochs, job.name, job.model.parameters["hidden"]) == (2, "renamed", (3, 8))
    assert message(path, ["training.epoch=2"]).startswith("one.training.epoch: unknown key. Did you mean 'epochs'?")
    assert message(path, ["model.hidden.2=3"]).startswith(
        "--set.2: no such list element. Expected a position from 0 to 1"
    )
    assert message(path, ["model.hidden.first=3"]).startswith("--set.first: no such list element.")


def test_a_sweep_is_the_product_of_its_values(write):
    write("one.json", JOB)
    sweep = {
        "$schema": "../job.schema.json",
        "job": "one.json",
        "sweep": {"model.hidden": [[4], [8, 8]], "tasks.state.transform": ["kick", "standardize"]},
        "name": "mlp_{model.hidden}_{tasks.state.transform}",
    }
    path = write("sweep.json", sweep)
    jobs = load(path)
    assert [job.name for job in jobs] == ["mlp_4_kick", "mlp_4_standardize", "mlp_8-8_kick", "mlp_8-8_standardize"]
    assert [job.model.parameters["hidden"] for job in jobs] == [(4,), (4,), (8, 8), (8, 8)]
    assert [job.tasks["state"].transform[0].name for job in jobs] == ["kick", "standardize"] * 2
    assert {job.training.epochs for job in jobs} == {7}
    assert {job.training.epochs for job in load(path, ["training.epochs=1"])} == {1}


def test_a_component_in_a_sweeps_name_is_called_by_its_name(write):
    write("one.json", JOB)
    losses = ["mse", {"name": "huber", "delta": 0.5}]
    path = write("s.json", {"job": "one.json", "sweep": {"tasks.state.loss": losses}, "name": "{tasks.state.loss}"})
    assert [job.name for job in load(path)] == ["mse", "huber"]


def test_a_sweep_may_give_its_values_words_for_the_name(write):
    write("one.json", JOB)
    losses = {"plain": "mse", "soft_0.5": {"name": "huber", "delta": 0.5}, "soft_2": {"name": "huber", "delta": 2.0}}
    sweep = {"tasks.state.loss": losses, "seed": [1, 2]}
    jobs = load(write("s.json", {"job": "one.json", "sweep": sweep, "name": "{tasks.state.loss}_{seed}"}))
    assert [job.name for job in jobs] == [f"{word}_{seed}" for word in losses for seed in (1, 2)]
    assert [job.tasks["state"].loss.parameters.get("delta") for job in jobs] == [None, None, 0.5, 0.5, 2.0, 2.0]


def test_two_jobs_of_one_name_are_refused(write):
    write("one.json", JOB)
    text = message(write("s.json", {"job": "one.json", "sweep": {"seed": [1, 2]}, "name": "same"}))
    assert text == "s.name: two jobs have one name. Expected a name of its own for each. Received 'same'."
    (job,) = load(write("one.json", JOB))
    with pytest.raises(UserError, match="two jobs have one name"):
        refuse_equal_names([job, job])


def test_all_jobs_of_a_sweep_are_validated(write):
    write("one.json", JOB)
    path = write("s.json", {"job": "one.json", "sweep": {"training.epochs": [0, 1, "x"]}, "name": "n{training.epochs}"})
    messages = message(path).splitlines()
    assert [line.partition(": ")[0] for line in messages] == ["s:n0.training.epochs", "s:nx.training.epochs"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"name": "{modle.hidden}"}, "s.name: no such path in the job."),
        ({"sweep": {}}, "s.sweep: not valid."),
        ({"sweep": {"seed": []}}, "s.sweep.seed: not valid."),
        ({"sweep": {"seed": {}}}, "s.sweep.seed: not valid."),
        ({"sweep": {"seed": 5}}, "s.sweep.seed: not valid."),
        ({"sweep": {"model.hidden.5": [1]}}, "s.sweep.model.hidden.5.5: no such list element."),
        ({"jobs": "one.json"}, "s.jobs: unknown key. Did you mean 'job'?"),
        ({"job": "two.json"}, "no such file. Did you mean"),
        ({"sweep": {"modle.hidden": [[4]]}, "name": "x"}, ".modle: unknown key. Did you mean 'model'?"),
    ],
)
def test_mistakes_in_a_sweep(write, changes, text):
    write("tow.json", JOB)
    write("one.json", JOB)
    sweep = {"job": "one.json", "sweep": {"model.hidden": [[4]]}, "name": "x{model.hidden}"}
    assert text in message(write("s.json", sweep | changes))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"name": "a",\n "name": "b"}', "duplicate key 'name'"),
        ('{"model": {"name": "mlp", "hidden": [4], "hidden": [8]}}', "duplicate key 'hidden'"),
        ('{"name": "a",}', f"bad.json:1:{13 if sys.version_info >= (3, 13) else 14}: not JSON"),  # json words it anew
        ("[]", "bad.json: not a job. Expected a JSON object. Received []."),
        ("", "bad.json:1:1: not JSON"),
    ],
)
def test_what_is_no_job_file(write, text, expected):
    assert expected in message(write("bad.json", text))


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "bad.json").write_bytes(b"\xff\xfe\x00model")
    assert "bad.json: cannot be read" in message(tmp_path / "bad.json")


def test_a_missing_file_names_the_nearest(write, tmp_path):
    write("mlp_tiny.json", JOB)
    assert "mlp_tiyn.json: no such file. Did you mean 'mlp_tiny.json'?" in message(tmp_path / "mlp_tiyn.json")
    assert "no such file. Expected a job file" in message(tmp_path / "nowhere" / "mlp.json")
    line = f"{tmp_path}: is a folder. Expected a job file (JSON), e.g. {tmp_path / 'mlp_tiny.json'}."
    assert message(tmp_path) == line
    (tmp_path / "none").mkdir()
    assert message(tmp_path / "none").endswith("none: is a folder. Expected a job file (JSON).")


def test_a_dump_is_a_job_file(write):
    (job,) = load(write("one.json", JOB | {"$schema": "../job.schema.json"}))
    (again,) = load(write("job.json", job.dump()))
    assert again == job
