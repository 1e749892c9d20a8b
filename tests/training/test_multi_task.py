"""Several tasks at once: what each adds, what is written of each, and what a job may say of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import registry
from app.checks.jobs import check_jobs
from app.cli import main
from app.config.job_file import parse
from app.core.errors import UserError
from app.data.loading import load_data
from app.evaluation import load
from app.execution.session import Options
from app.execution.single import train_job
from app.predictions import Predictions
from app.training.build import build, fit_chain

PLACE = {"targets": ["x", "y"], "transform": "kick", "weight": 1.0}
SLOPES = {"targets": ["tx", "ty"], "transform": "kick", "weight": 0.25}


def job(small_job, tasks, **changes):
    return parse({**small_job, "tasks": tasks, **changes})


def run(small_job, tmp_path, tasks, **changes):
    return train_job(job(small_job, tasks, **changes), Options(config=tmp_path / "job.json"))


def history(run):
    return json.loads(run.history.read_text())


@pytest.fixture(scope="module")
def two_tasks(train_for_all):
    return train_for_all("two_tasks", tasks={"place": PLACE, "slopes": SLOPES})


def test_each_task_has_its_loss_weight_and_metrics_in_the_history(two_tasks):
    ran = two_tasks
    for epoch in history(ran)["train"]:
        assert (epoch["place_weight"], epoch["slopes_weight"]) == (1.0, 0.25)
        assert epoch["loss"] == pytest.approx(epoch["place_loss"] + 0.25 * epoch["slopes_loss"], rel=1e-5)
    for epoch in history(ran)["val"]:
        assert epoch["loss"] == pytest.approx(epoch["place_loss"] + 0.25 * epoch["slopes_loss"], rel=1e-5)
        assert {"x_rms", "ty_68", "place_relative_rms", "slopes_relative_rms"} <= epoch.keys()  # two have this name
        assert "relative_rms" not in epoch
        assert "place_weight" not in epoch  # judged is with the job's own weights
    assert history(ran)["test_final"].keys() >= {"x_rms", "place_relative_rms"}


def test_the_ramp_of_the_weights_is_written_down(small_job, tmp_path):
    ramp = {"name": "linear_ramp", "epochs": 4}
    ran = run(small_job, tmp_path, {"place": PLACE, "slopes": SLOPES}, balancing=ramp)
    found = [(epoch["place_weight"], epoch["slopes_weight"]) for epoch in history(ran)["train"]]
    np.testing.assert_allclose(found, [(1, 0), (1, 0.0625), (1, 0.125)], atol=1e-7)


def test_learned_weights_are_written_down_and_validation_does_not_use_them(small_job, tmp_path):
    ran = run(small_job, tmp_path, {"place": PLACE, "slopes": SLOPES}, balancing="uncertainty")
    last = history(ran)["train"][-1]
    assert last["place_weight"] not in (1.0, 0.0)
    judged = history(ran)["val"][-1]
    assert judged["loss"] == pytest.approx(judged["place_loss"] + 0.25 * judged["slopes_loss"], rel=1e-5)


def test_a_task_that_is_not_enabled_is_not_there_but_validated(small_job):
    found = job(small_job, {"place": PLACE, "slopes": {**SLOPES, "enabled": False}})
    assert list(found.tasks) == ["place"]
    assert found.dump()["tasks"].keys() == {"place"}
    with pytest.raises(UserError, match=r"tasks\.slopes\.loss\.name: unknown loss\. Did you mean 'mse'"):
        job(small_job, {"place": PLACE, "slopes": {**SLOPES, "enabled": False, "loss": "msee"}})
    with pytest.raises(UserError, match="no task is enabled"):
        job(small_job, {"place": {**PLACE, "enabled": False}})


def test_an_output_that_no_loss_sees_is_refused(small_job):
    with pytest.raises(UserError) as caught:
        check_jobs([job(small_job, {"place": PLACE, "slopes": {**SLOPES, "weight": 0}})])
    assert str(caught.value) == (
        "small.tasks.slopes.weight: no loss sees this output, it would stay as random as it begins. "
        'Expected a weight above 0, or "enabled": false. Received 0.0.'
    )


def test_a_task_with_the_name_of_an_output(small_job):
    with pytest.raises(UserError, match="'a_sigma' is what the output sigma of the task 'a' is called"):
        check_jobs([job(small_job, {"a": PLACE, "a_sigma": SLOPES})])


def test_the_registry_judges_every_task(two_tasks):
    record = registry.find(two_tasks.path.parents[1] / "registry", "two_tasks")
    assert (record.task, list(record.others)) == ("place", ["slopes"])
    assert set(record.results) == {"place", "slopes"}
    assert record.verdict.startswith("place: ")
    assert f"{registry.cells.result(record)}: {record.verdict}" in two_tasks.log.read_text()
    assert "; slopes: " in record.verdict
    assert all(name.startswith(("place: ", "slopes: ")) for name in record.unbeaten)


def test_the_loss_chooses_head_transform_and_metrics(small_job):
    classes = {"targets": ["x"], "loss": "binary_crossentropy"}
    found = job(small_job, {"place": PLACE | {"loss": "gaussian_nll", "targets": ["y"]}, "side": classes}).tasks
    assert [t.head.name for t in found.values()] == ["gaussian", "sigmoid"]
    assert [[s.name for s in t.transform] for t in found.values()] == [["kick"], []]
    assert [t.metrics[0].name for t in found.values()] == ["regression", "classification"]


def test_a_loss_and_a_head_that_do_not_fit(small_job):
    with pytest.raises(UserError) as caught:
        check_jobs([job(small_job, {"place": {**PLACE, "head": "gaussian"}})])
    assert "tasks.place.head: the loss 'mse' does not fit the head. Expected 'linear'" in str(caught.value)


def test_an_angle_has_no_width_by_cos_and_sin(small_job):
    task = {"targets": ["x"], "transform": ["circular", "standardize"], "loss": "gaussian_nll"}
    with pytest.raises(UserError, match=r"tasks\.place\.transform\.0: 'circular' does not go with a predicted width"):
        check_jobs([job(small_job, {"place": task})])


def test_a_relative_loss_of_standardised_targets(small_job):
    task = {"targets": ["x"], "loss": "relative_l1", "transform": "standardize"}
    with pytest.raises(UserError, match="the loss 'relative_l1' divides by the target, and 'standardize' shifts its 0"):
        check_jobs([job(small_job, {"place": task})])


def test_a_target_that_is_no_class(small_job):
    task = {"targets": ["x"], "loss": "categorical_crossentropy", "head": {"name": "softmax", "classes": 5}}
    made = job(small_job, {"side": task})
    with pytest.raises(UserError, match=r"tasks\.side\.targets: the target 'x' is not a class\. Expected whole"):
        build(made, load_data(made))


def test_a_width_far_above_the_spread_is_told(small_job, caplog):
    task = {"targets": ["tx"], "transform": [], "loss": {"name": "smooth_l1", "beta": 1.0}}
    made = job(small_job, {"slope": task})
    build(made, load_data(made))
    assert "smooth_l1 of the targets tx: beta = 1 is far above the spread" in caplog.text


def test_a_gaussian_head_says_how_far_off_it_may_be(small_job, tmp_path):
    """Its sigma is in physical units: of the order of the residuals themselves, and larger for softer tracks."""
    task = {**PLACE, "targets": ["x", "y", "tx", "ty"], "loss": "gaussian_nll", "metrics": ["track_residuals"]}
    training = {**small_job["training"], "epochs": 15}
    ran = run(small_job, tmp_path, {"state": task}, training=training)
    found = Predictions.read(ran.predictions)
    assert set(found.sigma) == {"x", "y", "tx", "ty"}
    pull = (found.predicted["x"] - found.true["x"]) / found.sigma["x"]
    assert 0.3 < np.sqrt(np.mean(pull**2)) < 3
    soft = found.columns["p"] < np.median(found.columns["p"])
    assert np.median(found.sigma["x"][soft]) > 1.5 * np.median(found.sigma["x"][~soft])
    again = load(str(ran.path)).predict(
        {name: np.ones(2) for name in ("x", "y", "tx", "ty", "qop")} | {"dz": np.full(2, 5161.0)}
    )
    assert set(again) == {"x", "y", "tx", "ty", "sigma_x", "sigma_y", "sigma_tx", "sigma_ty"}


def test_inspect_says_and_draws_what_the_weights_do(small_job, tmp_path, capsys):
    flat = {"name": "histogram", "targets": ["x", "y"], "bins": [6, 6]}
    path = tmp_path / "flat.json"
    path.write_text(json.dumps({**small_job, "name": "flat", "weighting": flat}))
    assert main(["inspect", str(path), "--output-dir", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "training events" in text
    assert "histogram" in text
    assert (tmp_path / "flat_reweighting.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "runs" / "flat").exists()
    assert main(["inspect", str(path), "--set", "weighting.bins=[6]"]) == 2


@pytest.mark.slow
def test_the_histogram_is_kept_with_the_run_and_drawn(small_job, tmp_path):
    flat = {"name": "histogram", "targets": ["x"], "bins": 5}
    ran = run(small_job, tmp_path, {"place": PLACE, "slopes": SLOPES}, weighting=flat, plots=None)
    (found,) = json.loads(ran.normalization.read_text())["weighting"]
    assert (found["targets"], np.shape(found["counts"])) == (["x"], (5,))
    assert {"reweighting.png", "task_curves.png"} <= {path.name for path in ran.plots.iterdir()}


def test_a_field_that_is_not_there_is_a_mistake_of_the_dataset_whichever_task_reads_it(small_job, tmp_path):
    random = np.random.default_rng(0)
    x = np.column_stack([random.uniform(-0.3, 0.3, (60, 4)), random.uniform(0.1, 0.2, 60), np.full(60, 5161.0)])
    np.savez(tmp_path / "tracks.npz", X=x, Y=x[:, :4], Z=np.full((60, 2), [2665.0, 7826.0]))
    field = {"name": "harmonic", "file": str(tmp_path / "absent.npz")}
    dataset = {"name": "track_states", "files": str(tmp_path / "tracks.npz"), "field": field}
    place = {**PLACE, "transform": {"name": "kick", "baseline": "thin_lens"}}
    wrong = job(small_job, {"place": place}, dataset=dataset)
    data = load_data(wrong)
    with pytest.raises(UserError, match=r"^dataset\.field\.file: cannot read the fitted field \(No such file"):
        fit_chain("place", wrong.tasks["place"], wrong, data)
