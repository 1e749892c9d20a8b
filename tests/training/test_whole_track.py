"""Physics-informed training as a job does it: which terms are added, when, on which states, and what is logged."""

from __future__ import annotations

import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import registry
from app.config.job_file import parse
from app.core.errors import UserError
from app.data.loading import load_data
from app.evaluation import load
from app.execution.session import Options
from app.execution.single import train_job
from app.physics.fields.gaussian_dipole import GaussianDipole
from app.training.build import build

PDE = {"name": "lorentz_residual", "weight": 0.1}
IC = {"name": "initial_condition", "weight": 0.5}
SIMULATE = {"tracks": 300, "momentum": [5, 100], "accuracy": 1.0}
RATE = {"optimizer": {"name": "adam", "learning_rate": 1e-2}, "schedule": "constant"}


@pytest.fixture(autouse=True)
def _shared_data(simulated, monkeypatch):
    monkeypatch.setenv("WIRECHAMBER_DATA", str(simulated))


def job(name="whole", *, simulate=None, dataset=None, training=None, model=None, **changes):
    return parse(
        {
            "name": name,
            "application": "track_extrapolation",
            "dataset": {"name": "track_states", "simulate": {**SIMULATE, **(simulate or {})}, **(dataset or {})},
            "model": {"name": "pinn", "hidden": [8], "coefficients": 5, **(model or {})},
            "tasks": {
                "state": {"targets": ["x", "y", "tx", "ty"], "transform": "kick", "metrics": ["track_residuals"]}
            },
            "constraints": [PDE],
            "collocation": {"points": 5},
            "plots": [],
            **changes,
            "training": {
                "epochs": 2,
                "batch_size": 64,
                "xla": False,
                "steps_per_execution": 1,
                **RATE,
                **(training or {}),
            },
        }
    )


class Made:
    """A job's objective with one batch of its data, labelled and not."""

    def __init__(self, one):
        keras.utils.set_random_seed(one.seed)
        self.data = load_data(one)
        built = build(one, self.data)
        self.objective = built.objective
        self.x, self.y = built.prepare(self.data.splits.train.events()[:32])[:2]
        if self.data.unlabelled is not None:
            more = self.data.unlabelled.events()[:48].inputs
            self.x = {**self.x, **{f"unlabelled_{name}": value for name, value in more.items()}}

    def loss(self, training=True, x=None):
        x = self.x if x is None else x
        return float(self.objective.compute_loss(x, self.y, self.objective(x, training=training), None, training))

    def fit(self):
        """Return training and validation loss of three epochs."""
        self.objective.compile(optimizer=keras.optimizers.Adam(1e-2), jit_compile=False)
        x = {name: value[:32] for name, value in self.x.items()}
        kept = {"batch_size": 16, "epochs": 3, "shuffle": False, "verbose": 0}
        history = self.objective.fit(x, self.y, validation_data=(x, self.y), **kept).history
        return history["loss"] + history["val_loss"]

    def terms(self, training=True, x=None):
        for tracker in self.objective.trackers.values():
            tracker.reset_state()
        total = self.loss(training, x)
        return total, {name: float(tracker.result()) for name, tracker in self.objective.trackers.items()}


def run(tmp_path, one, **options):
    directory = train_job(one, Options(config=tmp_path / "job.json", **({"overwrite": True} | options)))
    return directory, json.loads(directory.history.read_text())


def counted(monkeypatch):
    calls = []
    original = GaussianDipole.__call__
    monkeypatch.setattr(GaussianDipole, "__call__", lambda self, *place: calls.append(1) or original(self, *place))
    return calls


def test_the_total_is_the_weighted_sum_of_the_terms():
    total, terms = Made(job(constraints=[PDE, IC], model={"initial_condition": "soft"})).terms()
    assert terms["physics_loss"] == pytest.approx(0.1 * terms["pde_loss"] + 0.5 * terms["ic_loss"], rel=1e-6)
    assert min(terms.values()) > 0
    assert terms["data_loss"] == terms["state_loss"]
    assert total == pytest.approx(terms["data_loss"] + terms["physics_loss"], rel=1e-6)


@pytest.mark.parametrize("model", [{}, {"derivative": "forward"}, {"initial_condition": "soft"}])
def test_without_physics_weights_the_total_is_the_data_loss_bit_for_bit(monkeypatch, model):
    off = job(constraints=[{**PDE, "weight": 0}, {**IC, "weight": 0}], model=model, unlabelled={"simulate": SIMULATE})
    load_data(off)  # the generator asks for the field, the training must not
    calls = counted(monkeypatch)
    one, on = Made(off), Made(job(model=model))
    assert one.loss() == on.terms()[1]["data_loss"]
    assert calls
    calls.clear()
    assert one.loss() == Made(job(constraints=[], model=model)).loss()
    one.loss(training=False)
    assert calls == []


def test_a_training_without_physics_weights_asks_for_no_field(monkeypatch):
    off = Made(job(constraints=[{**PDE, "weight": 0}]))
    calls = counted(monkeypatch)
    losses = off.fit()
    assert calls == []
    assert losses == Made(job(constraints=[])).fit()


def test_with_the_task_at_weight_zero_only_physics_is_left():
    one = job(tasks={"state": {"targets": ["x", "y", "tx", "ty"], "transform": "kick", "weight": 0.0}})
    total, terms = Made(one).terms()
    assert total == pytest.approx(terms["physics_loss"], rel=1e-6)
    assert terms["state_loss"] > 0
    assert terms["data_loss"] == 0


def test_warm_up_acts_in_training_and_validation_does_not_know_it():
    made = Made(job(constraints=[{**PDE, "warmup_epochs": 4}]))
    _, terms = made.terms()
    for epoch, share in ((0, 0), (1, 0.25), (4, 1), (9, 1)):
        made.objective.epoch.assign(epoch)
        expected = terms["data_loss"] + share * terms["physics_loss"]
        assert made.loss() == pytest.approx(expected, rel=1e-6)
        assert made.loss(training=False) == pytest.approx(terms["data_loss"] + terms["physics_loss"], rel=1e-6)


def test_a_linear_ramp_acts_in_training_and_validation_does_not_know_it():
    made = Made(job(balancing={"name": "linear_ramp", "epochs": 10}))
    _, terms = made.terms()
    for epoch in (0, 5, 10):
        made.objective.epoch.assign(epoch)
        assert made.loss() == pytest.approx(terms["data_loss"] + epoch / 10 * terms["physics_loss"], rel=1e-6)
        assert made.loss(training=False) == pytest.approx(terms["data_loss"] + terms["physics_loss"], rel=1e-6)


def test_learned_uncertainties_act_in_training_and_validation_does_not_know_them():
    made = Made(job(balancing="uncertainty", constraints=[{**PDE, "warmup_epochs": 4}]))
    made.objective.epoch.assign(1)
    _, terms = made.terms()
    logs = {v.name: v for v in made.objective.trainable_variables if "log_variance" in v.name}
    assert set(logs) == {"state_loss_log_variance", "pde_loss_log_variance"}
    logs["state_loss_log_variance"].assign(0.7)
    logs["pde_loss_log_variance"].assign(-0.4)
    pde = np.exp(0.4) * terms["physics_loss"] - 0.4
    assert made.loss() == pytest.approx(np.exp(-0.7) * terms["data_loss"] + 0.7 + 0.25 * pde, rel=1e-6)
    assert made.loss(training=False) == pytest.approx(terms["data_loss"] + terms["physics_loss"], rel=1e-6)


def test_a_term_weighs_its_events_as_the_data_do():
    """|q/p| gives a bent track its physical size back, in both, over the training split's mean."""
    made = Made(job())
    qop = np.abs(made.x["state"][:, 4])
    code = made.objective(made.x)["path"]
    columns = {name: made.x["state"][:, i] for i, name in enumerate(made.data.columns["state"])}
    values = made.objective.constraints(code, columns, None, False)["pde_loss"]
    everything = np.concatenate([events.inputs["state"][:, 4] for events in made.data.splits.train])
    expected = np.mean(np.asarray(values) * qop) / np.abs(everything).mean()
    assert made.terms(training=False)[1]["pde_loss"] == pytest.approx(expected, rel=1e-5)


def test_unlabelled_states_enter_the_physics_terms_and_nothing_else():
    made = Made(job(unlabelled={"simulate": {**SIMULATE, "seed": 5}}))
    labelled = {"state": made.x["state"]}
    only_unlabelled = {"state": made.x["unlabelled_state"]}
    both, terms = made.terms()
    without, alone = made.terms(x=labelled)
    others = Made(job())
    others.objective.network.set_weights(made.objective.network.get_weights())
    others.y = {"state": np.zeros((48, 4), np.float32)}
    expected = (32 * alone["pde_loss"] + 48 * others.terms(x=only_unlabelled)[1]["pde_loss"]) / 80
    assert terms["pde_loss"] == pytest.approx(expected, rel=1e-5)
    assert terms["state_loss"] == alone["state_loss"]
    assert both != without


def test_the_gradient_comes_from_the_unlabelled_states_too():
    made = Made(job(unlabelled={"simulate": {**SIMULATE, "seed": 5}}))
    states = tf.constant(made.x["unlabelled_state"])
    with tf.GradientTape() as tape:
        tape.watch(states)
        x = {**made.x, "unlabelled_state": states}
        loss = made.objective.compute_loss(x, made.y, made.objective(x), None, True)
    gradient = np.asarray(tape.gradient(loss, states))
    assert (np.abs(gradient).max(axis=1) > 0).all()


def test_few_labels_beside_many_unlabelled_states_train_end_to_end(tmp_path):
    """With a start plane for each track and the mirror as well."""
    planes = {"z_start": [2500, 2800], "dz": [4161, 6161], "field": {"name": "gaussian_dipole", "maxwell": True}}
    unlabelled = {"simulate": {**SIMULATE, **planes, "tracks": 500, "seed": 5}, "batch_size": 100}
    model = {"derivative": "gradient_tape", "inputs": {"mirror": True}}
    settings = {"unlabelled": unlabelled, "model": model, "training": {"epochs": 6}}
    one = job("few", simulate={**planes, "tracks": 200}, dataset={"z_start": True}, **settings)
    directory, history = run(tmp_path, one)
    for name in ("pde_loss", "loss"):
        assert history["train"][-1][name] < history["train"][0][name]
    assert "unlabelled: SIMULATED, 500 tracks in 1 file" in directory.log.read_text()
    assert set(load(str(directory.path)).columns["state"]) >= {"z_start"}


def test_unlabelled_states_of_another_magnet_are_refused():
    field = {"name": "gaussian_dipole", "peak": -0.5}
    with pytest.raises(UserError, match="unlabelled: the unlabelled states lie in another magnet"):
        load_data(job(unlabelled={"simulate": {**SIMULATE, "field": field}}))


def test_random_points_differ_from_step_to_step_and_come_again_with_the_state():
    made = Made(job(collocation={"points": 4, "placement": "random"}))
    state = made.objective.generator.state
    assert any(variable is state for variable in made.objective.variables)  # so a checkpoint holds it
    before = np.asarray(state.value)
    one, other = made.loss(), made.loss()
    assert one != other
    assert made.loss(training=False) == made.loss(training=False)
    state.assign(before)
    assert [made.loss(), made.loss()] == [one, other]


def arrays(path):
    with np.load(path / "variables.npz") as content:
        return [content[name] for name in content.files]


@pytest.mark.slow
def test_a_training_with_random_points_resumes_bit_for_bit(tmp_path):
    """Warm-up, learned weights and the state of the points are all in the checkpoint."""
    settings = {
        "constraints": [{**PDE, "warmup_epochs": 3}],
        "collocation": {"points": 4, "placement": "random"},
        "balancing": "uncertainty",
        "unlabelled": {"simulate": {**SIMULATE, "seed": 5}},
        "model": {"derivative": "forward"},
        "training": {"epochs": 4, "keep_every": 1},
    }
    directory, history = run(tmp_path, job("resumed", **settings))
    whole = arrays(directory.checkpoints / "epoch_000004")
    for epoch in (3, 4):
        shutil.rmtree(directory.checkpoints / f"epoch_{epoch:06d}")
    _, again = run(tmp_path, job("resumed", **settings), resume=True, overwrite=False)
    for one, other in zip(whole, arrays(directory.checkpoints / "epoch_000004"), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again["train"] == history["train"]
    assert again["val"] == history["val"]


@pytest.mark.parametrize(
    ("model", "constraints", "names"),
    [
        ({"initial_condition": "soft"}, [PDE, IC], {"pde_loss", "ic_loss"}),
        ({"name": "rk_pinn"}, [{"name": "stage_residual", "stages": 2}], {"stage_losses"}),
    ],
)
def test_every_term_stands_in_the_history(tmp_path, model, constraints, names):
    content = {"name": "pinn", "hidden": [8], **model}
    one = job("terms", constraints=constraints)
    one = parse({**one.dump(), "model": content})
    _, history = run(tmp_path, one)
    for part in ("train", "val"):
        for epoch in history[part]:
            assert {"loss", "data_loss", "physics_loss", "state_loss", *names} <= set(epoch)
            if "stage_losses" in names:
                assert len(epoch["stage_losses"]) == one.constraints[0].parameters["stages"]
                physics = 0.1 * np.mean(epoch["stage_losses"])
                assert epoch["physics_loss"] == pytest.approx(physics, rel=1e-5)


def test_terms_are_registered_and_one_that_does_not_move_is_told(tmp_path):
    directory, history = run(tmp_path, job("idle", constraints=[PDE, IC], training={"epochs": 4}))
    assert history["best_epoch"] > 1
    line = f"ic_loss did not move: 0 in the first epoch, 0 in the best, epoch {history['best_epoch']}"
    record = registry.read(registry.root(), "idle")
    assert [text for _, text in record.notes] == [line]
    assert directory.log.read_text().count(line) == 1
    best = history["val"][history["best_epoch"] - 1]
    assert record.metrics["pde_loss"] == pytest.approx(best["pde_loss"])
    assert {"data_loss", "physics_loss", "ic_loss", "state_loss"} <= set(record.metrics)
    assert line in (registry.root() / "README.md").read_text()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"constraints": [PDE, IC]}, "'initial_condition' is 0 by construction"),
        (
            {"model": {"name": "rk_pinn", "hidden": [8], "nodes": "quarters"}, "constraints": ["stage_residual"]},
            "exact derivatives there end 114 mm off",
        ),
        ({"constraints": [], "unlabelled": {"simulate": SIMULATE}}, "no constraint acts, so the unlabelled states"),
        ({"collocation": {"points": 4}}, "4 collocation points leave 5 coefficients undetermined"),
    ],
)
def test_what_cannot_do_what_it_looks_like_is_told(settings, text, caplog):
    one = parse({**job().dump(), **settings})
    with caplog.at_level("WARNING"):
        build(one, load_data(one))
    assert sum(text in line for line in caplog.messages) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"constraints": [PDE]},
        {"collocation": {"points": 4, "placement": "random"}},
        {
            "constraints": [PDE, IC],
            "model": {"name": "pinn", "hidden": [8], "coefficients": 5, "initial_condition": "soft"},
        },
        {"constraints": ["stage_residual"], "model": {"name": "rk_pinn", "hidden": [8]}},
        {"constraints": [], "model": {"name": "rk_pinn", "hidden": [8], "nodes": "quarters"}},
    ],
)
def test_what_is_in_order_is_not(settings, caplog):
    one = parse({**job().dump(), **settings})
    with caplog.at_level("WARNING"):
        build(one, load_data(one))
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("tasks", "start"),
    [
        (
            {"state": {"targets": ["x", "y", "ty", "tx"], "transform": "kick"}},
            "tasks: 'pinn' gives whole tracks. Expected one task with the targets x, y, tx, ty in this order.",
        ),
        (
            {
                "one": {"targets": ["x", "y"], "transform": "kick"},
                "two": {"targets": ["tx", "ty"], "transform": "kick"},
            },
            "tasks: 'pinn' gives whole tracks. Expected one task with the targets x, y, tx, ty in this order.",
        ),
        (
            {"state": {"targets": ["x", "y", "tx", "ty"]}},
            "tasks.state.transform: 'pinn' bends a straight line by (q/p) times a kick. Expected \"kick\" with the",
        ),
        (
            {"state": {"targets": ["x", "y", "tx", "ty"], "transform": {"name": "kick", "slopes": "momentum"}}},
            "tasks.state.transform: 'pinn' bends a straight line by (q/p) times a kick. Expected \"kick\" with the",
        ),
    ],
)
def test_a_whole_track_is_one_task(tasks, start):
    one = job(tasks=tasks)
    with pytest.raises(UserError) as caught:
        build(one, load_data(one))
    assert str(caught.value).startswith(start)
