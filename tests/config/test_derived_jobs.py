"""A changed job equals the one that its changed file gives, and the one it was made from stays as it is."""

import copy

import pytest

from app.config.derived_jobs import changed
from app.config.job_file import parse
from app.core.errors import UserError

CONTENT = {
    "name": "small",
    "application": "tracks",
    "dataset": {"name": "track_states", "simulate": {"tracks": 50}},
    "model": {"name": "mlp", "hidden": [8], "inputs": {"mirror": True}},
    "tasks": {"state": {"targets": ["x", "y"], "transform": "kick", "loss": {"name": "huber", "delta": 0.5}}},
    "training": {"epochs": 3, "optimizer": {"name": "adamw", "weight_decay": 0.1}},
}


def with_content(**changes):
    content = copy.deepcopy(CONTENT)
    for path, value in changes.items():
        *parents, key = path.split("__")
        part = content
        for parent in parents:
            part = part[parent]
        part[key] = value
    return parse(content)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"name": "other", "seed": 3}, {"name": "other", "seed": 3}),
        ({"training.epochs": 5, "plots": []}, {"training__epochs": 5, "plots": []}),
        ({"dataset.simulate.tracks": 7}, {"dataset__simulate__tracks": 7}),
        ({"tasks.state.loss.name": "mse"}, {"tasks__state__loss": "mse"}),
        ({"tasks.state.loss.delta": 2}, {"tasks__state__loss__delta": 2}),
        ({"model.dropout": 0.1, "model": "mlp"}, {"model": {"name": "mlp", "dropout": 0.1}}),
        (
            {"model.name": "pinn", "model.coefficients": 6},
            {"model": {"name": "pinn", "coefficients": 6, "inputs": {"mirror": True}}},
        ),
    ],
    ids=lambda value: None if isinstance(value, dict) and not value else "-".join(value),
)
def test_a_changed_job_is_what_its_changed_file_gives(changes, expected):
    job = with_content()
    before = job.dump()
    assert changed(job, changes) == with_content(**expected)
    assert job.dump() == before


def test_a_value_given_to_two_jobs_is_not_shared():
    job, split = with_content(), {"train": 0.5, "validation": 0.25, "test": 0.25}
    first = changed(job, {"dataset.split": split, "dataset.split.seed": 3})
    assert split == {"train": 0.5, "validation": 0.25, "test": 0.25}
    assert first.dataset.options.split.seed == 3


def test_all_mistakes_are_reported_below_the_name_of_the_new_job():
    with pytest.raises(UserError) as caught:
        changed(with_content(), {"name": "new", "seed": "3", "training.epochz": 1, "model.dropout": 2})
    assert sorted(str(problem) for problem in caught.value.problems) == [
        "new.model.dropout: not valid. Expected less than 1. Received 2.",
        "new.seed: not valid. Expected a valid integer. Received '3'.",
        "new.training.epochz: unknown key. Did you mean 'epochs'? Expected one of [epochs, batch_size, "
        "steps_per_epoch, optimizer, schedule, early_stopping, monitor, gradient_accumulation, ema, "
        "mixed_precision, xla, steps_per_execution, keep_every, start_from, freeze, bootstrap]. Received 'epochz'.",
    ]
