"""Simulated events of the muon spectrometer: branches, resolutions, efficiency, noise, reproducibility."""

import json
import os

import awkward as ak
import numpy as np
import pytest
import uproot
from scipy import stats

from app.cli import main
from app.core.errors import UserError
from app.physics.muon_spectrometer import CSC, MDT, MM, RPC, STATIONS, STGC, TGC, layers
from datasets import SIMULATORS
from datasets.simulate import muon_hits
from datasets.simulate.engine.random_streams import Streams
from datasets.simulate.muons import events as muon_events
from datasets.simulate.muons.flight import Chambers
from datasets.simulate.muons.hits import LayerHits, measure_hits

IDEAL = {
    "efficiency": 1.0, "noise": 0.0, "calorimeter_thickness": 0.0, "station_thickness": 0.0, "energy_loss": 0.0,
    "vertex_spread": [0.0, 0.0], "two_muons": 0.0,
}  # fmt: skip
BRANCHES = (
    *("globEdgeHighX", "globEdgeHighY", "globEdgeHighZ", "globEdgeLowX", "globEdgeLowY", "globEdgeLowZ", "time"),
    *("driftR", "covXX", "covXY", "covYX", "covYY", "readOutSide", "channel", "layer", "stationPhi", "stationEta"),
    *("stationIndex", "technology", "truthLink"),
)


def simulate(out, events=200, **options):
    """Write shards and return all branches."""
    SIMULATORS.parse({"name": "muon_hits", "events": events, **options}).build(out)
    return uproot.concatenate([f"{path}:MuonHitDump" for path in sorted(out.glob("*.root"))])


@pytest.fixture(scope="module")
def default(tmp_path_factory):
    out = tmp_path_factory.mktemp("default")
    return out, simulate(out, 500, shard_size=200, seed=7)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Muons on straight lines from the origin, each layer hit."""
    return simulate(tmp_path_factory.mktemp("straight"), 500, field_scale=0.0, **IDEAL)


def hits(events, name):
    return ak.to_numpy(ak.flatten(events[f"spacePoint_{name}"])).astype(float)


def truth(events, name):
    """The truth of the only muon of each hit's event."""
    value = ak.flatten(events[f"truthMuon_{name}"])
    return ak.to_numpy(ak.flatten(ak.broadcast_arrays(value, events["spacePoint_time"])[0])).astype(float)


def test_the_files_have_the_documented_branches(default):
    out, events = default
    with uproot.open(out / "shard_00002.root") as file:
        tree = file["MuonHitDump"]
        kinds = {name: branch.interpretation for name, branch in tree.items()}
        metadata = json.loads(str(file["metadata"]))
    assert set(kinds) == {
        *(f"spacePoint_{name}" for name in BRANCHES), *(f"truthMuon_{name}" for name in ("pt", "eta", "phi", "q")),
        "nspacePoint", "ntruthMuon", "eventNumber", "runNumber",
    }  # fmt: skip
    integers = [name for name, kind in kinds.items() if "i4" in str(kind)]
    assert {f"spacePoint_{name}" for name in BRANCHES[12:]} < set(integers)
    assert "f4" in str(kinds["spacePoint_driftR"])
    assert (metadata["rows"], metadata["shard"], metadata["seed"]) == (100, 2, 7)
    assert metadata["options"]["source"]["pt"] == [5.0, 200.0]
    assert list(events["eventNumber"]) == list(range(500))
    assert len(set(events["runNumber"].tolist())) == 1


def test_truth_is_as_asked(tmp_path):
    events = simulate(tmp_path / "log", 1500, two_muons=0.4, noise=0.0, seed=3)
    number = ak.num(events["truthMuon_pt"])
    assert set(number) == {1, 2}
    assert np.mean(number == 2) == pytest.approx(0.4, abs=0.04)
    pt, eta, phi, q = (ak.to_numpy(ak.flatten(events[f"truthMuon_{name}"])) for name in ("pt", "eta", "phi", "q"))
    assert stats.kstest(np.log(pt), "uniform", args=(np.log(5), np.log(40))).pvalue > 1e-3
    assert stats.kstest(eta, "uniform", args=(-2.7, 5.4)).pvalue > 1e-3
    assert stats.kstest(phi, "uniform", args=(-np.pi, 2 * np.pi)).pvalue > 1e-3
    assert set(q) == {-1, 1}
    assert abs(q.mean()) < 0.06
    pt = ak.to_numpy(ak.flatten(simulate(tmp_path / "inverse", 1500, spectrum="inverse", noise=0.0)["truthMuon_pt"]))
    assert stats.kstest(1 / pt, "uniform", args=(1 / 200, 1 / 5 - 1 / 200)).pvalue > 1e-3


def test_almost_all_muons_have_hits_and_links_are_right(default):
    """A hit of muon i lies at its azimuth; noise does not."""
    _, events = default
    link = hits(events, "truthLink").astype(int)
    counts = ak.num(events["spacePoint_time"])
    row = np.repeat(np.arange(500), counts)
    muons = ak.to_numpy(ak.num(events["truthMuon_pt"]))
    assert set(link) == {-1, 0, 1}
    assert (link < muons[row]).all()
    signal = {(event, number) for event, number in zip(row, link, strict=True) if number >= 0}
    assert len(signal) == muons.sum()
    place = np.arctan2(*(hits(events, f"globEdgeHigh{axis}") + hits(events, f"globEdgeLow{axis}") for axis in "YX"))
    start = np.cumsum(muons) - muons
    phi = ak.to_numpy(ak.flatten(events["truthMuon_phi"]))[start[row] + np.maximum(link, 0)]
    away = np.abs((place - phi + np.pi) % (2 * np.pi) - np.pi)
    assert (away[link >= 0] < np.pi / 16 + 0.15).all()
    assert np.median(away[link < 0]) > 1.0


def test_noise_and_efficiency_are_as_asked(tmp_path):
    noise = simulate(tmp_path / "noise", 2000, noise=7.0, efficiency=0.0)
    number = ak.to_numpy(ak.num(noise["spacePoint_time"]))
    assert number.mean() == pytest.approx(7.0, abs=0.25)
    assert number.var() == pytest.approx(7.0, rel=0.15)
    assert ak.all(noise["spacePoint_truthLink"] == -1)
    assert stats.chisquare(np.bincount(hits(noise, "stationPhi").astype(int))[1:]).pvalue > 1e-3
    options = {**IDEAL, "seed": 4, "field_scale": 0.0}
    full = simulate(tmp_path / "full", 500, **options)
    some = simulate(tmp_path / "some", 500, **{**options, "efficiency": 0.8})
    # Other options are other events: numbers of hits agree on average.
    ratio = ak.mean(ak.num(some["spacePoint_time"])) / ak.mean(ak.num(full["spacePoint_time"]))
    assert ratio == pytest.approx(0.8, abs=0.03)
    # In the middle of the barrel's inner station each muon makes all eight hits.
    central = np.abs(ak.to_numpy(ak.flatten(full["truthMuon_eta"]))) < 0.9
    inner = ak.to_numpy(ak.sum(full["spacePoint_stationIndex"] == 0, axis=1))
    assert set(inner[central]) == {8}
    inner = ak.to_numpy(ak.sum(some["spacePoint_stationIndex"] == 0, axis=1))
    central = np.abs(ak.to_numpy(ak.flatten(some["truthMuon_eta"]))) < 0.9
    assert inner[central].mean() == pytest.approx(6.4, abs=0.35)
    assert inner[central].var() == pytest.approx(8 * 0.8 * 0.2, rel=0.35)


def line(events):
    """Return the ends of all channels and the muons' directions, (3, M)."""
    low, high = (np.stack([hits(events, f"globEdge{end}{axis}") for axis in "XYZ"]) for end in ("Low", "High"))
    eta, phi = truth(events, "eta"), truth(events, "phi")
    return low, high, np.stack([np.cos(phi), np.sin(phi), np.sinh(eta)]) / np.cosh(eta)


def test_residuals_to_straight_muons_are_those_of_the_technology(straight):
    """The distance of the muon's line to the line of the channel, less the drift radius."""
    low, high, direction = line(straight)
    along = (high - low) / np.linalg.norm(high - low, axis=0)
    normal = np.cross(direction, along, axis=0)
    distance = np.abs((low * normal).sum(axis=0)) / np.linalg.norm(normal, axis=0)
    technology, drift = hits(straight, "technology"), hits(straight, "driftR")
    tubes = technology == MDT
    residual = (drift - distance)[tubes & (distance > 0.5)]
    assert residual.std() == pytest.approx(0.080, rel=0.04)
    assert abs(residual.mean()) < 0.004
    assert ((drift > 0) == tubes).all()
    assert (drift <= 15).all()
    assert np.allclose(hits(straight, "covXX")[tubes], 0.08**2)


EXPECTED = {(MM, False): 0.1, (CSC, False): 0.06, (CSC, True): 5.0, (STGC, False): 0.15}


@pytest.mark.parametrize("layer", {layer.readout: layer for layer in layers()}.values(), ids=str)
def test_each_readout_measures_with_its_own_resolution(layer):
    """The channel's line against the true crossing, one layer by itself."""
    count, random = 4000, np.random.default_rng(1)
    eta = random.uniform(layer.low + 1, layer.high - 1, count)
    phi = random.uniform(-300, 300, count)
    streams = Streams(np.arange(count, dtype=np.uint64))
    chambers = Chambers.of(np.full(count, 5), np.ones(count))  # sector 5 is centred on y
    crossings = LayerHits(eta, phi, np.ones(count), np.full(count, 30.0), np.zeros(count, int), chambers, streams)
    hit = measure_hits(layer, crossings)
    ends = [np.stack([hit[f"globEdge{end}{axis}"] for axis in "XYZ"]) for end in ("Low", "High")]
    barrel = STATIONS[layer.station].barrel
    low, high = ({"phi": -x, "eta": z if barrel else y, "normal": y if barrel else z} for x, y, z in ends)
    assert np.allclose(low["normal"], layer.distance)
    across, along, true = ("phi", "eta", (phi, eta)) if layer.readout.phi else ("eta", "phi", (eta, phi))
    assert np.allclose(low[across], high[across], atol=1e-9)
    assert ((low[along] <= true[1]) & (true[1] <= high[along])).all()
    residual = low[across] - true[0]
    key = layer.readout.technology, layer.readout.phi
    if layer.readout.technology == MDT:
        assert np.abs(residual).max() <= 15.0
        assert (np.abs(residual) - hit["driftR"]).std() == pytest.approx(0.08, rel=0.06)
    elif layer.readout.resolution:
        assert residual.std() == pytest.approx(EXPECTED[key], rel=0.05)
    else:
        assert np.abs(residual).max() <= layer.readout.pitch / 2 + 1e-9
        assert residual.std() == pytest.approx(layer.readout.pitch / np.sqrt(12), rel=0.04)
        assert {RPC: 30, TGC: 20 + 10 * layer.readout.phi, STGC: 80}[key[0]] == layer.readout.pitch
    assert np.allclose(hit["covXX"], layer.readout.sigma**2)
    assert np.allclose(hit["covYY"], (high[along] - low[along]) ** 2 / 12)
    readout = high if hit["readOutSide"][0] > 0 else low
    expected = 30.0 + np.abs(readout[along] - true[1]) / 200.0 + hit["driftR"] * 700 / 15
    assert (hit["time"] - expected).std() == pytest.approx(layer.readout.time, rel=0.05)
    assert hit["channel"].min() >= 1


DIGITAL = [layer for layer in layers() if not layer.readout.resolution or layer.readout.technology == MDT]


@pytest.mark.parametrize("layer", {layer.readout: layer for layer in DIGITAL}.values(), ids=str)
def test_a_channel_of_a_chamber_is_one_place(layer):
    """(channel, stationEta) and the two ends tell each other: as many of one as of the other, and of both together."""
    random, count = np.random.default_rng(1), 4000
    eta, phi = random.uniform(layer.low, layer.high, count), random.uniform(-250, 250, count)
    eta = eta * random.choice([-1, 1], count) if STATIONS[layer.station].barrel else eta
    streams = Streams(np.arange(count, dtype=np.uint64))
    chambers = Chambers.of(np.ones(count, int), np.ones(count))
    hit = measure_hits(layer, LayerHits(eta, phi, np.ones(count), phi, np.zeros(count, int), chambers, streams))
    names = np.stack([hit["channel"], hit["stationEta"]])
    places = np.round(np.stack([hit[f"globEdge{end}{axis}"] for end in ("Low", "High") for axis in "XYZ"]), 3) + 0.0
    number = [len(np.unique(part, axis=1).T) for part in (names, places, np.concatenate([names, places]))]
    assert number[0] == number[1] == number[2] > 10


def test_time_of_flight_is_that_of_light(straight):
    """Trigger chambers: what is left after the way along the strip is the distance over c."""
    low, high, _ = line(straight)
    chosen = hits(straight, "technology") == RPC
    end = np.where(hits(straight, "readOutSide") > 0, high, low)
    eta, phi = truth(straight, "eta"), truth(straight, "phi")
    sector = (hits(straight, "stationPhi") - 1) * np.pi / 8
    plane = low[0] * np.cos(sector) + low[1] * np.sin(sector)
    r = plane / np.cos(phi - sector)
    place = np.stack([r * np.cos(phi), r * np.sin(phi), r * np.sinh(eta)])
    along = (high - low) / np.linalg.norm(high - low, axis=0)
    signal = np.abs(((end - place) * along).sum(axis=0)) / 200.0
    left = hits(straight, "time") - signal - r * np.cosh(eta) / 299.792458
    assert left[chosen].std() == pytest.approx(1.5, rel=0.05)
    assert abs(left[chosen].mean()) < 0.1


def test_positive_muons_bend_to_larger_eta(tmp_path):
    """Outer against inner station: the direction from the inner to the outer hits minus that to the inner ones."""
    events = simulate(tmp_path, 400, pt=[20, 20], **IDEAL)
    inner = ak.any(events["spacePoint_stationIndex"] == 0, axis=1)
    outer = ak.any(events["spacePoint_stationIndex"] == 2, axis=1)
    events = events[inner & outer]

    def mean(station):
        z = (events["spacePoint_globEdgeLowZ"] + events["spacePoint_globEdgeHighZ"]) / 2
        tubes = (events["spacePoint_stationIndex"] == station) & (events["spacePoint_technology"] == MDT)
        return ak.to_numpy(ak.mean(z[tubes], axis=1))

    bend = mean(2) - 2 * mean(0)
    assert len(bend) > 50
    assert (np.sign(bend) == ak.to_numpy(events["truthMuon_q"][:, 0])).all()


def test_sectors_are_alike(tmp_path):
    events = simulate(tmp_path, 1600, noise=0.0)
    sector = hits(events, "stationPhi").astype(int)
    per_muon = sector[np.cumsum(ak.to_numpy(ak.num(events["spacePoint_time"])))[:-1] - 1]
    assert stats.chisquare(np.bincount(per_muon, minlength=17)[1:]).pvalue > 1e-3


def same(one, other):
    return all(ak.array_equal(one[name], other[name], equal_nan=True) for name in one.fields)


def test_an_event_depends_on_its_key_alone(default, tmp_path, monkeypatch):
    _, events = default
    assert same(simulate(tmp_path / "one", 220, shard_size=300, seed=7), events[:220])
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    monkeypatch.setattr(muon_events, "BLOCK", 53)
    assert same(simulate(tmp_path / "blocks", 220, shard_size=110, seed=7), events[:220])
    other = simulate(tmp_path / "other", 50, seed=8)
    assert not set(ak.flatten(other["truthMuon_pt"]).tolist()) & set(ak.flatten(events["truthMuon_pt"]).tolist())
    assert other["runNumber"][0] != events["runNumber"][0]


def test_an_interrupted_generation_continues_and_gives_the_same_data(default, tmp_path, interrupt):
    interrupt(muon_hits, "write_root_shard", lambda: simulate(tmp_path, 500, shard_size=200, seed=7))
    assert [path.name for path in tmp_path.iterdir()] == ["shard_00000.root"]
    before = (tmp_path / "shard_00000.root").stat().st_mtime_ns
    assert same(simulate(tmp_path, 500, shard_size=200, seed=7), default[1])
    assert (tmp_path / "shard_00000.root").stat().st_mtime_ns == before


def test_events_without_hits_can_be_written(tmp_path):
    events = simulate(tmp_path, 20, noise=0.0, efficiency=0.0)
    assert ak.to_numpy(ak.num(events["spacePoint_time"])).sum() == 0
    assert ak.to_numpy(ak.num(events["truthMuon_pt"])).min() == 1


@pytest.mark.parametrize("options", [{"pt": [3.1, 4], "field_scale": 2.0}, {"pt": [5, 5], "eta": [0, 0]}])
def test_absorbed_and_curling_muons_give_no_warnings(tmp_path, options):
    events = simulate(tmp_path, 300, noise=0.0, **options)
    assert np.isfinite(hits(events, "time")).all()


def test_other_options_do_not_mix_into_one_folder(default):
    with pytest.raises(UserError, match=r"options\.noise: the folder holds shards made with other options"):
        simulate(default[0], 500, shard_size=200, seed=7, noise=1.0)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"pt": [200, 5]}, "pt: the lower end 200.0 lies above the upper end 5.0"),
        (
            {"pt": [2, 5]},
            "pt: muons that lose 3 GeV in the calorimeter stop there at eta = 0. Expected a range above 3",
        ),
        ({"eta": [-3, 3]}, "eta: beyond the detector. Expected a range within -2.7 to 2.7"),
        ({"efficiency": 1.5}, "efficiency: not valid"),
        ({"noise": -1}, "noise: not valid"),
        ({"two_muon": 0.5}, "two_muon: unknown key. Did you mean 'two_muons'?"),
        ({"spectrum": "flat"}, "spectrum"),
    ],
)
def test_wrong_options_are_refused(options, text, tmp_path):
    with pytest.raises(UserError) as caught:
        simulate(tmp_path, 1, **options)
    assert text in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_verb_writes_the_shards(tmp_path, capsys):
    assert main(["simulate", "muon_hits", "--out", str(tmp_path / "muons"), "--events", "30", "--noise", "2"]) == 0
    with uproot.open(tmp_path / "muons" / "shard_00000.root") as file:
        assert file["MuonHitDump"].num_entries == 30
    assert main(["simulate", "muon_hits", "--out", str(tmp_path / "no"), "--events", "3", "--eta", "0", "4"]) == 2
    assert "eta: beyond the detector" in capsys.readouterr().err
