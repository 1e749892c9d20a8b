"""Primitives of tracks on all faces of all anodes: clustered, matched, folded into one frame, and read directly."""

from __future__ import annotations

import hashlib
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import uproot
from argon_geometry import channels_at, wires_at
from scipy.ndimage import uniform_filter

from app.cli import main
from app.core.errors import UserError
from app.physics.argon.detector import CHANNELS, FIRST, OFFSET, PEAK_OFFSET, to_canonical
from app.physics.argon.planes import TICKS_PER_CM
from datasets import DATASETS
from datasets.convert import CONVERTERS
from datasets.pipeline.events import Events
from datasets.plane_images import primitives_fingerprint
from datasets.primitives.clusters import Clustering, find_clusters, match_clusters, unwrap_channels
from datasets.primitives.files import read_primitives

SIDES = list(product(range(4), (0, 1)))
MASS = 0.51099895e-3


def middle_of(apa, face):
    return np.array([-150.0 if face == 0 else 150.0, 300.0 if apa % 2 else -300.0, 115.0 if apa < 2 else 347.0])


def primitives_of(start, direction, length=4.0, event=1, track=1, adc=4000.0):
    """Rows of the tree of primitives for a straight track, brighter at its end."""
    along = np.linspace(0, length, 200)
    points = start + along[:, None] * direction
    channels = channels_at(points)
    weight = adc * length / 200 * (1 + along / length)
    rows = []
    for plane in range(3):
        peak = TICKS_PER_CM * np.abs(points[:, 0]) + PEAK_OFFSET[plane]
        for channel in np.unique(channels[:, plane]):
            own = channels[:, plane] == channel
            first, last = np.floor(peak[own].min()) - 4, np.ceil(peak[own].max()) + 4
            highest = int(np.round((peak[own] * weight[own]).sum() / weight[own].sum() - first))
            rows.append(
                {
                    "Run": 1, "SubRun": 0, "Event": event, "channel": int(channel), "time_start": int(first) * 32,
                    "samples_over_threshold": int(last - first + 1), "samples_to_peak": highest,
                    "adc_integral": int(weight[own].sum()) + 100, "adc_peak": 300, "bt_edep": weight[own].sum() / adc,
                    "bt_primary_track_id": track, "bt_x": points[own, 0].mean(),
                }
            )  # fmt: skip
    return rows


def noise(event, rows=40, seed=0):
    """Single primitives with little charge anywhere."""
    random = np.random.default_rng(seed)
    return [
        {
            "Run": 1, "SubRun": 0, "Event": event, "channel": int(random.integers(0, 4 * CHANNELS)),
            "time_start": int(random.integers(0, 6000)) * 32, "samples_over_threshold": 2, "samples_to_peak": 1,
            "adc_integral": 150, "adc_peak": 80, "bt_edep": -99999.0, "bt_primary_track_id": -99999, "bt_x": -99999.0,
        }
        for _ in range(rows)
    ]  # fmt: skip


KINDS = {
    "Run": "u4", "SubRun": "u4", "Event": "u4", "channel": "u4", "time_start": "u8", "samples_over_threshold": "u2",
    "samples_to_peak": "u2", "adc_integral": "u4", "adc_peak": "u2", "bt_edep": "f8", "bt_primary_track_id": "i4",
    "bt_x": "f8",
}  # fmt: skip


def write(path, rows, particles=(), truths=(), drop=()):
    """Write a file as DUNE's trigger analysis does; particles and truths are dictionaries of numbers."""
    kinds = {name: kind for name, kind in KINDS.items() if name not in drop}
    with uproot.recreate(path) as file:
        tree = file.mktree("dump/TriggerPrimitives/maker", kinds)
        tree.extend({name: np.array([row[name] for row in rows], kind) for name, kind in kinds.items()})
        for name, table in (("mcparticles", particles), ("mctruths", truths)):
            if table:
                columns = {key: np.array([row[key] for row in table]) for key in table[0] if key != "generator_name"}
                types = {key: values.dtype for key, values in columns.items()}
                names = {"generator_name": [row["generator_name"] for row in table]}
                file.mktree(f"dump/{name}", {**types, "generator_name": "string"}).extend({**columns, **names})
    return path


def truth_of(event, start, momentum, elastic=True, pdg=11, track=1):
    """A primary particle, the neutrino, and what it hit."""
    energy = float(np.hypot(np.linalg.norm(momentum), MASS if pdg == 11 else 0.0))
    ids = {"Run": 1, "SubRun": 0, "Event": event}
    vector = dict(zip(("px", "py", "pz"), map(float, momentum), strict=True))
    particle = {
        **ids, "pdg": pdg, "g4_track_id": track, "mother": 0, "truth_block_id": 0, **vector, "energy": energy,
        **dict(zip("xyz", map(float, start), strict=True)), "generator_name": "largeant",
    }  # fmt: skip
    incoming = {"block_id": 0, "generator_name": "marley", "status_code": 0}
    double = {name: 2 * value for name, value in vector.items()}
    target = {"pdg": 11 if elastic else 1000180400, "px": 0.0, "py": 0.0, "pz": 0.0, "energy": MASS}
    truths = [{**ids, "pdg": 12, **double, "energy": 2 * energy, **incoming}, {**ids, **target, **incoming}]
    return [particle], truths


def some_directions(rows, seed=3):
    vectors = np.random.default_rng(seed).normal(size=(rows, 3))
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    """Five tracks on each of the eight faces, among noise: the file, their starts, momenta and sides."""
    rows, particles, truths, told = [], [], [], []
    for number, (side, direction) in enumerate(product(SIDES, some_directions(5))):
        start, event = middle_of(*side), 100 + number
        momentum = direction * 0.02
        rows += primitives_of(start, direction, event=event) + noise(event, seed=number)
        one, two = truth_of(event, start, momentum, elastic=number % 2 == 0)
        particles, truths = particles + one, truths + two
        told.append((event, side, start, momentum))
    path = tmp_path_factory.mktemp("tps") / "events_tpstream.root"
    return write(path, rows, particles, truths), told


def load(*files, **options):
    source = DATASETS.parse({"name": "plane_images", "files": [str(f) for f in files], **options}).build(list(files))
    return source, Events.concatenate(list(source))


def convert(path, out, **options):
    CONVERTERS.parse({"name": "trigger_primitives", **options}).build([path], out)
    return sorted(out.glob("*.npz"))


def refused(message, path, out, **options):
    with pytest.raises(UserError, match=message) as caught:
        convert(path, out, **options)
    assert "\n" not in str(caught.value)


def test_tracks_on_every_face_are_folded_into_one_frame(tracks, tmp_path):
    """Directions are the truth in the canonical frame, and the images show tracks along them."""
    path, told = tracks
    _, events = load(*convert(path, tmp_path, width=32))
    columns = events.columns
    assert len(events) == len(told) == 40
    number = np.argsort(columns["event"])
    for row, (event, side, start, momentum) in zip(number, told, strict=True):
        assert columns["event"][row] == event
        assert (columns["apa"][row], columns["face"][row]) == side
        unit = to_canonical(momentum, *side) / np.linalg.norm(momentum)
        direction = np.array([columns[f"direction_{a}"][row] for a in "xyz"])
        assert direction == pytest.approx(unit, abs=1e-6)
        position = np.array([columns[f"position_{a}"][row] for a in "xyz"])
        assert position == pytest.approx(to_canonical(start, *side), abs=1e-3)
        assert position[0] == pytest.approx(150)
        axis = np.array([columns[f"axis_{a}"][row] for a in "xyz"])
        assert np.degrees(np.arccos(min(1, abs(axis @ unit)))) < 15, (event, side)
        neutrino = np.array([columns[f"neutrino_{a}"][row] for a in "xyz"])
        assert neutrino == pytest.approx(2 * to_canonical(momentum, *side), abs=1e-7)
        assert columns["energy"][row] == pytest.approx(np.hypot(0.02, MASS), rel=1e-5)
        assert columns["is_es"][row] == (event % 2 == 0)
        assert columns["is_main_track"][row] == 1


def test_equal_tracks_look_alike_on_all_faces(tmp_path):
    """Apart from where the wires lie by a fraction of their distance, all faces give the same images."""
    direction = np.array([0.3, 0.9, 0.32])
    direction /= np.linalg.norm(direction)
    rows = []
    for number, side in enumerate(SIDES):
        rows += primitives_of(middle_of(*side), to_canonical(direction, *side), event=number, length=8.0)
    _, events = load(*convert(write(tmp_path / "a.root", rows), tmp_path / "out"), without_momentum="keep")
    assert len(events) == 8
    for name, images in events.inputs.items():
        first, *others = uniform_filter(images, (0, 9, 5))
        for image in others:
            assert overlap(image, first) > 0.8, name
            assert max(overlap(image[:, ::-1], first), overlap(image[::-1], first)) < 0.75, name


def overlap(one, other):
    return (one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other)


def test_direct_reading_gives_what_conversion_gives(tracks, tmp_path):
    path, _ = tracks
    source, direct = load(path, main_track=True)
    converted, stored = load(*convert(path, tmp_path), main_track=True)
    for name, images in direct.inputs.items():
        assert np.array_equal(images, stored.inputs[name])
    for name, values in direct.columns.items():
        assert np.array_equal(values, stored.columns[name]), name
    assert np.array_equal(direct.key, stored.key)
    assert source.facts["frame"] == converted.facts["frame"] == "canonical"
    signs = np.array(converted.facts["conventions"]["signs"])
    assert np.array_equal(signs[1][0] * [1.0, 2.0, 3.0], to_canonical(np.array([1.0, 2.0, 3.0]), 1, 0))


def test_a_window_shows_the_primitives_as_triangles_with_their_sums(tmp_path):
    start = middle_of(1, 1)
    rows = primitives_of(start, np.array([0.0, 0.6, 0.8]))
    path = write(tmp_path / "a.root", rows)
    _, events = load(*convert(path, tmp_path / "out"), without_momentum="keep")
    for plane, name in enumerate("uvx"):
        view = [r for r in rows if min(r["channel"] % CHANNELS // 800, 2) == plane]
        image = events.inputs[f"plane_{name}"][0]
        assert image.sum() == pytest.approx(sum(row["adc_integral"] for row in view), rel=1e-5)
        assert (image.sum(axis=0) > 0).sum() == len({row["channel"] for row in view})
        lit = np.flatnonzero(image.sum(axis=1))
        assert abs(lit.mean() - 63.5) < 6


def test_wires_that_are_counted_on_from_zero_are_one_cluster(tmp_path):
    """A track on which U goes from 799 to 0: one cluster, whose image is that of a track elsewhere."""
    direction = np.array([0.1, 0.5, 0.86])
    direction /= np.linalg.norm(direction)
    start = middle_of(0, 1)
    number = wires_at(start, np.array(0), np.array(1))[0]
    start[1] += ((803.0 - number + 400) % 800 - 400) * 0.4666 / np.sin(np.radians(35.7))
    assert -600 < start[1] < -10
    rows = primitives_of(start, direction, length=6.0)
    local = {row["channel"] % CHANNELS for row in rows if row["channel"] % CHANNELS < 800}
    assert min(local) < 10 < 790 < max(local)
    found = find_clusters(read_primitives(write(tmp_path / "a.root", rows)), Clustering())
    assert sorted(found.plane) == [0, 1, 2]
    (u,) = np.flatnonzero(found.plane == 0)
    numbers = unwrap_channels(read_primitives(tmp_path / "a.root"), found.members[u], None)
    assert np.ptp(numbers) == len(local) - 1
    ids, face = match_clusters(found)
    assert ids.tolist() == [0, 0, 0]
    assert face.tolist() == [1, 1, 1]


def test_what_happens_at_once_elsewhere_is_not_matched(tmp_path):
    """Two tracks on one face at one time, 100 cm apart in height: each X has its own U and V."""
    direction = np.array([0.2, 0.6, 0.77])
    low, high = middle_of(0, 0), middle_of(0, 0) + np.array([0.0, 100.0, 40.0])
    rows = primitives_of(low, direction) + primitives_of(high, direction, adc=6000.0, track=2)
    found = find_clusters(read_primitives(write(tmp_path / "a.root", rows)), Clustering())
    assert sorted(found.plane) == [0, 0, 1, 1, 2, 2]
    ids, _ = match_clusters(found)
    track = np.array([int(abs(read_primitives(tmp_path / "a.root").track[m[0]])) for m in found.members])
    assert sorted(ids) == [0, 0, 0, 1, 1, 1]
    for number in (0, 1):
        assert len(set(track[ids == number])) == 1
    assert track[ids == 0][0] == 2  # the brighter one is served first


def test_noise_is_no_cluster_and_particles_are_told_apart(tmp_path):
    """A photon's cluster beside the electron's: each has its own truth, and one is the main track."""
    start = middle_of(3, 0)
    rows = primitives_of(start, np.array([0.0, 0.6, 0.8]), track=1)
    aside = start + np.array([0.0, 30.0, 20.0])
    rows += primitives_of(aside, np.array([0.6, 0.8, 0.0]), length=1.0, track=-4) + noise(1, 200)
    particles, truths = truth_of(1, start, np.array([0.0, 0.012, 0.016]), elastic=False)
    photon, _ = truth_of(1, start, np.array([0.003, 0.0, 0.0]), pdg=22, track=4)
    path = write(tmp_path / "a.root", rows, particles + photon, truths)
    _, events = load(*convert(path, tmp_path / "out"))
    columns = events.columns
    assert len(events) == 2
    assert sorted(columns["is_main_track"]) == [0, 1]
    electron = int(np.argmax(columns["is_main_track"]))
    assert columns["energy"][electron] == pytest.approx(np.hypot(0.02, MASS), rel=1e-5)
    assert columns["energy"][1 - electron] == pytest.approx(0.003, rel=1e-5)
    assert abs(columns["direction_x"][1 - electron]) == pytest.approx(1)
    assert not columns["is_es"].any()
    assert len(set(events.key.tolist())) == 1


def test_files_without_truth_have_no_momentum(tmp_path):
    rows = primitives_of(middle_of(2, 0), np.array([0.0, 0.6, 0.8]))
    path = write(tmp_path / "a.root", rows, drop=("bt_edep", "bt_primary_track_id", "bt_x"))
    _, events = load(*convert(path, tmp_path / "out"), without_momentum="keep")
    assert events.columns["face"].tolist() == [0]
    assert events.columns["energy"].tolist() == [0]
    with pytest.raises(UserError, match="no cluster is left"):
        load(path)


def test_bad_files(tracks, tmp_path, capsys):
    path, _ = tracks
    (tmp_path / "cut.root").write_bytes(path.read_bytes()[:3000])
    refused("cut.root: not a whole ROOT file", tmp_path / "cut.root", tmp_path / "out")
    rows = primitives_of(middle_of(0, 0), np.array([0.0, 0.6, 0.8]))
    refused("has no branch 'adc_peak'", write(tmp_path / "b.root", rows, drop=("adc_peak",)), tmp_path / "out")
    refused("no cluster among 40 trigger primitives", write(tmp_path / "n.root", noise(1)), tmp_path / "out")
    far = [{**row, "channel": 20_000} for row in rows]
    refused("channels of a detector that is not known", write(tmp_path / "f.root", far), tmp_path / "out")
    with uproot.recreate(tmp_path / "other.root") as file:
        file.mktree("tree", {"x": "f4"}).extend({"x": np.zeros(3, "f4")})
    refused("has 0 trees of trigger primitives", tmp_path / "other.root", tmp_path / "out")
    convert(path, tmp_path / "out")
    refused("events_tpstream_planeU.npz: exists already", path, tmp_path / "out")
    for words in (["convert", "trigger_primitives"], ["convert"], ["convert", "trigger_primitives", str(path)]):
        assert main(words) == 2
        assert "missing argument" in capsys.readouterr().err
    assert main(["convert", "trigger_primitive", str(path), "--out", str(tmp_path / "o")]) == 2
    assert "Did you mean 'trigger_primitives'" in capsys.readouterr().err


def test_the_verb_writes_what_it_is_told(tracks, tmp_path, capsys):
    path, _ = tracks
    words = ["convert", "trigger_primitives", str(path), "--out", str(tmp_path), "--width", "32"]
    assert main(words) == 0
    assert "written" in capsys.readouterr().out
    with np.load(tmp_path / "events_tpstream_planeX.npz") as content:
        assert content["images"].shape == (40, 128, 32)
        assert content["metadata"].shape == (40, 18)
    assert OFFSET.shape == (2, 4, 2)
    assert FIRST == (0, 800, 1600)


def test_trees_of_primitives_are_different_data_and_those_of_truth_no_choice(tmp_path):
    path = write(tmp_path / "a.root", noise(5), *truth_of(5, (1.0, 2.0, 3.0), (0.0, 0.0, 0.01)))
    tree = "dump/TriggerPrimitives/maker"
    with uproot.open(path) as file:
        of_0_1 = hashlib.sha256(f"{file.file.uuid}:{path.stat().st_size};".encode()).hexdigest()[:16]
    assert primitives_fingerprint(path) == primitives_fingerprint(Path(f"{path}:{tree}")) == of_0_1
    with uproot.update(path) as file:
        file.mktree("dump/TriggerPrimitives/other", {"x": "f4"}).extend({"x": np.zeros(3, "f4")})
    found = [primitives_fingerprint(Path(f"{path}:dump/TriggerPrimitives/{name}")) for name in ("maker", "other")]
    assert len({*found, of_0_1}) == 3
