"""Simulated events of the xenon calorimeter: the physics they hold, and that their content is reproducible."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import uproot
from scipy import stats
from xenon_geometry import to_xyz

from app.core.errors import UserError
from app.physics.xenon_calorimeter import EDGES, SENSORS, normals, positions, to_uvw
from datasets import SIMULATORS
from datasets.simulate import photon_sensors
from datasets.simulate.xenon import events as xenon_events
from datasets.simulate.xenon.events import Clock, Light, PileUp, Readout, Setup, Truth
from datasets.simulate.xenon.gammas import Flight, Gammas, Showers, Target, path_to_cylinder
from datasets.simulate.xenon.sensors import NOISY_FACTOR, Quality, draw_channels

PERFECT = {
    "dead": 0.0, "noisy": 0.0, "noise": 0.0, "pile_up": 0.0, "light_spread": 0.0,
    "gain_spread": 0.0, "efficiency_spread": 0.0, "time_resolution": [0.0, 0.0],
}  # fmt: skip


def simulate(out, events=100, **options):
    """Write shards and return all branches."""
    SIMULATORS.parse({"name": "photon_sensors", "events": events, **options}).build(out)
    return uproot.concatenate([f"{path}:tree" for path in sorted(out.glob("*.root"))], library="np")


def written(path):
    with uproot.open(path) as file:
        return json.loads(str(file["metadata"]))


@pytest.fixture(scope="module")
def default(tmp_path_factory):
    out = tmp_path_factory.mktemp("default")
    return out, simulate(out, 250, shard_size=100, seed=7)


@pytest.fixture(scope="module")
def perfect(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("perfect"), 150, **PERFECT)


def test_the_files_have_the_documented_branches(default):
    out, events = default
    assert {name: (a.dtype.name, a.shape) for name, a in events.items()} == {
        "npho": ("float32", (250, SENSORS)),
        "relative_time": ("float32", (250, SENSORS)),
        "emiAng": ("float32", (250, 2)),
        "energyTruth": ("float32", (250,)),
        "timeTruth": ("float64", (250,)),
        "uvwTruth": ("float32", (250, 3)),
        "emiVec": ("float32", (250, 3)),
        "nGamma": ("int32", (250,)),
        "run": ("int32", (250,)),
        "event": ("int32", (250,)),
    }
    metadata = written(out / "shard_00002.root")
    assert (metadata["rows"], metadata["shard"], metadata["seed"]) == (50, 2, 7)
    assert metadata["units"]["energyTruth"] == "GeV"
    assert metadata["options"]["quality"]["dead"] == 0.005
    assert list(events["event"]) == list(range(250))


def test_truth_lies_in_the_acceptance_and_angles_are_those_of_the_vector(default):
    _, events = default
    u, v, w = events["uvwTruth"].T
    assert (np.abs(u) < EDGES.u).all()
    assert (np.abs(v) < EDGES.v).all()
    assert ((w >= 0) & (w < EDGES.depth)).all()
    assert ((events["energyTruth"] >= 0.015) & (events["energyTruth"] <= 0.06)).all()
    assert (np.abs(events["timeTruth"]) <= 1e-8).all()
    theta, phi = np.radians(events["emiAng"].T)
    vector = np.stack([-np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1)
    assert np.allclose(events["emiVec"], vector, atol=1e-6)


def test_gammas_come_from_the_target(default):
    """Back along the direction they cross the foil z = x / tan(15 degrees) within the beam spot."""
    _, events = default
    point, direction = to_xyz(events["uvwTruth"]), events["emiVec"].astype(float)
    slope = 1 / np.tan(np.radians(15))
    path = (point[:, 2] - slope * point[:, 0]) / (direction[:, 2] - slope * direction[:, 0])
    vertex = point - path[:, None] * direction
    usable = np.abs(direction[:, 2] - slope * direction[:, 0]) > 0.5  # others fly along the foil
    assert usable.sum() > 200
    assert (np.abs(vertex[usable, :2]) < 3.01).all()
    assert vertex[usable, 1].std() == pytest.approx(1.0, abs=0.15)


def test_first_interactions_are_exponential_in_depth_and_emission_is_isotropic():
    random = np.random.default_rng(1)
    direction, point, tried = Flight(Target(0.0, 15.0), 3.0).draw(random, 20000)
    path = np.linalg.norm(point, axis=1) - path_to_cylinder(np.zeros_like(point), direction)
    assert stats.kstest(path, "expon", args=(0, 3.0)).pvalue > 1e-4
    assert 20000 <= tried < 40000
    middle = np.abs(direction[:, 2]) < 0.3
    assert stats.kstest(direction[middle, 2], "uniform", args=(-0.3, 0.6)).pvalue > 1e-4
    v = to_uvw(point)[:, 1]
    assert stats.kstest(v, "uniform", args=(-EDGES.v, 2 * EDGES.v)).pvalue > 1e-4


def test_light_is_proportional_to_the_energy_as_far_as_the_depth_allows(tmp_path):
    mean = {}
    for energy in (0.02, 0.06):
        events = simulate(tmp_path / str(energy), 300, energy=[energy, energy], **PERFECT)
        mean[energy] = events["npho"].sum(axis=1).mean() / energy
    assert 0.9 < mean[0.06] / mean[0.02] < 1.0  # longer showers lie deeper, where the nearest sensors cover less
    assert 0.2 < mean[0.06] * 21.6e-9 < 0.5  # the share of all photons that meets a sensor


IDEAL = Quality(0.15, 0.16, 0.0, 0.0, 0.0, 0.0, 0.0)
SHARP = Clock(50.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def lamp():
    """Return npho and times of a point of light that flashes 400 times in transparent xenon."""

    def flash(point, photons, quality=IDEAL, clock=SHARP):
        light = Light(21.6, 0.0, 1e14, 1e14, 1.69, 1)
        pile_up = PileUp(0.0, (0.01, 0.02), (-5e-8, 5e-8), 0.0)
        setup = Setup((0.05, 0.05), (0, 0), Target(1.0, 15.0), 5.0, light, quality, clock, pile_up, 1)
        gammas = Gammas(np.full(400, 0.05), np.zeros(400), np.tile([-1.0, 0, 0], (400, 1)), np.tile(point, (400, 1)))
        source = Showers(gammas.point[:, None], np.full((400, 1), photons), np.full((400, 1), 3e-9))
        readout = Readout(setup, Truth(np.arange(401), gammas, 0), source, np.arange(400, dtype=np.uint64) * 12345)
        blocks = list(readout.blocks())
        return np.concatenate([b[1] for b in blocks]), np.concatenate([b[2] for b in blocks])

    return flash


POINT = np.array([-75.0, 10.0, 5.0])
LINE = POINT - positions()
DISTANCE = np.linalg.norm(LINE, axis=1)
COSINE = (LINE * normals()).sum(axis=1) / DISTANCE
FRONT = np.flatnonzero((COSINE[:4092] > 0.3) & (DISTANCE[:4092] > 8))


def test_light_is_proportional_to_the_photons(lamp):
    some, more = lamp(POINT, 1e7)[0].sum(axis=1), lamp(POINT, 3e7)[0].sum(axis=1)
    assert more.mean() / some.mean() == pytest.approx(3.0, rel=2e-3)


def test_light_falls_as_the_solid_angle(lamp):
    """A point of light: photons A cos / (4 pi d^2) of them meet a sensor, less what grazing light reflects."""
    npho, _ = lamp(POINT, 1e8)
    cosine, distance = COSINE[FRONT], DISTANCE[FRONT]
    expected = 1e8 * 1.44 * cosine / (4 * np.pi * distance**2) * (1 - (1 - cosine) ** 5)
    assert np.allclose(npho[:, FRONT].mean(axis=0), expected, rtol=0.02)
    assert (npho[:, :4092][:, COSINE[:4092] <= 0] == 0).all()


def test_efficiency_sets_the_statistics(lamp):
    """n photoelectrons of efficiency e are n / e photons: variance over mean is 1 / e."""
    npho, _ = lamp(POINT, 1e7)
    tubes = np.flatnonzero((DISTANCE > 20) & (COSINE > 0.3) & (np.arange(SENSORS) >= 4596))
    for sensors, efficiency in ((FRONT, 0.15), (tubes, 0.16)):
        seen = sensors[npho[:, sensors].mean(axis=0) > 0]  # the inner wall hides some tubes
        ratio = npho[:, seen].var(axis=0) / npho[:, seen].mean(axis=0)
        assert ratio.mean() == pytest.approx(1 / efficiency, rel=0.02)
    assert (npho % 0.125 == 0).all()


def test_gains_and_efficiencies_belong_to_the_channel(lamp):
    quality = Quality(0.15, 0.16, 0.1, 0.2, 0.0, 0.0, 0.0)
    found = draw_channels(quality, 1)
    npho, _ = lamp(POINT, 1e8, quality)
    plain, _ = lamp(POINT, 1e8)
    ratio = npho[:, FRONT].mean(axis=0) / plain[:, FRONT].mean(axis=0)
    assert np.allclose(ratio, (found.gain * found.efficiency / found.nominal)[FRONT], atol=0.02)
    assert found.gain.std() == pytest.approx(0.2, rel=0.05)
    assert (found.efficiency / found.nominal).std() == pytest.approx(0.1, rel=0.05)


def test_noise_is_that_of_the_channel(lamp):
    quality = Quality(0.15, 0.16, 0.0, 0.0, 2.0, 0.0, 0.05)
    npho, times = lamp(POINT, 0.0, quality)
    spread = npho.std(axis=0) * draw_channels(quality, 1).nominal / 2.0
    noisy = draw_channels(quality, 1).noise > 2.0
    assert noisy.mean() == pytest.approx(0.05, abs=0.01)
    assert np.allclose(spread[~noisy], 1, atol=0.2)
    assert spread[noisy].mean() == pytest.approx(NOISY_FACTOR, rel=0.02)
    noise_times = times[np.isfinite(times)]
    assert stats.kstest(noise_times, "uniform", args=(-5e-8, 1e-7)).pvalue > 1e-4


def test_light_arrives_at_the_speed_of_light_in_xenon(lamp):
    npho, times = lamp(POINT, 1e8, clock=Clock(50.0, 5e-11, 1e-9))
    expected = 3e-9 + DISTANCE[FRONT] * 1.69 / 2.99792458e10
    assert np.allclose(times[:, FRONT].mean(axis=0), expected, atol=4e-11)
    electrons = npho[:, FRONT].mean(axis=0) * 0.15
    resolution = np.sqrt(5e-11**2 + 1e-9**2 / electrons)
    assert np.allclose(times[:, FRONT].std(axis=0) / resolution, 1, atol=0.2)
    assert np.nanmin(times.mean(axis=0)) == pytest.approx(3e-9 + DISTANCE.min() * 1.69 / 2.99792458e10, abs=5e-11)


def test_little_light_has_no_time(lamp):
    npho, times = lamp(POINT, 1e6)
    assert np.array_equal(np.isnan(times), npho < 50)
    assert 0.1 < np.isnan(times).mean() < 0.99


def test_centroid_follows_the_truth(perfect):
    npho, truth = perfect["npho"], perfect["uvwTruth"]
    centroid = npho @ to_uvw(positions()) / npho.sum(axis=1, keepdims=True)
    correlation = [np.corrcoef(centroid[:, i], truth[:, i])[0, 1] for i in range(3)]
    assert (np.array(correlation) > [0.98, 0.99, 0.9]).all()
    brightest = to_uvw(positions()[np.argmax(npho, axis=1)])
    assert np.median(np.abs(brightest - truth)[:, :2]) < 2.0


def test_the_nearest_sensor_tells_the_time(perfect):
    nearest = np.argmax(perfect["npho"], axis=1)
    time = perfect["relative_time"][np.arange(150), nearest] - perfect["timeTruth"]
    assert (time > 0).all()  # light and shower take time
    assert np.median(time) < 1e-9


def test_dead_channels_are_the_same_in_all_events_and_samples(default, tmp_path):
    dead = np.isnan(default[1]["npho"])
    assert (dead == dead[0]).all()
    assert dead[0].sum() == draw_channels(Quality(0.15, 0.16, 0, 0, 0, 0.005, 0), 1).dead.sum() == 23
    assert np.isnan(default[1]["relative_time"][dead]).all()
    other = simulate(tmp_path / "seed", 2, seed=8)
    assert np.array_equal(np.isnan(other["npho"][0]), dead[0])
    more = simulate(tmp_path / "more", 2, dead=0.05)
    assert np.isnan(more["npho"][0])[dead[0]].all()
    assert not np.array_equal(np.isnan(simulate(tmp_path / "d", 2, detector_seed=2)["npho"][0]), dead[0])


def test_pile_up_and_empty_events(tmp_path):
    options = {**PERFECT, "pile_up": 1.5, "empty": 0.2, "noise": 1.0}
    events = simulate(tmp_path, 400, **options)
    number, light = events["nGamma"], events["npho"].sum(axis=1)
    assert set(number) == {0, 1, 2, 3, 4}
    assert (number == 0).mean() == pytest.approx(0.2, abs=0.08)
    for name in ("emiAng", "energyTruth", "timeTruth", "uvwTruth", "emiVec"):
        missing = np.isnan(events[name].reshape(400, -1))
        assert np.array_equal(missing.all(axis=1), number == 0)
        assert not missing[number > 0].any()
    mean = [light[number == n].mean() for n in range(5)]
    assert abs(mean[0]) < 0.01 * mean[1]
    assert mean[1] < mean[2] < mean[4]


def test_content_depends_on_seed_shard_and_options_alone(default, tmp_path, monkeypatch):
    again = simulate(tmp_path / "again", 200, shard_size=100, seed=7)
    for name, values in again.items():
        assert np.array_equal(values, default[1][name][:200], equal_nan=True), name
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    monkeypatch.setattr(xenon_events, "TASK", 7)
    alone = simulate(tmp_path / "alone", 100, shard_size=100, seed=7)
    assert np.array_equal(alone["npho"], again["npho"][:100], equal_nan=True)
    other = simulate(tmp_path / "other", 100, shard_size=100, seed=8)
    assert not np.isin(other["energyTruth"], again["energyTruth"]).any()
    assert other["run"][0] != again["run"][0]


def test_an_interrupted_generation_continues_and_gives_the_same_data(default, tmp_path, interrupt):
    interrupt(photon_sensors, "write_root_shard", lambda: simulate(tmp_path, 250, shard_size=100, seed=7))
    assert [path.name for path in tmp_path.iterdir()] == ["shard_00000.root"]
    before = (tmp_path / "shard_00000.root").stat().st_mtime_ns
    events = simulate(tmp_path, 250, shard_size=100, seed=7)
    assert (tmp_path / "shard_00000.root").stat().st_mtime_ns == before
    assert all(np.array_equal(values, default[1][name], equal_nan=True) for name, values in events.items())


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_leaves_no_half_shard(tmp_path):
    code = (
        "import pathlib, resource, sys\nfrom datasets import SIMULATORS\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "spec = SIMULATORS.parse({'name': 'photon_sensors', 'events': 300})\n"
        "try:\n    spec.build(pathlib.Path(sys.argv[1]))\n"
        "except OSError as error:\n    print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == f"NotWritten {tmp_path / 'shard_00000.root'}: cannot be written (File too large).\n"
    assert not list(tmp_path.iterdir())


def test_a_shard_that_is_made_again_is_the_same_file_to_the_loader(default, tmp_path):
    from datasets.files import root

    simulate(tmp_path, 250, shard_size=100, seed=7)
    assert root.fingerprint(sorted(tmp_path.iterdir())) == root.fingerprint(sorted(default[0].iterdir()))


def test_other_options_do_not_mix_into_one_folder(default):
    with pytest.raises(UserError, match=r"options\.quality\.dead: the folder holds shards made with other options"):
        simulate(default[0], 250, shard_size=100, seed=7, dead=0.1)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"energy": [0.06, 0.015]}, "energy: the lower end 0.06 lies above the upper end 0.015"),
        ({"target_angle": 0}, "target_angle: not valid"),
        ({"refractive_index": 0.5}, "refractive_index: not valid"),
        ({"deda": 0.1}, "deda: unknown key. Did you mean 'dead'?"),
        ({"time_resolution": [1e-10]}, "time_resolution"),
    ],
)
def test_wrong_options_are_refused(options, text, tmp_path):
    with pytest.raises(UserError) as caught:
        simulate(tmp_path, 1, **options)
    assert text in str(caught.value)
    assert not list(tmp_path.iterdir())
