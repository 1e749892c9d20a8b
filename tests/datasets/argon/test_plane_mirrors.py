"""Mirror images of clusters: the images of a mirrored track are the mirrored images, and labels go with them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from argon_geometry import project

from app.physics.argon.planes import TICKS_PER_CM
from datasets.argon.plane_axis import image_moments, principal_axes
from datasets.argon.plane_mirrors import Mirrors, mirror_images
from datasets.pipeline.events import Events

TICKS = 128
ALL = list(product([False, True], repeat=3))


def tracks(direction, width=16, asymmetry=0.5):
    """Images of straight tracks through the middle of the window, brighter at their ends, on U, V, X."""
    along = np.linspace(-1.5, 1.5, 100)
    seen = project(direction[:, None, :] * along[:, None])
    tick, channel = (np.arange(size) - (size - 1) / 2 for size in (TICKS, width))
    pulses = np.exp(-0.5 * ((tick - seen[..., 3, None]) / 2.8) ** 2)
    images = {}
    for number, plane in enumerate("uvx"):
        share = np.clip(1 - np.abs(channel - seen[..., number, None]), 0, 1) * (1 + asymmetry * along)[:, None]
        images[f"plane_{plane}"] = (pulses.swapaxes(1, 2) @ share).astype(np.float32)
    return images


def some_directions(rows, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(rows, 3))
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


def signs(flips):
    return np.where(flips, -1.0, 1.0)


@pytest.mark.parametrize("flips", ALL)
def test_the_image_of_the_mirrored_track_is_the_mirrored_image(flips):
    directions = some_directions(6)
    expected = tracks(directions * signs(flips))
    found = mirror_images(tracks(directions), flips)
    for name, images in expected.items():
        assert np.abs(found[name] - images).max() < 1e-3 * images.max(), name


def test_what_each_choice_of_planes_allows():
    def choices(planes, *mirrors):
        return set(Mirrors(planes, mirrors).choices)

    assert choices("uvx", "time", "wires") == choices("uv", "time", "wires") == set(ALL)
    assert choices("uvx", "time") == {(False,) * 3, (True, False, False)}
    assert choices("x", "wires") == {(False,) * 3, (False, False, True)}
    for planes in ("u", "v", "ux", "vx"):
        assert choices(planes, "wires") == {(False,) * 3, (False, True, True)}


@pytest.mark.parametrize("planes", ["uvx", "uv", "x", "u", "vx"])
def test_labels_are_mirrored_with_the_images(planes):
    """Each event's images, as they come out, are those of a track in the direction of its label."""
    rows = 64
    directions = some_directions(rows, 1)
    images = {name: image for name, image in tracks(directions).items() if name[-1] in planes}
    columns = {f"direction_{a}": directions[:, i].astype(np.float32) for i, a in enumerate("xyz")}
    columns |= {f"axis_{a}": directions[:, i].astype(np.float32) for i, a in enumerate("xyz")}
    columns |= {f"charge_{p}": images[f"plane_{p}"].sum(axis=(1, 2)) for p in planes}
    columns["position_x"] = np.arange(rows, dtype=np.float32)
    events = Events(images, columns, np.arange(rows, dtype=np.uint64))
    bits = np.random.default_rng(2).integers(0, 2**64, rows, np.uint64)
    found = Mirrors(planes, ("time", "wires"))(events, bits)
    labels = np.stack([found.columns[f"direction_{a}"] for a in "xyz"], axis=-1)
    assert np.abs(labels) == pytest.approx(np.abs(directions), abs=1e-6)
    assert 0.3 < np.mean(labels[:, 0] * directions[:, 0] < 0) < 0.7
    expected = tracks(labels.astype(float))
    for name, values in found.inputs.items():
        assert np.abs(values - expected[name]).max() < 1e-3 * values.max(), name
    for p in planes:
        assert found.columns[f"charge_{p}"] == pytest.approx(found.inputs[f"plane_{p}"].sum(axis=(1, 2)), rel=1e-5)
    assert np.array_equal(found.columns["axis_y"], found.columns["direction_y"])
    assert np.array_equal(found.columns["position_x"], events.columns["position_x"])
    assert np.array_equal(events.inputs[f"plane_{planes[0]}"], images[f"plane_{planes[0]}"])


def test_every_choice_is_as_likely_as_another():
    mirrors = Mirrors("uvx", ("time", "wires"))
    vectors = {f"direction_{a}": np.ones(8000, np.float32) for a in "xyz"}
    images = {f"plane_{p}": np.zeros((8000, 1, 1), np.float32) for p in "uvx"}
    bits = np.random.default_rng(0).integers(0, 2**64, 8000, np.uint64)
    found = mirrors(Events(images, vectors, np.arange(8000, dtype=np.uint64)), bits)
    number = sum((found.columns[f"direction_{a}"] < 0) * 2**i for i, a in enumerate("xyz"))
    assert np.abs(np.bincount(number) - 1000).max() < 5 * np.sqrt(1000)


@pytest.mark.parametrize("planes", ["uvx", "x"])
def test_the_axis_of_the_moments_is_that_of_the_track(planes):
    directions = some_directions(40, 3)
    images = tracks(directions, width=32)
    found = principal_axes({p: image_moments(images[f"plane_{p}"]) for p in planes})
    seen = directions * (1.0, planes != "x", 1.0)
    seen /= np.linalg.norm(seen, axis=1)[:, None]
    cosine = np.abs((found * seen).sum(axis=1))
    assert np.degrees(np.arccos(np.clip(cosine, 0, 1))).max() < 15


def test_the_sign_of_the_axis_is_that_of_the_skewness():
    """Charge that reaches far on one side, as of radiated photons, lies ahead."""
    directions = some_directions(40, 4)
    near = tracks(directions, width=32, asymmetry=0.0)
    ahead = mirror_images(near, (False, False, False))
    blips = {}
    seen = project(directions * 5.0)
    for number, (name, image) in enumerate(ahead.items()):
        image = image.copy()
        t = np.clip(np.rint(seen[:, 3] + 63.5), 0, TICKS - 1).astype(int)
        c = np.clip(np.rint(seen[:, number] + 15.5), 0, 31).astype(int)
        image[np.arange(40), t, c] += 0.1 * image.sum(axis=(1, 2))
        blips[name] = image
    found = principal_axes({p: image_moments(blips[f"plane_{p}"]) for p in "uvx"})
    assert ((found * directions).sum(axis=1) > 0).mean() > 0.9
    opposite = principal_axes({p: image_moments(mirror_images(blips, (True, True, True))[f"plane_{p}"]) for p in "uvx"})
    assert opposite == pytest.approx(-found, abs=1e-3)


def test_moments_are_those_of_the_charge():
    random = np.random.default_rng(5)
    images = random.random((3, TICKS, 16)).astype(np.float32)
    images[2] = 0
    found = image_moments(images)
    t, c = np.meshgrid(np.arange(TICKS) - 63.5, np.arange(16) - 7.5, indexing="ij")
    for row in (0, 1):
        weight = images[row].astype(float)
        assert found.charge[row] == pytest.approx(weight.sum(), rel=1e-5)
        dt, dc = t - (weight * t).sum() / weight.sum(), c - (weight * c).sum() / weight.sum()
        second = [(weight * p).sum() / weight.sum() for p in (dt * dt, dt * dc, dc * dc)]
        third = [(weight * p).sum() / weight.sum() for p in (dt**3, dt * dt * dc, dt * dc * dc, dc**3)]
        assert found.second[row] == pytest.approx(second, rel=1e-4, abs=1e-3)
        assert found.third[row] == pytest.approx(third, rel=1e-3, abs=0.1)
    assert found.charge[2] == 0
    assert np.isnan(principal_axes({"x": found})[2]).all()
    assert pytest.approx(12.455) == TICKS_PER_CM
