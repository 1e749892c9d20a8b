"""Runs compared with each other: uncertainties, paired changes, what must not be compared."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from app.cli import main
from app.comparison.bootstrap import BootstrapMetrics, changes_of_task
from app.comparison.compare import compare
from app.comparison.compared_run import read_compared_runs
from app.comparison.figures import change_by_bin
from app.comparison.run_metrics import MetricKey, RunMetrics
from app.comparison.tables import changes_of_many, changes_side_by_side, summary
from app.predictions import Predictions

MEAN = MetricKey("pos_mean_mm")


def compared(*names, **options):
    return compare(read_compared_runs(list(names)), **options)


def test_the_uncertainty_of_a_mean_is_that_of_statistics(made_run):
    """The standard deviation of a mean over N events is their standard deviation / sqrt(N)."""
    made_run("one")
    made_run("other", 2.0)
    comparison = compared("one", "other", draws=400)
    events = read_compared_runs(["one"])[0].predictions
    distance = np.hypot(*(events.predicted[t] - events.true[t] for t in ("x", "y")))
    assert comparison.metrics["one"].value[MEAN] == pytest.approx(distance.mean())
    assert comparison.metrics["one"].error(MEAN) == pytest.approx(distance.std() / np.sqrt(400), rel=0.12)


def test_a_change_has_the_sign_that_means_better(made_run):
    made_run("one")
    made_run("half", 0.5)
    change = compared("one", "half", draws=100).changes["half"]["state"]
    assert [c.key.label for c in change] == ["all", "5 - 10", "10 - 20", "20 - 50", "50 - 100"]
    assert change[0].percent == pytest.approx(50, abs=5)
    assert change[0].verdict == "better"
    assert change[0].p_value == pytest.approx(2 / 101)
    assert change[0].significance > 10
    back = compared("one", "half", reference="half", draws=100).changes["one"]["state"][0]
    assert 1 - back.percent / 100 == pytest.approx(1 / (1 - change[0].percent / 100))
    assert back.verdict == "worse"


def bootstrap(value, draws):
    return BootstrapMetrics({MEAN: value}, {MEAN: np.array(draws)})


@pytest.mark.parametrize(("better", "percent"), [("lower", -25.0), ("higher", 25.0)])
def test_a_change_by_hand(better, percent):
    metrics = RunMetrics({}, {"state": "pos_mean_mm"}, {"state": better}, {})
    (change,) = changes_of_task(bootstrap(5.0, [4.0, 6.0, 6.0]), bootstrap(4.0, [4.0, 4.0, 4.0]), metrics, "state")
    assert change.percent == percent
    assert change.error == pytest.approx(np.std([0, 50, 50], ddof=1))
    assert change.p_value == 1.0  # one draw of three is equal: min(2 (1 + 1) / 4, 1)
    assert change.verdict == "no clear difference"


def test_equal_runs_do_not_differ(made_run):
    made_run("one")
    made_run("two")  # a name of the same length makes the same errors
    change = compared("one", "two", draws=20).changes["two"]["state"][0]
    assert (change.percent, change.error, change.significance, change.p_value) == (0.0, 0.0, None, None)
    assert change.verdict == "no clear difference"


def test_a_perfect_reference_has_no_per_cent(made_run):
    made_run("zero", 0.0)
    made_run("one")
    change = compared("zero", "one", draws=20).changes["one"]["state"][0]
    assert change.percent is None


def test_the_command_writes_tables_plots_and_json(made_run, tmp_path, capsys):
    made_run("one")
    made_run("half", 0.5, train_rows=4000)
    out = tmp_path / "out"
    arguments = ["compare", "one", "half", "--draws", "60", "--json", str(out / "c.json"), "--output-dir", str(out)]
    assert main(arguments) == 0
    output = capsys.readouterr().out
    assert re.search(r"one .* reference", output)
    assert re.search(r"half .* \+[45]\d ± .* %.*: better", output)
    assert {p.name for p in out.iterdir()} == {
        *("c.json", "metric_state.png", "change_state.png", "learning_curve_state.png"),
        *("loss_curves.png", "convergence.png"),
    }
    content = json.loads((out / "c.json").read_text())
    assert content["runs"]["half"]["train_rows"] == 4000
    assert content["runs"]["half"]["changes"]["state"][0]["verdict"] == "better"
    assert content["runs"]["one"]["convergence"]["epochs_to_90"] == 5


def test_a_job_that_names_no_model_is_drawn_all_the_same(made_run, tmp_path):
    made_run("one")
    job = made_run("half", 0.5) / "job.json"
    content = json.loads(job.read_text())
    del content["model"]
    job.write_text(json.dumps(content))
    assert main(["compare", "one", "half", "--draws", "5", "--output-dir", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "convergence.png").exists()


def test_tables_as_markdown(made_run, tmp_path):
    made_run("one")
    made_run("half", 0.5)
    page = tmp_path / "pages" / "tables.md"
    assert main(["compare", "one", "half", "--draws", "60", "--markdown", str(page)]) == 0
    lines = page.read_text().splitlines()
    assert lines[0].startswith("**track_extrapolation: 400 test events")
    assert lines[2].startswith("| run | model | parameters |")
    assert lines[3].startswith("| --- | --- | ---: |")
    assert lines[4].startswith("| one | mlp")
    assert re.match(r"\| half \|.*\| \+[45]\d ± .* better \|$", lines[5])


def test_many_runs_have_a_row_each_and_nothing_is_cut(made_run, capsys):
    for number in range(6):
        made_run(f"a_run_with_a_long_name_{number}", 1.0 + 0.5 * number)
    names = [f"a_run_with_a_long_name_{number}" for number in range(6)]
    assert main(["compare", *names, "--draws", "60"]) == 0
    output = capsys.readouterr().out
    assert "…" not in output
    assert "change of pos_mean_mm in % against a_run_with_a_long_name_0" in output
    last = output[output.index("change of pos_mean_mm in %") :]
    assert re.search(r"name_5 │ +-2[0-9][0-9] ± \d", last)
    assert "Metrics 1 to 6 of" in output


def test_the_changes_of_several_tasks_are_named(made_run):
    for name, error in (("one", 1.0), ("half", 0.5)):
        folder = made_run(name, error)
        job, metrics = (json.loads((folder / f"{file}.json").read_text()) for file in ("job", "metrics"))
        tasks = {"place": ["x"], "height": ["y"]}
        job["tasks"] = {task: {"targets": targets, "metrics": ["regression"]} for task, targets in tasks.items()}
        result = {"metric": "relative_rms", "better": "lower", "binned_in": "", "descriptions": {}, "baselines": {}}
        metrics = {task: {**result, "model": {"relative_rms": error}} for task in tasks}
        (folder / "job.json").write_text(json.dumps(job))
        (folder / "metrics.json").write_text(json.dumps(metrics))
    table = summary(compared("one", "half", draws=100))
    assert table.header[-3:] == ["place_relative_rms", "height_relative_rms", "change"]
    assert re.fullmatch(r"place: \+\d+ .*: better; height: \+\d+ .*: better", table.rows[1][-1])
    assert table.rows[0][-1] == "reference"


def test_without_bins_the_changes_are_those_of_events(made_run):
    for name, error in (("one", 1.0), ("half", 0.5)):
        file = made_run(name, error) / "predictions.csv"
        replace(Predictions.read(file), columns={}).write(file)
    comparison = compared("one", "half", draws=5)
    assert changes_side_by_side(comparison, "state").header[0] == "events"
    assert changes_of_many(comparison, "state").header == ["run, events:", "all"]


def refused(arguments, capsys):
    assert main(["compare", *arguments]) == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert captured.err.count("\n") == 1
    return captured.err


def test_other_events_are_refused(made_run, capsys):
    made_run("one")
    made_run("two", seed=2, rows=300)
    err = refused(["one", "two"], capsys)
    assert "two: tested on other data than one" in err
    assert "400 and 300 test events, 0 of them in both" in err


def test_other_truth_is_refused(made_run, capsys):
    made_run("one")
    path = made_run("two") / "predictions.csv"
    head, first, *rest = path.read_text().splitlines(keepends=True)
    cells = first.split(",")
    cells[head.split(",").index("true_x")] = "123"
    path.write_text("".join([head, ",".join(cells), *rest]))
    assert "equal keys, but another true x" in refused(["one", "two"], capsys)


def test_what_cannot_be_compared(made_run, capsys):
    made_run("one")
    made_run("calorimeter", application="photon_calorimeter")
    made_run("early", state="running")
    made_run("broken", state="failed", reason="no memory")
    made_run("damaged")
    (made_run("lost") / "history.json").unlink()
    (made_run("gone") / "metrics.json").unlink()
    damaged = read_compared_runs(["damaged"])[0].run
    damaged.provenance.write_text('{"dataset": ')
    assert "different applications" in refused(["one", "calorimeter"], capsys)
    assert "the run is running" in refused(["one", "early"], capsys)
    assert "the run is failed (no memory)" in refused(["one", "broken"], capsys)
    assert "provenance.json: cannot be read" in refused(["one", "damaged"], capsys)
    assert "history.json: is missing" in refused(["one", "lost"], capsys)
    assert "the run has not finished" in refused(["one", "gone"], capsys)
    assert "given twice" in refused(["one", "one"], capsys)
    assert "Expected two runs or more" in refused(["one"], capsys)
    assert "damagd: no such run. Did you mean 'damaged'?" in refused(["one", "damagd"], capsys)
    damaged.provenance.write_text("{}")
    assert "Did you mean 'damaged'?" in refused(["one", "damaged", "--reference", "damagd"], capsys)
    damaged.predictions.write_text("key,true_x\n1,2")
    assert "cannot be read as predictions" in refused(["one", "damaged"], capsys)


@pytest.mark.parametrize("draws", ["0", "-3", "x", "1.5", "99999999999"])
def test_draws_that_are_none(capsys, draws):
    with pytest.raises(SystemExit) as stopped:
        main(["compare", "one", "two", "--draws", draws])
    assert stopped.value.code == 2
    assert f"--draws: expected a whole number from 1 to 1000000, received '{draws}'" in capsys.readouterr().err


def test_hidden_layers_describe_a_model_rather_than_its_default_preset(made_run):
    """The registry and a comparison call a model by the same name."""
    path = made_run("one") / "job.json"
    job = json.loads(path.read_text())
    job["model"] = {"name": "mlp", "preset": "medium", "hidden": [16, 8]}
    path.write_text(json.dumps(job))
    config = path.with_name("model_config.json")
    config.write_text(json.dumps({"parameters": 10}))
    assert read_compared_runs(["one"])[0].model == "mlp 16-8"


def test_a_change_of_a_metric_without_bins_is_no_plot(made_run):
    made_run("a")
    made_run("b", 0.5)
    comparison = compared("a", "b", draws=20)
    whole = {
        name: {task: of_task[:1] for task, of_task in of_run.items()} for name, of_run in comparison.changes.items()
    }
    assert change_by_bin(comparison, "state") is not None
    assert change_by_bin(replace(comparison, changes=whole), "state") is None
