"""Files that version 0.1.0 wrote still mean the same: models, runs, their records, and jobs trained once more.

What 0.1.0 said was recorded by tests/data/v0_1/make_fixtures.py. Where versions and CPU are those of the recording all
bits are equal, elsewhere what rounding leaves of them. fresh_process.py does what needs TensorFlow, once for all tests.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from untraced import process_environment

from app.cli import main
from app.config.job_file import load

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "data" / "v0_1"
RECORDED = json.loads((FIXTURES / "hashes.json").read_text())
MODELS = sorted(path.stem for path in (FIXTURES / "models").glob("*.npz"))
TRAINED = sorted(RECORDED["jobs"])
SLOW = ("hits_deep_sets", "pinn_tape")
LARGE = 1e-5
"""Largest difference between two CPUs in what one model says, as a share of an output's largest value."""
AFTER_TRAINING = 1e-3
"""The same in what trainings come to, whose steps enlarge a difference."""
LAYERS = 26
FAMILIES = 18


def in_process(work, *parts):
    """Let a process of its own do some parts, and return the folder of what came out."""
    environment = process_environment() | {"PYTHONPATH": str(ROOT), "WIRECHAMBER_DATA": str(work / "data")}
    script = ROOT / "tests" / "compatibility" / "fresh_process.py"
    command = [sys.executable, str(script), str(FIXTURES), str(work), *parts]
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    (work / "output.txt").write_text(found.stdout + found.stderr)
    assert (work / "machine.json").exists(), found.stderr
    return work


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Return the folder of what this version says of models and runs, and of the trainings that are quick."""
    return in_process(tmp_path_factory.mktemp("v0_1"), "models", "runs", *(n for n in TRAINED if n not in SLOW))


@pytest.fixture(scope="module")
def done_slowly(tmp_path_factory):
    """Return the folder of the other trainings."""
    return in_process(tmp_path_factory.mktemp("v0_1_slow"), *SLOW)


@pytest.fixture(params=[pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in TRAINED])
def training(request):
    """Return the name of a training, the folder that it was done in, and whether equal bits are to be expected."""
    work = request.getfixturevalue("done_slowly" if request.param in SLOW else "done")
    return request.param, work, is_same_machine(work)


def is_same_machine(work):
    return read(work / "machine.json") == RECORDED["machine"]


@pytest.fixture(scope="module")
def same_machine(done):
    """Return whether equal bits are to be expected."""
    return is_same_machine(done)


@pytest.fixture
def roots(tmp_path):
    """Copy the runs and the registry of 0.1.0 to where this test's commands look for them."""
    for name in ("runs", "registry"):
        shutil.copytree(FIXTURES / name, tmp_path / name)
    return tmp_path


def arrays(path, prefix=""):
    """Return the arrays of an npz whose names begin with the prefix, by the rest of their names."""
    with np.load(path, allow_pickle=False) as content:
        return {name.removeprefix(prefix): content[name] for name in content.files if name.startswith(prefix)}


def words(path):
    """Return the text in a file, or that there is none."""
    return path.read_text()[-3000:] if path.exists() else f"{path.name} is missing"


def assert_equal(found, expected, exact, tolerance):
    """All arrays agree, to the bit or to a share of the largest value in each of their columns."""
    assert set(found) == set(expected)
    for name, before in expected.items():
        now = found[name]
        assert (now.shape, now.dtype) == (before.shape, before.dtype), name
        if exact:
            np.testing.assert_array_equal(now, before, err_msg=name)
        else:
            size = np.abs(before).max(axis=tuple(range(before.ndim - 1)), initial=0) if before.ndim else abs(before)
            assert (np.abs(now - before) <= tolerance * size).all(), name


def table(text):
    """Return the columns of predictions.csv: numbers, and the keys as they stand."""
    header, *rows = csv.reader(text.splitlines())
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    return {n: np.array(v) if n == "key" else np.array(v, np.float64) for n, v in columns.items()}


def assert_same_predictions(now, before, exact, tolerance):
    """Two predictions.csv are of the same events and say the same of them."""
    if exact:
        assert now == before
    found, expected = table(now), table(before)
    assert list(found) == list(expected)
    assert found.pop("key").tolist() == expected.pop("key").tolist()
    assert_equal(found, expected, False, tolerance)


def assert_close(now, before, tolerance, where=""):
    """Two contents of a JSON file are equal but for the last digits of their numbers."""
    if isinstance(before, dict):
        assert set(now) == set(before), where
        for name, value in before.items():
            assert_close(now[name], value, tolerance, f"{where}.{name}")
    elif isinstance(before, list):
        assert len(now) == len(before), where
        for i, value in enumerate(before):
            assert_close(now[i], value, tolerance, f"{where}.{i}")
    elif isinstance(before, float):
        assert now == pytest.approx(before, rel=tolerance, abs=tolerance * 1e-3), where
    else:
        assert now == before, where


def session_of(content):
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def read(path):
    return json.loads(path.read_text())


def test_the_models_hold_every_layer_and_every_family_of_0_1():
    """What is not recorded is not tested: all classes that 0.1.0 wrote into a file, and all models of its catalog."""
    found, families = "", set()
    for name in MODELS:
        with zipfile.ZipFile(gzip.open(FIXTURES / "models" / f"{name}.keras.gz")) as archive:
            found += archive.read("config.json").decode()
        families.add(json.loads(str(np.load(FIXTURES / "models" / f"{name}.npz")["job"]))["model"]["name"])
    assert len(RECORDED["layers"]) == LAYERS
    assert [layer for layer in RECORDED["layers"] if f'"{layer}"' not in found] == []
    assert len(families) == FAMILIES


@pytest.mark.parametrize("name", MODELS)
def test_a_model_says_what_it_said(name, done, same_machine):
    path = done / "models" / f"{name}.npz"
    assert path.exists(), words(path.with_suffix(".txt"))
    recorded = FIXTURES / "models" / f"{name}.npz"
    found = arrays(path)
    for prefix in {key.partition("/")[0] + "/" for key in found}:
        said = {key.removeprefix(prefix): value for key, value in found.items() if key.startswith(prefix)}
        assert_equal(said, arrays(recorded, prefix), same_machine, LARGE)
    assert any(key.startswith("predict/") for key in found) == bool(arrays(recorded, "predict/"))


@pytest.mark.parametrize("run", ["mlp_kick", "mlp_pair"])
def test_a_run_is_evaluated_again(run, done, same_machine):
    """The ensemble's metrics had been removed: what it said of its members is not made again."""
    assert read(done / "codes.json")["evaluate" if run == "mlp_kick" else "evaluate_ensemble"] == 0
    old, new = FIXTURES / "runs" / run, done / "used" / "runs" / run
    texts = [(folder / "predictions.csv").read_text() for folder in (new, old)]
    assert_same_predictions(*texts, same_machine, LARGE)
    before, now = read(old / "metrics.json")["state"], read(new / "metrics.json")["state"]
    for key in ("metric", "better", "binned_in", "model", "baselines", "descriptions"):
        assert_close(now[key], before[key], 1e-12 if same_machine else 1e-4, key)


def test_a_run_is_exported_again(done):
    assert read(done / "codes.json")["export"] == 0
    run = done / "used" / "runs" / "mlp_kick"
    inputs = arrays(FIXTURES / "trained" / "mlp_kick.npz", "onnx_input/")
    expected = arrays(FIXTURES / "trained" / "mlp_kick.npz", "onnx/")
    for path in (FIXTURES / "runs" / "mlp_kick" / "model.onnx", run / "model.onnx"):
        session = session_of(path.read_bytes())
        assert_equal(dict(zip(expected, session.run(list(expected), inputs), strict=True)), expected, False, 1e-6)
    assert read(run / "metrics.json")["state"]["onnx"]["outputs"]["predicted_state"]["max_rel"] < 1e-6
    assert (run / "predictions.root").stat().st_size > 1000


def test_a_training_comes_to_the_same_weights(training):
    name, done, same_machine = training
    path = done / "weights" / f"{name}.npz"
    assert path.exists(), words(done / "output.txt")
    found, expected = arrays(path), arrays(FIXTURES / "trained" / f"{name}.npz", "weight/")
    assert_equal(found, expected, same_machine, AFTER_TRAINING)
    if same_machine:
        hashes = [hashlib.sha256(weight.tobytes()).hexdigest() for weight in found.values()]
        assert hashes == RECORDED["jobs"][name]["weights"]


def test_a_training_has_the_same_history(training):
    name, done, same_machine = training
    history = read(done / "runs" / name / "history.json")
    assert history.pop("training_time") > 0
    recorded = json.loads(str(np.load(FIXTURES / "trained" / f"{name}.npz")["history"]))
    assert_close(history, recorded, 0.0 if same_machine else AFTER_TRAINING)
    if same_machine:
        text = json.dumps(history, sort_keys=True).encode()
        assert hashlib.sha256(text).hexdigest() == RECORDED["jobs"][name]["history"]


def test_a_training_predicts_the_same(training):
    name, done, same_machine = training
    content = (done / "runs" / name / "predictions.csv").read_bytes()
    recorded = np.load(FIXTURES / "trained" / f"{name}.npz")["predictions"].tobytes()
    assert hashlib.sha256(recorded).hexdigest() == RECORDED["jobs"][name]["predictions"]
    assert_same_predictions(content.decode(), recorded.decode(), same_machine, AFTER_TRAINING)


def test_a_resumed_training_is_the_one_that_was_not_stopped():
    """The recording itself: the run that was stopped by 0.1.0 came to the bits of the whole one."""
    whole, resumed = (RECORDED["jobs"][name] for name in ("mlp_kick", "mlp_stopped"))
    assert whole == resumed


def test_simulated_data_are_the_same_and_lie_where_they_lay(training):
    """A folder of data is named after the block that made them, so those of 0.1.0 are used again."""
    name, done, _ = training
    told = read(done / "runs" / name / "provenance.json")["dataset"]
    assert told["fingerprint"] == RECORDED["jobs"][name]["fingerprint"]
    assert any((done / "data" / RECORDED["jobs"][name]["data"]).iterdir())


def test_a_training_exports_the_same_graph(training):
    name, done, same_machine = training
    if name == "mlp_stopped":  # the job of this one asks for no export
        assert not (done / "runs" / name / "model.onnx").exists()
        return
    recorded = FIXTURES / "trained" / f"{name}.npz"
    session = session_of((done / "runs" / name / "model.onnx").read_bytes())
    expected, inputs = arrays(recorded, "onnx/"), arrays(recorded, "onnx_input/")
    assert {one.name for one in session.get_inputs()} == set(inputs)
    assert {one.name for one in session.get_outputs()} == set(expected)
    said = dict(zip(expected, session.run(list(expected), inputs), strict=True))
    assert_equal(said, expected, False, 1e-6 if same_machine else AFTER_TRAINING)


def test_plots_of_an_old_run(roots, capsys):
    assert main(["plots", "mlp_kick", "--names", "loss_curves"]) == 0
    drawn = sorted((roots / "runs" / "mlp_kick" / "plots").iterdir())
    assert [path.name for path in drawn] == ["loss_curves.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 10_000 for path in drawn)
    assert capsys.readouterr().out.count("plot: ") == 1


def test_old_runs_are_compared(roots):
    figures = roots / "figures.json"
    assert main(["compare", "mlp_kick", "mlp_pair", "--draws", "20", "--json", str(figures)]) == 0
    found = read(figures)
    assert (found["reference"], found["events"], found["leading"]["state"]["metric"]) == ("mlp_kick", 53, "pos_mean_mm")
    for name in ("mlp_kick", "mlp_pair"):
        value = read(FIXTURES / "runs" / name / "metrics.json")["state"]["model"]["pos_mean_mm"]
        assert found["runs"][name]["figures"]["pos_mean_mm"]["value"] == pytest.approx(value, rel=1e-6)
        assert found["runs"][name]["parameters"] == read(FIXTURES / "runs" / name / "model_config.json")["parameters"]


def test_a_report_shows_old_runs(roots):
    page = roots / "report.html"
    assert main(["report", "--out", str(page)]) == 0
    text = page.read_text()
    for path in (FIXTURES / "registry" / "runs").glob("*.json"):
        record = read(path)
        assert f"{record['run']}</strong> done, pos_mean_mm {record['value']:.3g}" in text
        assert record["verdict"].split(";")[0] in text


def test_the_registry_lists_old_records(roots, capsys):
    """The best first; a table in a file cuts long names."""
    assert main(["registry", "--sort", "pos_mean_mm"]) == 0
    listed = [line for line in capsys.readouterr().out.splitlines() if "mlp_" in line]
    records = [read(path) for path in (FIXTURES / "registry" / "runs").glob("*.json")]
    records.sort(key=lambda record: record["value"])
    assert len(listed) == len(records) == 4
    for line, record in zip(listed, records, strict=True):
        assert record["run"][:8] in line
        assert f"│ {record['value']:.2f} " in line


def test_old_records_and_runs_agree_and_take_notes(roots, capsys):
    assert main(["registry", "note", "mlp_kick", "Read by a later version."]) == 0
    assert main(["registry", "--repair"]) == 0
    assert main(["registry", "--check"]) == 0
    assert "agree" in capsys.readouterr().out
    for path in (FIXTURES / "registry" / "runs").glob("*.json"):
        now, before = read(roots / "registry" / "runs" / path.name), read(path)
        assert {name: now.get(name) for name in before if name != "updated"} | {"updated": 0} == before | {"updated": 0}
    assert "Read by a later version." in (roots / "registry" / "README.md").read_text()


def test_the_best_old_run_is_found_and_copied(roots, capsys):
    assert main(["best", "track_extrapolation", "--copy-to", str(roots / "best")]) == 0
    assert capsys.readouterr().out.startswith("mlp_pair_seed43: pos_mean_mm 6.03, the best of 4")
    kept = (FIXTURES / "runs" / "mlp_pair_seed43" / "model.keras").read_bytes()
    assert (roots / "best" / "model.keras").read_bytes() == kept


def shipped():
    return json.loads(gzip.decompress((FIXTURES / "shipped_jobs.json.gz").read_bytes()))


@pytest.fixture
def job_files(tmp_path):
    """Return the job files that were shipped with 0.1.0, written into a folder."""
    for name, text in shipped()["files"].items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return sorted(path for path in (tmp_path / "json").rglob("*.json") if path.name != "base.json")


def test_shipped_jobs_are_valid_but_for_data_that_are_not_here(job_files, capsys, monkeypatch):
    monkeypatch.delenv("WIRECHAMBER_EXTERNAL_DATA", raising=False)
    here = [path for path in job_files if "${WIRECHAMBER_EXTERNAL_DATA}" not in path.read_text()]
    assert (len(job_files), len(here)) == (58, 53)
    assert main(["validate", *map(str, here)]) == 0
    assert capsys.readouterr().out.replace("\n", "").count(", valid") == len(here)


def test_jobs_that_a_run_wrote_down_are_valid(tmp_path):
    """The job.json of every family, in which no default is left out."""
    files = [FIXTURES / "runs" / "mlp_pair" / "job.json"]
    for name in MODELS:
        if name not in ("mlp_layers", "ensemble_tasks"):  # its data are not here; the job of its members
            files.append(tmp_path / f"{name}.json")
            files[-1].write_text(str(np.load(FIXTURES / "models" / f"{name}.npz")["job"]))
    assert main(["validate", *map(str, files)]) == 0


def test_shipped_jobs_mean_what_they_meant(job_files):
    """Every value of every job, defaults included; new keys may stand beside them."""
    single = [path for path in job_files if not {"workflow", "steps"} & set(read(path))]
    found = {job.name: job.dump() for path in single for job in load(path)}
    recorded = shipped()["jobs"]
    assert set(found) == set(recorded)
    lost = [
        place for name, job in recorded.items() for place in missing(json.loads(json.dumps(found[name])), job, name)
    ]
    assert lost == []


def missing(now, before, place):
    """Yield where a job does not say what it said."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key, value in before.items():
            yield from missing(now.get(key, "missing"), value, f"{place}.{key}")
    elif now != before:
        yield f"{place}: {before!r} became {now!r}"
