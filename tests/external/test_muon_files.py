"""Muon files of three experiments, read by configuration alone; needs the external data."""

from __future__ import annotations

import os
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from app.config.job_file import load
from app.core.files import REPOSITORY, find_files
from datasets.pipeline.events import Events
from datasets.pipeline.split import split

DATA = Path(os.environ.get("WIRECHAMBER_EXTERNAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
FOLDER = DATA / "muons"
pytestmark = [pytest.mark.external, pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no external data at {FOLDER}")]


@pytest.fixture(autouse=True)
def _external_data(monkeypatch):
    monkeypatch.setenv("WIRECHAMBER_EXTERNAL_DATA", str(DATA))


def read(name):
    (job,) = load(REPOSITORY / "json" / "muon_hits" / f"{name}.json")
    source = job.dataset.build(find_files(job.dataset.options.files))
    return job, source, Events.concatenate(list(source))


def test_spinquest_hits_and_truth():
    _, source, events = read("spinquest")
    assert source.rows == 10_000
    with uproot.open(FOLDER / "spinquest_mup.root") as file:
        theirs = file["tree"].arrays(["driftDistance", "gpx", "gpy", "gpz", "gvz"])
    px, py, pz, vz = (ak.to_numpy(ak.flatten(theirs[name])) for name in ("gpx", "gpy", "gpz", "gvz"))
    kept = np.hypot(px, py) >= 0.5
    assert len(events) == kept.sum() > 9900
    np.testing.assert_allclose(events.columns["pz"], pz[kept], rtol=1e-6)
    np.testing.assert_allclose(events.columns["vz"], vz[kept], rtol=1e-6)
    np.testing.assert_allclose(events.columns["eta"], np.arctanh(pz / np.sqrt(px**2 + py**2 + pz**2))[kept], rtol=1e-5)
    drift = ak.to_numpy(ak.flatten(theirs["driftDistance"][kept]))
    np.testing.assert_allclose(events.inputs["hits"].values[:, 2], drift, rtol=1e-6)
    assert 34 < events.columns["n_hits"].mean() < 36


def test_spinquest_momenta_are_in_one_split_only():
    job, source, _ = read("spinquest")
    splits = split(source, job.dataset.options)
    momenta = [
        {tuple(row) for row in np.stack([part.events().columns[n] for n in ("px", "py", "pz")], axis=1).tolist()}
        for part in (splits.train, splits.validation, splits.test)
    ]
    assert sum(map(len, momenta)) == len(set.union(*momenta)) > 1100


def test_nano_muons():
    _, source, events = read("nano_dimuon")
    assert source.rows == 40
    with uproot.open(FOLDER / "cms_nano_dimuon.root") as file:
        theirs = file["Events"].arrays(["Muon_pt", "Muon_charge", "event"])
    theirs = theirs[ak.num(theirs.Muon_pt) > 0]
    np.testing.assert_allclose(events.columns["pt"], ak.to_numpy(ak.max(theirs.Muon_pt, axis=1)))
    assert events.columns["n_hits"].tolist() == ak.num(theirs.Muon_pt).tolist()
    assert events.columns["event"].tolist() == theirs.event.tolist()
    np.testing.assert_array_equal(events.inputs["hits"].values[:, 2], ak.to_numpy(ak.flatten(theirs.Muon_charge)))


def test_overlap_trigger_has_its_own_splits():
    job, source, events = read("omtf")
    assert source.rows == 9968 + 4984
    splits = split(source, job.dataset.options)
    with np.load(FOLDER / "cms_omtf_train_valid.npz") as content:
        many = (content["valid_HITS"][..., 0] > 0).sum(axis=1) >= 3
        np.testing.assert_array_equal(splits.test.events().columns["pt"], content["valid_PT_VAL"][many])
    assert len(events) == splits.train.rows + splits.validation.rows + splits.test.rows
