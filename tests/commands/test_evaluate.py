"""`wirechamber evaluate` and the same from a notebook: a finished run's model measured again, or on other data."""

import csv
import json
import shutil

import numpy as np
import pytest

from app.cli import main
from app.commands.evaluate import read_others
from app.comparison.compared_run import read_compared_runs
from app.config.job_file import parse
from app.core.errors import UserError
from app.data.loading import load_data
from app.evaluation import load
from app.runs.directory import RunDirectory

INPUTS = ("x", "y", "tx", "ty", "qop", "dz")


def metrics(path):
    return json.loads(path.read_text())["state"]["model"]


@pytest.fixture
def others(tmp_path):
    folder = tmp_path / "others"
    arguments = ("--tracks", "80", "--seed", "7", "--momentum", "5", "100", "--accuracy", "1")
    assert main(["simulate", "track_states", "--out", str(folder), *arguments]) == 0
    return folder / "shard_00000.npz"


def test_the_test_split_again_gives_the_same_figures(copied, capsys):
    run = copied / "runs" / "trained"
    before, predictions = metrics(run / "metrics.json"), (run / "predictions.csv").read_text()
    (run / "metrics.json").unlink()
    (run / "predictions.csv").unlink()
    assert main(["evaluate", "trained"]) == 0
    after = metrics(run / "metrics.json")
    assert after.pop("bins") == [pytest.approx(one, rel=1e-5) for one in before.pop("bins")]
    assert after == pytest.approx(before, rel=1e-5)
    assert len((run / "predictions.csv").read_text().splitlines()) == len(predictions.splitlines())
    assert "polynomial" in capsys.readouterr().out


def test_other_files_are_measured_whole_next_to_the_run(copied, others, monkeypatch, capsys):
    run = copied / "runs" / "trained"
    before = (run / "metrics.json").read_bytes()
    monkeypatch.chdir(others.parent)
    assert main(["evaluate", str(run), "--data", others.name]) == 0
    assert (run / "metrics.json").read_bytes() == before
    results = metrics(run / "evaluation" / "metrics.json")
    assert results["rows"] == 80
    output = capsys.readouterr().out
    assert "pos_mean_mm on the given files (80 events)" in output
    assert "given files: 80 tracks in 1 file" in output
    assert "600 tracks" not in output
    assert "was trained on" not in output
    with (run / "evaluation" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    error = [np.hypot(float(r["pred_x"]) - float(r["true_x"]), float(r["pred_y"]) - float(r["true_y"])) for r in rows]
    assert np.mean(error) == pytest.approx(results["pos_mean_mm"], rel=1e-5)
    assert main(["evaluate", str(run), "--data", str(others), "--out", str(copied / "new" / "deep")]) == 0
    assert metrics(copied / "new" / "deep" / "metrics.json") == results


def test_several_runs_are_measured_and_compared_on_one_sample(copied, others, capsys):
    runs = copied / "runs"
    shutil.copytree(runs / "trained", runs / "again")
    words = ("compare", "trained", "again", "--evaluation")
    assert main(list(words)) == 2
    expected = "trained was not evaluated on other files. Expected `wirechamber evaluate trained --data FILES` first."
    assert capsys.readouterr().err.strip().endswith(expected)
    assert main(["evaluate", "trained", "again", "--data", str(others)]) == 0
    assert "wirechamber compare trained again --evaluation" in capsys.readouterr().out.replace("\n", " ")
    (value,) = {metrics(runs / name / "evaluation" / "metrics.json")["pos_mean_mm"] for name in ("trained", "again")}
    assert main([*words, "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    assert compared["events"] == 80
    assert compared["runs"]["again"]["figures"]["pos_mean_mm"]["value"] == pytest.approx(value, rel=1e-5)
    assert main(["evaluate", "trained", "again", "--data", str(others), "--out", str(copied / "one")]) == 0
    shutil.rmtree(runs / "again" / "evaluation")
    assert main([*words, str(copied / "one"), "--json"]) == 0
    output = capsys.readouterr()
    assert json.loads(output.out[output.out.index("{") :]) == compared
    assert "was trained on" not in output.err


def test_events_that_were_trained_on_are_called_so(copied, simulated, predicted, capsys):
    for path in simulated.glob("*/shard_00000.npz"):
        with np.load(path) as data:
            if np.isin(predicted["key"], data["key"]).all():
                break
    assert main(["evaluate", "trained", "--data", str(path)]) == 0
    assert "the network was trained on 476 of these 600 events" in capsys.readouterr().out
    read_compared_runs(["trained"], evaluation=True)
    assert "trained was trained on 476 of these events" in capsys.readouterr().out


def test_a_notebook_gets_the_predictions_of_the_run(trained, predicted, tracks):
    """Input columns by name, as arrays or lists, to targets by name, in physical units."""
    loaded = load(str(trained / "runs" / "trained"))
    columns = {name: tracks["X"][:, i] for i, name in enumerate(INPUTS)}
    outputs = loaded.predict(columns)
    assert list(outputs) == ["x", "y", "tx", "ty"]
    one = loaded.predict({name: [float(values[3])] for name, values in columns.items()})
    for name, values in outputs.items():
        np.testing.assert_allclose(values, predicted[f"pred_{name}"], rtol=1e-5, atol=1e-4)
        assert one[name] == pytest.approx(values[3:4], rel=1e-5, abs=1e-4)


def test_runs_that_cannot_be_evaluated(copied, capsys, tmp_path):
    assert main(["evaluate", "traned"]) == 2
    assert "traned: no such run. Did you mean 'trained'?" in capsys.readouterr().err
    assert main(["evaluate", "trained", "--data", str(tmp_path / "absent.npz")]) == 2
    assert "--data: no such file." in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["evaluate", "trained", "--out", str(tmp_path / "file" / "out")]) == 2
    assert "cannot be made" in capsys.readouterr().err
    (tmp_path / "new.csv").write_text("x,y\n1,2\n")
    assert main(["evaluate", "trained", "--data", str(tmp_path / "new.csv")]) == 2
    expected = "new.csv: not a kind of file that track_states reads. Expected .npz or .root. Received '.csv'."
    assert expected in capsys.readouterr().err
    (copied / "runs" / "trained" / "model.keras").unlink()
    assert main(["evaluate", "trained"]) == 2
    assert "the run has no model yet" in capsys.readouterr().err
    with pytest.raises(UserError, match="the run has no model yet"):
        load("trained")


def test_runs_of_different_applications_are_refused_before_any_is_measured(made_run, tmp_path, capsys):
    made_run("one")
    made_run("two", application="photon_calorimeter")
    (tmp_path / "new.npz").write_bytes(b"")
    assert main(["evaluate", "one", "two", "--data", str(tmp_path / "new.npz")]) == 2
    received = "'one: track_extrapolation, two: photon_calorimeter'"
    line = f"the runs are of different applications. Expected runs of one application. Received {received}.\n"
    assert capsys.readouterr().err == line


def test_a_missing_column_is_named(trained):
    loaded = load(str(trained / "runs" / "trained"))
    with pytest.raises(UserError, match=r"qop: missing input column\. Expected the columns \['x', 'y', 'tx'"):
        loaded.predict({name: [1.0] for name in INPUTS if name != "qop"})


def test_files_without_the_truth_are_for_predict(tmp_path):
    lines = ["a,b,m", *(f"{i},{i % 7},{i * 0.5}" for i in range(60))]
    (tmp_path / "all.csv").write_text("\n".join(lines))
    (tmp_path / "new.csv").write_text("a,b\n1,2\n3,4\n")
    dataset = {"name": "table", "files": [str(tmp_path / "all.csv")], "inputs": ["a", "b"], "targets": ["m"]}
    content = {"name": "z", "application": "z", "rationale": "z", "model": "mlp", "dataset": dataset}
    job = parse({**content, "tasks": {"m": {"targets": ["m"], "loss": "mse"}}})
    with pytest.raises(UserError) as caught:
        read_others(RunDirectory(tmp_path / "z"), job, load_data(job), [tmp_path / "new.csv"])
    assert [str(problem) for problem in caught.value.problems] == [
        f"dataset.targets.m: unknown column in {tmp_path}/new.csv. Expected one of [a, b]. Received 'm'.",
        "--data: files without the truth. Expected files with it, or `wirechamber predict z`, which needs none.",
    ]
    (tmp_path / "new.csv").write_text("a,c\n1,2\n3,4\n")  # which `predict` does not read either
    with pytest.raises(UserError) as caught:
        read_others(RunDirectory(tmp_path / "z"), job, load_data(job), [tmp_path / "new.csv"])
    assert [problem.where for problem in caught.value.problems] == [
        ("dataset", "inputs", "b"),
        ("dataset", "targets", "m"),
    ]


def test_the_transport_jacobian_is_held_against_runge_kutta(copied, capsys):
    run = copied / "runs" / "trained"
    before = json.loads((run / "metrics.json").read_text())["state"]
    assert main(["evaluate", "trained", "--jacobian", "40"]) == 0
    output = capsys.readouterr().out
    content = json.loads((run / "jacobian.json").read_text())
    assert (content["rows"], len(content["relative_error"]), len(content["relative_error"][0])) == (40, 4, 5)
    assert sum(one["rows"] for one in content["bins"]) == 40
    assert "trained: transport Jacobian, RMS error over RMS effect of the field (40 tracks)" in output
    assert "Reference: Runge-Kutta, uncertainty " in output
    assert f" {content['relative_error'][0][4]:.2g} " in output
    assert f" {content['relative_error'][0][0]:.2g} * " in output
    after = json.loads((run / "metrics.json").read_text())["state"]
    jacobian = after.pop("jacobian")
    assert jacobian["rows"] == 40
    assert [list(row.values()) for row in jacobian["relative_error"].values()] == content["relative_error"]
    assert set(after) == set(before)
    assert (run / "plots" / "jacobian.png").read_bytes().startswith(b"\x89PNG")


def test_its_elements_are_those_of_the_model(copied):
    """Of the first tracks of the test split, from differences of the predictions over steps that float32 resolves."""
    from app.evaluation.jacobian import INPUTS as START
    from app.evaluation.jacobian import OUTPUTS, reference_jacobian
    from app.physics.magnet import Magnet

    loaded = load("trained")
    data = load_data(parse(loaded.job))
    assert main(["evaluate", "trained", "--jacobian", "30"]) == 0
    content = json.loads((copied / "runs" / "trained" / "jacobian.json").read_text())
    state = data.splits.test.events().inputs["state"][:30].astype(np.float64)
    columns = dict(zip(INPUTS, state.T, strict=True))
    reference = reference_jacobian(Magnet({"name": "gaussian_dipole"}, 2665.0), columns)
    for i, (name, step) in enumerate(zip(START, (10, 10, 0.01, 0.01, 1e-3), strict=True)):
        ahead, behind = (loaded.predict(columns | {name: columns[name] + s}) for s in (step, -step))
        derivative = np.stack([(ahead[n].astype(float) - behind[n]) / (2 * step) for n in OUTPUTS], axis=1)
        error = np.sqrt(np.mean((derivative - reference[:, :, i]) ** 2, axis=0))
        np.testing.assert_allclose(error, [row[i] for row in content["rms_error"]], rtol=0.05, atol=2e-6)


def test_the_jacobian_of_other_files_is_written_next_to_them(copied, others):
    run = copied / "runs" / "trained"
    assert main(["evaluate", "trained", "--data", str(others), "--jacobian"]) == 0
    assert json.loads((run / "evaluation" / "jacobian.json").read_text())["rows"] == 80  # all that there are
    assert (run / "evaluation" / "plots" / "jacobian.png").exists()
    assert not (run / "jacobian.json").exists()


def test_without_a_field_there_is_no_jacobian(copied, others, capsys):
    """The run's own data are files now that do not say which field they went through."""
    run = copied / "runs" / "trained"
    with np.load(others) as content:
        np.savez(copied / "foreign.npz", **{name: content[name] for name in ("X", "Y", "P", "Z")})
    job = json.loads((run / "job.json").read_text())
    job["dataset"] |= {"simulate": None, "files": [str(copied / "foreign.npz")]}
    (run / "job.json").write_text(json.dumps(job))
    assert main(["evaluate", "trained", "--jacobian"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("--jacobian: the field of the data is not known, so there is no Jacobian to compare with.")
    assert error.count("\n") == 1
    with pytest.raises(SystemExit, match="2"):
        main(["evaluate", "trained", "--jacobian", "0"])
    assert "expected a whole number of at least 1, received '0'" in capsys.readouterr().err
