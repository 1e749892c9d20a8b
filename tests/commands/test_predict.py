"""`wirechamber predict`: the figures of the run's own predictions, on files without truth."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import uproot
from loader_files import FAMILIES, write

from app.cli import main
from app.config.job_file import parse
from app.core.libraries import keras
from app.data.loading import simulated_folder
from app.evaluation.prediction_files import Ranges, name_classes, named_by_class, predictions_of, use_events
from app.export.root_file import write_root_blocks
from app.predictions import Predictions, write_blocks
from datasets import Events
from datasets.pipeline.arrays import dense


@pytest.fixture
def states(copied, simulated):
    """Start states of the run's data, as {"X": (N, 6)}, and what the run predicted of its test split."""
    job = parse(json.loads((copied / "runs/trained/job.json").read_text()))
    (shard,) = simulated_folder(job.dataset.options.simulate, simulated).glob("shard_*.npz")
    with np.load(shard) as content:
        arrays = {name: content[name] for name in content.files if name != "Y"}
    return arrays, Predictions.read(copied / "runs/trained/predictions.csv")


def test_files_without_truth_give_the_predictions_of_the_run(copied, states, capsys):
    arrays, own = states
    np.savez(copied / "new.npz", **arrays)
    assert main(["predict", "trained", "--data", str(copied / "new.npz"), "--out", str(copied / "p.csv")]) == 0
    printed = capsys.readouterr().out
    assert f"600 events predicted: {copied / 'p.csv'}\nunits: x [mm], y [mm]\n" in printed
    assert "outside of" not in printed
    predicted = Predictions.read(copied / "p.csv")
    assert predicted.true == {}
    assert predicted.columns["row"].tolist() == list(range(600))
    np.testing.assert_allclose(predicted.columns["p"], arrays["P"], rtol=1e-6)
    at = np.array([np.argmin(np.abs(predicted.columns["p"] - p)) for p in own.columns["p"]])
    for target in ("x", "y", "tx", "ty"):
        np.testing.assert_allclose(predicted.predicted[target][at], own.predicted[target], rtol=1e-5, atol=1e-6)


def test_inputs_unlike_those_of_the_training_are_named(copied, states, capsys):
    arrays, _ = states
    arrays["X"] = np.array(arrays["X"])
    arrays["X"][:60, 0] += 3000.0
    np.savez(copied / "new.npz", **arrays)
    assert main(["predict", "trained", "--data", str(copied / "new.npz"), "--out", str(copied / "p.root")]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "outside of" in line]
    assert len(lines) == 1
    low, high = json.loads((copied / "runs/trained/normalization.json").read_text())["ranges"]["state"][0]
    assert lines[0].startswith("10.")
    assert f"% of the events have x outside of {low:.4g} to {high:.4g}, where 99.8 % of the training" in lines[0]
    with uproot.open(copied / "p.root") as file:
        assert file["predictions"].num_entries == 600
        about = json.loads(file["about"])
    assert about["run"] == "trained"
    assert about["units"] == {"x": "mm", "y": "mm"}
    assert about["files"] == [str(copied / "new.npz")]


def test_a_run_of_before_says_that_the_ranges_are_not_known(copied, states, capsys):
    path = copied / "runs/trained/normalization.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({"columns": content["columns"]}))
    np.savez(copied / "new.npz", **states[0])
    assert main(["predict", "trained", "--data", str(copied / "new.npz")]) == 0
    assert "whether the inputs are like those of the training is not known" in capsys.readouterr().out
    assert (copied / "runs/trained/evaluation/predicted.csv").exists()


def test_mistakes_are_one_line(copied, states, capsys):
    np.savez(copied / "new.npz", **{**states[0], "X": states[0]["X"][:, :3]})
    for arguments, message in (
        (["--data", "new.npz"], "--data: no such file."),
        (
            ["--data", str(copied / "new.npz"), "--out", "p.txt"],
            "--out: no kind of file. Expected a name that ends in .csv or",
        ),
        (["--data", str(copied / "new.npz")], "not an array of track states. Expected the shape (N, 5 or more)"),
    ):
        assert main(["predict", "trained", *arguments]) == 2
        assert message in capsys.readouterr().err


def test_of_several_files_each_row_is_found(copied, states, capsys):
    arrays, _ = states
    for number, part in enumerate((slice(0, 250), slice(250, 600))):
        np.savez(copied / f"{number}.npz", **{name: a[part] for name, a in arrays.items() if np.ndim(a)})
    assert main(["predict", "trained", "--data", str(copied / "[01].npz"), "--out", str(copied / "p.csv")]) == 0
    found = Predictions.read(copied / "p.csv")
    row = found.columns["row"] + 250 * found.columns["file"]
    assert row.tolist() == list(range(600))
    np.testing.assert_allclose(found.columns["p"], arrays["P"][row], rtol=1e-6)


def test_a_loss_and_a_metric_that_are_gone_are_not_needed(copied, states):
    path = copied / "runs/trained/job.json"
    content = json.loads(path.read_text())
    content["tasks"]["state"] |= {"loss": "of_mine", "metrics": ["of_mine"]}
    path.write_text(json.dumps(content))
    np.savez(copied / "new.npz", **states[0])
    assert main(["predict", "trained", "--data", str(copied / "new.npz"), "--out", str(copied / "p.csv")]) == 0
    assert len(Predictions.read(copied / "p.csv")) == 600
    content["dataset"]["name"] = "of_mine"
    path.write_text(json.dumps(content))
    assert main(["predict", "trained", "--data", str(copied / "new.npz")]) == 2


def test_classes_are_named(tmp_path):
    numbers = {"kind": np.array([0.2, 0.7, np.nan]), "label": np.array([2.0, 0.0, 1.0])}
    found = Predictions(np.arange(3, dtype=np.uint64), {}, numbers)
    names = name_classes(found, {"kind": ["b", 's, "x"'], "label": ["a", "b", "c"], "other": ["x", "y"]})
    assert {name: texts.tolist() for name, texts in names.items()} == {
        "class_kind": ["b", 's, "x"', "b"],
        "class_label": ["c", "a", "b"],
    }
    write_blocks(tmp_path / "p.csv", [replace(found, columns=names)])
    assert (tmp_path / "p.csv").read_text().splitlines()[:3] == [
        "key,class_kind,class_label,pred_kind,pred_label",
        "0,b,c,0.2,2",
        '1,"s, ""x""",a,0.7,0',
    ]
    write_root_blocks(tmp_path / "p.root", [replace(found, columns=names)] * 2, {"classes": {"kind": ["b", "s"]}})
    with uproot.open(tmp_path / "p.root") as file:
        assert file["predictions"].keys() == ["key", "pred_kind", "pred_label"]
        assert file["predictions"].num_entries == 6


def test_probabilities_and_their_spread_have_the_names_of_classes():
    classes = {"kind": ["e-", "mu"], "other": ["x", "y"]}
    values = {"kind_0": 0.25, "kind_1": 0.75, "label_0": 1.0, "kind": 3.0}
    assert named_by_class(values, classes) == {"kind_e-": 0.25, "kind_mu": 0.75, "label_0": 1.0, "kind": 3.0}


def mean_of(**inputs):
    """A deployed model that gives the mean of all numbers of its inputs."""
    tensors = {name: keras.Input(shape, name=name) for name, shape in inputs.items()}
    flat = [
        keras.layers.Lambda(lambda x: keras.ops.mean(keras.ops.reshape(x, (keras.ops.shape(x)[0], -1)), 1, True))(x)
        for x in tensors.values()
    ]
    return keras.Model(tensors, {"task": flat[0]})


@pytest.mark.parametrize(
    ("name", "dropped", "target", "inputs"),
    [
        ("muons.root", "truthMuon_", "pt", {"hits": (None, 22)}),
        ("volumes.npz", "is_es", "is_es", {"volume": (208, 1242, 3)}),
        ("layers.npz", "pt", "pt", {"layers": (6, 2)}),
    ],
)
def test_hits_and_images_without_truth_are_predicted(name, dropped, target, inputs, tmp_path, small_job):
    dataset, make, options = FAMILIES[name]
    write(tmp_path / name, {n: v for n, v in make().items() if not n.startswith(dropped)})
    spec = {"name": dataset, "files": [name], **options}
    job = parse({**small_job, "dataset": spec, "tasks": {"task": {"targets": [target]}}})
    source, found = use_events(
        job,
        [tmp_path / name],
        lambda source: (source, [*predictions_of(source, job, mean_of(**inputs), Ranges({}, {}), {})]),
    )
    found = Predictions.concatenate(found)
    assert found.true == {}
    assert found.columns["row"].tolist() == list(range(source.rows))
    events = Events.concatenate(list(source))
    expected = [np.asarray(dense(events.inputs[next(iter(inputs))][i : i + 1])).mean() for i in range(len(events))]
    np.testing.assert_allclose(found.predicted[target], expected, rtol=1e-5)


def test_truth_that_is_wrong_somewhere_is_not_used(copied, states, monkeypatch, capsys):
    monkeypatch.setattr("datasets.tracks.files.ROWS_PER_BLOCK", 300)
    arrays, _ = states
    end = np.array(arrays["X"][:, :4])
    end[400] = np.nan
    np.savez(copied / "new.npz", **arrays, Y=end)
    assert main(["predict", "trained", "--data", str(copied / "new.npz"), "--out", str(copied / "p.csv")]) == 0
    out = capsys.readouterr().out
    assert f"predicted without the truth of these files: {copied / 'new.npz'}[300:]" in out
    assert "600 events predicted" in out
    assert Predictions.read(copied / "p.csv").true == {}


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_the_files_that_are_read_are_not_written_over(copied, capsys, command):
    data, out = copied / "predictions.csv", copied / ("predictions.csv" if command == "predict" else "")
    data.write_text("x\n1\n")
    assert main([command, "trained", "--data", str(data), "--out", str(out)]) == 2
    assert f"--out {data}: is one of the files that are read. Expected another name" in capsys.readouterr().err
    assert data.read_text() == "x\n1\n"


@pytest.mark.parametrize("arguments", [["predict", "--data", "new.npz"], ["evaluate"], ["export", "--root"]])
def test_the_files_that_the_run_was_trained_on_are_not_written_over(copied, capsys, arguments, monkeypatch):
    monkeypatch.chdir(copied)
    (copied / "new.npz").touch()
    path, name = copied / "runs/trained/job.json", "predictions.root" if arguments[0] == "export" else "predictions.csv"
    content = json.loads(path.read_text())
    content["dataset"]["friends"] = [{"files": str(copied / "pred*.*"), "key": ["event"]}]
    path.write_text(json.dumps(content))
    (copied / "data").symlink_to(copied)
    data, out = copied / name, copied / "data" / (name if arguments[0] == "predict" else "")
    data.write_text("x\n1\n")
    command, *further = arguments
    assert main([command, "trained", *further, "--out", str(out)]) == 2
    written = copied / "data" / name
    expected = f"--out {written}: is one of the files that are read. Expected another name, so that this file is kept."
    assert capsys.readouterr().err.endswith(f"{expected}\n")
    assert data.read_text() == "x\n1\n"
