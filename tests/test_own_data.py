"""The loaders in docs/your_own_data.md, copied into a folder of components: checked, trained and applied."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.checks.jobs import check_jobs
from app.config.job_file import parse
from app.data.contract import RULES, Subject, check_contract
from app.data.loading import load_data
from datasets import DATASETS

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "your_own_data.md").read_text()
EXAMPLES = re.findall(r"^```python\n# (datasets/\S+)\n(.*?)^```\n\n```json\n(.*?)^```", PAGE, re.M | re.S)
NAMES = ["calorimeter_cells", "scintillator_images"]


def write_showers(folder, events=1500, truth=True):
    """Write showers whose cells hold 80 % of the energy on average; some events have no cell above threshold."""
    import awkward as ak
    import uproot

    rng = np.random.default_rng(1)
    energy, counts = rng.uniform(1, 10, events), rng.poisson(6, events)
    share = np.concatenate([0.8 * rng.dirichlet(np.ones(n)) for n in counts if n])
    cells = {"x": rng.normal(0, 50, counts.sum()), "y": rng.normal(0, 50, counts.sum())}
    cells["e"] = share * np.repeat(energy, counts)
    branches = {f"cell_{name}": ak.unflatten(values.astype(np.float32), counts) for name, values in cells.items()}
    with uproot.recreate(folder / "showers.root") as file:
        file["events"] = {**branches, "number": np.arange(events), "energy": energy}


def write_light(folder, events=800):
    """Write images of one bright spot for electrons, and of two for photons, of equal light in all."""
    rng = np.random.default_rng(1)
    photon, image = np.arange(events) % 2, rng.poisson(0.5, (events, 16, 16)).astype(float)
    for spot in range(2):
        row, column = rng.integers(2, 14, (2, events))
        image[np.arange(events), row, column] += np.where(photon, 40, 80 * (spot == 0))
    np.savez(folder / "light.npz", image=image, photon=photon)


WRITERS = {"calorimeter_cells": ("SHOWERS", write_showers), "scintillator_images": ("LIGHT", write_light)}


@pytest.fixture
def example(tmp_path, monkeypatch):
    """Return a function that writes the data of an example and returns its code and the content of its job."""

    def prepare(name):
        variable, write = WRITERS[name]
        write(tmp_path)
        monkeypatch.setenv(variable, str(tmp_path))
        return next((code, json.loads(job)) for path, code, job in EXAMPLES if Path(path).stem == name)

    return prepare


def test_there_are_two_examples():
    assert [path for path, _, _ in EXAMPLES] == [f"datasets/{name}.py" for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_the_loader_keeps_the_contract(name, example, tmp_path, monkeypatch):
    code, content = example(name)
    DATASETS.names()
    monkeypatch.setattr(DATASETS, "_components", dict(DATASETS._components))
    path = tmp_path / f"{name}.py"
    path.write_text(code)
    module = importlib.util.module_from_spec(spec := importlib.util.spec_from_file_location(f"datasets.{name}", path))
    monkeypatch.setitem(sys.modules, f"datasets.{name}", module)
    spec.loader.exec_module(module)
    job = parse(content)
    check_jobs([job])
    (file,) = [*tmp_path.glob("*.root"), *tmp_path.glob("*.npz")]
    found = dict(check_contract(Subject(job.dataset, [file])))
    assert {rule: str(error) for rule, error in found.items() if isinstance(error, Exception)} == {}
    assert list(found) == list(RULES)

    events = load_data(job).splits.test.events()
    if name == "calorimeter_cells":
        hits = events.inputs["hits"]
        assert (hits.values[:, 2] > 0.02).all()
        np.testing.assert_array_equal(hits.counts, events.columns["cells"])
        sums = np.add.reduceat(hits.values[:, 2], hits.offsets[:-1])
        np.testing.assert_allclose(sums / events.columns["energy"], 0.8, atol=0.1)
    else:
        np.testing.assert_array_equal(events.inputs["sum"][:, 0], events.inputs["image"].sum(axis=(1, 2)))
        assert not ((events.inputs["image"] > 0) & (events.inputs["image"] < 2)).any()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "column"), [("calorimeter_cells", "pred_energy"), ("scintillator_images", "pred_photon")]
)
def test_from_a_folder_of_components_to_predictions(name, column, example, tmp_path, monkeypatch):
    code, content = example(name)
    (tmp_path / "mine" / "datasets").mkdir(parents=True)
    (tmp_path / "mine" / "datasets" / f"{name}.py").write_text(code)
    (tmp_path / "job.json").write_text(json.dumps({**content, "plots": []}))
    monkeypatch.setenv("WIRECHAMBER_COMPONENTS", str(tmp_path / "mine"))
    (file,) = [*tmp_path.glob("*.root"), *tmp_path.glob("*.npz")]

    def command(*words):
        arguments = [sys.executable, ROOT / "wirechamber.py", *words]
        done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    assert "threshold" in command("list", "datasets", name) or "least" in command("list", "datasets", name)
    assert "FAILED" not in command("check", "dataset", name, "--files", str(file))
    command("run", "job.json")
    command("predict", content["name"], "--data", str(file), "--out", "new.csv")
    assert column in (tmp_path / "new.csv").read_text().partition("\n")[0]
    (result,) = json.loads((tmp_path / "runs" / content["name"] / "metrics.json").read_text()).values()
    metric, better = result["metric"], -1 if result["better"] == "higher" else 1
    baselines = {name: values[metric] for name, values in result["baselines"].items()}
    assert all(better * result["model"][metric] < better * value for value in baselines.values()), baselines
    assert len(baselines) == (1 if name == "calorimeter_cells" else 3)
