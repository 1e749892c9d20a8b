"""The `hyperopt` block: what is refused and with which message, conditions, and the values that a draw means."""

import copy

import pytest

from app.checks.jobs import check_jobs
from app.checks.search import direction, logged_metrics
from app.config.derived_jobs import best_job, trial_job, values_of
from app.config.job_file import parse
from app.config.search_space import Condition, Dimension, Hyperopt, entries
from app.core.errors import UserError


@pytest.mark.parametrize(("content", "text"), [
    ({}, "not one kind of values"),
    ({"choice": [1], "bool": True}, "not one kind of values"),
    ({"choice": []}, "at least 1 item"),
    ({"int": [4, 2]}, "an empty range"),
    ({"float": [0, 1], "log": True}, "a logarithm needs positive values"),
    ({"float": [1e-3, 1], "log": True, "step": 1}, "with 'log' the step is a factor"),
    ({"int": [1, 9], "step": 0.5}, "not a whole number"),
    ({"choice": [1, 2], "log": True}, "'step' and 'log' belong to numbers"),
    ({"flaot": [0, 1]}, "Did you mean 'float'"),
])  # fmt: skip
def test_a_dimension_that_is_refused(content, text, searched):
    with pytest.raises(UserError, match=text):
        parse(searched(space={"model.dropout": content}))


@pytest.mark.parametrize(("space", "text"), [
    ({"model.hiden": {"choice": [[4]]}}, "Did you mean 'hidden'"),
    ({"modl.hidden": {"choice": [[4]]}}, "Did you mean 'model'"),
    ({"model.dropout": {"float": [0, 1.5]}}, r"space.model.dropout: 1.5 makes no job: model.dropout: not valid"),
    ({"training.batch_size": {"int": [0, 64]}}, "0 makes no job"),
    ({"dataset.split.seed": {"int": [1, 9]}}, "the same for all trials"),
    ({"tasks.state.loss": {"choice": ["mse", "smooth_l1"]}}, "changes what 'val_loss' means"),
    ({"training.schedule.warmup_epochs": {"int": [0, 3]}}, "the warm-up is as long as the training"),
    ({"model.dropout": {"float": [0, 0.1], "when": {"model.name": "pinn"}}, "model": {"choice": ["mlp"]}},
     "never has this value"),
    ({"model.dropout": {"float": [0, 0.1], "when": {"modell": "mlp"}}}, "neither in the space nor in the job"),
    ({"model.dropout": {"float": [0, 0.1], "when": {"training.batch_size": 32}},
      "training.batch_size": {"int": [16, 64]}}, "a condition on a range of numbers"),
])  # fmt: skip
def test_a_space_that_is_refused(space, text, searched):
    with pytest.raises(UserError, match=text):
        check_jobs([parse(searched(space=space))])


def test_an_objective_that_is_never_logged(searched):
    with pytest.raises(UserError, match=r"never logged by this job. Did you mean 'val_pos_mean_mm'"):
        check_jobs([parse(searched(objective="val_pos_men_mm"))])


def test_the_figures_that_a_job_logs(searched):
    names, complete = logged_metrics(parse(searched()))
    assert complete
    assert {"loss", "data_loss", "pos_mean_mm", "pos_95_mm", "slope_mean"} <= set(names)
    assert "rows" not in names


@pytest.mark.parametrize(("objective", "expected"), [
    ("val_loss", "min"), ("val_state_loss", "min"), ("val_pos_mean_mm", "min"), ("val_state_pos_mean_mm", "min"),
    ("val_pos_95_mm", "min"), ("val_accuracy", "max"), ("val_auc", "max"),
])  # fmt: skip
def test_the_direction_follows_from_the_loss_or_the_metric(objective, expected, searched):
    assert direction(parse(searched(objective=objective))) == expected


def test_a_bias_has_no_direction_of_its_own(searched):
    with pytest.raises(UserError, match="whether a low or a high 'x_bias_mm' is better"):
        check_jobs([parse(searched(objective="val_x_bias_mm"))])
    check_jobs([parse(searched(objective="val_x_bias_mm", direction="min"))])


def test_a_search_of_what_needs_no_training_is_refused(searched, small_job):
    job = {**small_job, "model": "straight_line", "tasks": {"state": {"targets": ["x", "y"]}}}
    with pytest.raises(UserError, match="needs no training"):
        check_jobs([parse(searched(**job))])
    with pytest.raises(UserError, match="a search of ensembles"):
        check_jobs([parse(searched(ensemble={"members": 2}))])


def test_conditions_are_on_dimensions_on_parts_of_choices_or_on_the_job(space):
    dims = {name: Dimension.model_validate(content) for name, content in space.items()}
    ordered = {entry.path: entry for entry in entries(dims, {"training": {"xla": False}})}
    assert list(ordered)[:2] == ["model", "training.optimizer.learning_rate"]
    assert ordered["model.dropout"].conditions == (Condition("model", (1,)),)
    assert ordered["model.dropout"].active({"model": 1})
    assert not ordered["model.dropout"].active({"model": 0})
    xla = Dimension.model_validate({"bool": True, "when": {"training.xla": True}})
    assert "a.b" not in {entry.path for entry in entries({"a.b": xla}, {"training": {"xla": False}})}


def test_conditions_in_a_circle():
    space = {a: Dimension.model_validate({"choice": [1, 2], "when": {b: 1}}) for a, b in (("a", "b"), ("b", "a"))}
    with pytest.raises(UserError, match="the conditions go in a circle"):
        entries(space, {})


@pytest.mark.parametrize(("content", "drawn", "value"), [
    ({"choice": [[4], "b", None]}, 2, None),
    ({"bool": True}, 1, True),
    ({"int": [1, 9]}, 4, 4),
    ({"float": [0, 1], "step": 0.1}, 0.30000000000000004, 0.3),
    ({"float": [1e-4, 1e-2], "log": True}, 0.00123456789, 0.00123457),
    ({"float": [0.123456789, 1]}, 0.123456789, 0.123457),
])  # fmt: skip
def test_the_value_of_a_draw(content, drawn, value):
    assert Dimension.model_validate(content).value(drawn) == value


def test_the_job_of_a_trial_and_the_best_one(searched, space):
    job = parse(searched(epochs=2, executions_per_trial=2, space=space))
    values = values_of(job, {"model": 1, "model.dropout": 0.1, "training.optimizer.learning_rate": 0.002})
    assert values == {"model": {"name": "mlp", "preset": "tiny"}, "training.optimizer.learning_rate": 0.002,
                      "model.dropout": 0.1}  # fmt: skip
    first, second = (trial_job(job, values, "0003", execution) for execution in range(2))
    assert (first.name, second.name, second.seed - first.seed) == ("small_trial_0003", "small_trial_0003_2", 1)
    assert (first.training.epochs, first.hyperopt, first.model.parameters["dropout"]) == (2, None, 0.1)
    best = best_job(job, values, "best")
    assert (best.training.epochs, best.training.optimizer.options.learning_rate) == (3, 0.002)
    changed = copy.deepcopy(first.dump())
    assert parse(changed) == first


def test_another_component_has_none_of_the_former_one_s_parameters(searched):
    job = parse(searched(space={"training.optimizer.name": {"choice": ["adam", "sgd"]}}))
    made = trial_job(job, {"training.optimizer.name": "sgd", "training.optimizer.learning_rate": 0.5}, "0")
    assert made.training.optimizer.name == "sgd"
    assert made.training.optimizer.options.learning_rate == 0.5


def test_how_many_trials(space):
    assert Hyperopt.model_validate({"space": space}).limit == 20
    assert Hyperopt.model_validate({"space": space, "tuner": "grid"}).limit == float("inf")
    assert Hyperopt.model_validate({"space": space, "tuner": "grid", "max_trials": 3}).limit == 3
