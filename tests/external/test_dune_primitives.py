"""DUNE's full simulation: images of its primitives, and the truth that goes with them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import uproot

from app.core.files import REPOSITORY
from app.physics.argon.detector import to_canonical
from datasets import DATASETS
from datasets.convert import CONVERTERS
from datasets.pipeline.events import Events
from datasets.primitives.clusters import PERIOD, Clustering, find_clusters, heights, match_clusters
from datasets.primitives.files import read_primitives

FOLDER = Path(os.environ.get("WIRECHAMBER_EXTERNAL_DATA", REPOSITORY.parent / "shared" / "data")) / "dune"
ELASTIC, CHARGED = FOLDER / "test_es_tpstream.root", FOLDER / "test_cc_tpstream.root"

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(not ELASTIC.is_file(), reason=f"{FOLDER} does not exist"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("images")
    CONVERTERS.parse({"name": "trigger_primitives"}).build([ELASTIC, CHARGED], out)
    return out


def load(*files, **options):
    source = DATASETS.parse({"name": "plane_images", "files": [str(f) for f in files], **options}).build(list(files))
    return Events.concatenate(list(source))


def vectors(columns, name):
    return np.stack([columns[f"{name}_{axis}"] for axis in "xyz"], axis=-1).astype(float)


def electrons(path):
    """Energy [GeV], direction and position [cm] of each event's outgoing electron in mctruths, by event number."""
    names = ["Event", "pdg", "status_code", "px", "py", "pz", "energy", "x", "y", "z"]
    truth = uproot.open(path)["triggerAnaDumpTPs/mctruths"].arrays(names, library="np")
    found = {}
    for row in np.flatnonzero((truth["pdg"] == 11) & (truth["status_code"] == 1)):
        momentum, position = (np.array([truth[name][row] for name in names]) for names in (("px", "py", "pz"), "xyz"))
        found[int(truth["Event"][row])] = (truth["energy"][row], momentum / np.linalg.norm(momentum), position)
    return found


@pytest.mark.parametrize(("path", "least"), [(ELASTIC, 10), (CHARGED, 44)])
def test_direction_and_energy_of_the_electron_agree_with_mctruths(path, least, folder):
    columns = load(*sorted(folder.glob(f"{path.stem}_*.npz")), main_track=True).columns
    truth = electrons(path)
    assert len(columns["event"]) >= least
    assert len(set(columns["event"])) == len(columns["event"])
    sides = columns["apa"].astype(int), columns["face"].astype(int)
    direction = to_canonical(vectors(columns, "direction"), *sides)
    position = to_canonical(vectors(columns, "position"), *sides)
    kept = 0
    for row, event in enumerate(columns["event"].astype(int)):
        energy, unit, vertex = truth[event]
        if abs(columns["energy"][row] - energy) > 1e-6:  # the cluster is mostly another particle's
            continue
        kept += 1
        assert direction[row] == pytest.approx(unit, abs=1e-4)  # mctruths come rounded
        assert position[row] == pytest.approx(vertex, abs=0.05)
    assert kept >= least - 5
    assert (columns["is_es"] == (path == ELASTIC)).all()
    assert (vectors(columns, "position")[:, 0] > 0).all()


def test_the_axis_of_the_images_is_that_of_the_electron(folder):
    """The ten elastic scatters: without a sign their axes lie around the truth as simulated ones do, 30 degrees."""
    columns = load(*sorted(folder.glob("test_es_*.npz")), main_track=True).columns
    cosine = np.abs((vectors(columns, "axis") * vectors(columns, "direction")).sum(axis=1))
    assert np.degrees(np.arccos(np.median(cosine))) < 35


def test_directions_left_in_the_detectors_frame_do_not_fit_the_images(folder):
    """What folding is for: the same axes against directions that were not folded are further away."""
    columns = load(*sorted(folder.glob("test_es_*.npz")), main_track=True).columns
    axis, direction = vectors(columns, "axis"), vectors(columns, "direction")
    unfolded = to_canonical(direction, columns["apa"].astype(int), columns["face"].astype(int))
    angles = [np.degrees(np.arccos(np.abs((axis * d).sum(axis=1)))) for d in (direction, unfolded)]
    assert angles[0].mean() + 10 < angles[1].mean()


def test_matched_clusters_are_of_one_particle_and_their_wires_cross():
    for path, share in ((ELASTIC, 1.0), (CHARGED, 0.93)):
        primitives = read_primitives(path)
        found = find_clusters(primitives, Clustering())
        ids, face = match_clusters(found)
        same, distances = [], []
        for event, number in {(e, i) for e, i in zip(found.event, ids, strict=True) if i >= 0}:
            members = np.flatnonzero((found.event == event) & (ids == number))
            tracks = set()
            for one in members:
                edep = primitives.edep[found.members[one]]
                if edep.sum() > 0:
                    tracks.add(abs(int(primitives.track[found.members[one]][np.argmax(edep)])))
            same.append(len(tracks) <= 1)
            if len(members) == 3:
                x, u, v = (next(m for m in members if found.plane[m] == plane) for plane in (2, 0, 1))
                one, other = heights(found, x, u, v)
                distances.append(abs((one - other + PERIOD / 2) % PERIOD - PERIOD / 2))
        assert np.mean(same) >= share
        assert np.median(distances) < 0.6
        assert (face[ids >= 0] >= 0).all()
    assert (ids[(found.plane == 2)] >= 0).mean() > 0.6


def test_energies_on_the_collection_plane_follow_the_truth(folder):
    columns = load(*sorted(folder.glob("test_es_*.npz")), main_track=True).columns
    ratio = columns["cluster_energy"] / columns["energy"]
    assert 0.6 < np.median(ratio) < 1.2
    assert np.corrcoef(columns["charge_x"], columns["energy"])[0, 1] > 0.7
