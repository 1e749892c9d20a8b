"""The simulator of plane images: what it writes, that nothing but seed and options matters, and that it continues."""

import os

import numpy as np
import pytest
from argon_geometry import project

from app.core.errors import UserError
from datasets.argon.plane_axis import image_moments, principal_axes
from datasets.files.merge import merge
from datasets.simulate.argon import options as argon_options

SMALL = {"name": "plane_images", "events": 60, "shard_size": 25, "seed": 3}
IMAGES = ("images_u", "images_v", "images_x")


@pytest.fixture(scope="module")
def default(simulate, tmp_path_factory):
    out = tmp_path_factory.mktemp("planes")
    return out, simulate(out)


@pytest.fixture(scope="module")
def many(simulate, tmp_path_factory):
    (whole,) = simulate(tmp_path_factory.mktemp("many"), events=1500, shard_size=1500, energy=[10.0, 70.0])
    return whole


def test_shards_have_the_documented_form(default):
    _, shards = default
    assert [len(shard["key"]) for shard in shards] == [25, 25, 10]
    for shard in shards:
        rows = len(shard["key"])
        assert {n: (a.dtype.name, a.shape) for n, a in shard.items() if n != "metadata_json"} == {
            **dict.fromkeys(IMAGES, ("float32", (rows, 128, 16))),
            "metadata": ("float32", (rows, 14)),
            "match_ids": ("int64", (rows,)),
            "neutrino_momentum": ("float32", (rows, 3)),
            "key": ("uint64", (rows,)),
        }
        assert all(shard[name].any(axis=(1, 2)).all() for name in IMAGES)
        assert all((shard[name] >= 0).all() for name in IMAGES)
    assert len(np.unique(np.concatenate([shard["key"] for shard in shards]))) == 60
    assert np.concatenate([shard["match_ids"] for shard in shards]).tolist() == list(range(60))


def test_metadata_are_those_of_elastic_scatters(default):
    columns = default[1][0]["metadata_json"]["columns"]["metadata"]
    table = {name: default[1][0]["metadata"][:, i].astype(float) for i, name in enumerate(columns)}
    assert (table["is_marley"], table["is_main_track"], table["is_es"]) == pytest.approx((1, 1, 1))
    momentum = np.stack([table[name] for name in ("px", "py", "pz")], axis=1)
    energy = 1e3 * np.sqrt((momentum**2).sum(axis=1) + 0.51099895e-3**2)
    assert energy == pytest.approx(table["true_particle_energy"], rel=1e-5)
    assert table["true_particle_energy"].min() > 5.5
    assert (table["plane"] == 2).all()
    assert table["event"].tolist() == table["match_id"].tolist() == list(range(25))
    assert ((table["x"] >= 2) & (table["x"] <= 355)).all()
    neutrino = default[1][0]["neutrino_momentum"].astype(float)
    cosine = (neutrino * momentum).sum(axis=1) / np.linalg.norm(neutrino, axis=1) / np.linalg.norm(momentum, axis=1)
    assert cosine.min() > 0.9


def test_facts_travel_with_every_shard(default):
    metadata = default[1][2]["metadata_json"]
    assert (metadata["dataset"], metadata["generator_version"], metadata["seed"]) == ("plane_images", 1, 3)
    assert (metadata["rows"], metadata["shard"], metadata["frame"]) == (10, 2, "canonical")
    assert metadata["tried"] >= 10
    assert len(metadata["units"]["metadata"]) == 14
    assert metadata["options"]["threshold"] == [70, 70, 60]
    projection = np.array(metadata["conventions"]["projection"])
    assert projection @ [1.0, 2.0, 3.0] == pytest.approx(project(np.array([1.0, 2.0, 3.0])), abs=1e-4)


def test_energy_of_a_cluster_is_about_that_of_the_electron(many):
    """All but what photons carry away from the window."""
    cluster, true = many["metadata"][:, 10], many["metadata"][:, 11]
    assert np.quantile(cluster / true, [0.1, 0.5, 0.9]) == pytest.approx([0.65, 0.92, 1.05], abs=0.12)
    assert np.corrcoef(cluster, true)[0, 1] > 0.75


def test_images_point_where_the_electron_flies(many):
    """The axis of the moments, sign given; every convention that is turned round makes it worse."""
    direction = many["metadata"][:, 7:10] / np.linalg.norm(many["metadata"][:, 7:10], axis=1)[:, None]

    def median(**planes):
        axis = principal_axes({name: image_moments(images) for name, images in planes.items()})
        return np.degrees(np.median(np.arccos(np.abs((axis * direction).sum(axis=1)).clip(0, 1))))

    u, v, x = (many[name] for name in IMAGES)
    right = median(u=u, v=v, x=x)
    assert right < 33
    assert median(u=v, v=u, x=x) > right + 15
    assert median(u=u, x=x[:, :, ::-1]) > median(u=u, x=x) + 8  # beside U and V the X plane is outvoted
    assert median(u=u[:, ::-1], v=v[:, ::-1], x=x[:, ::-1]) > right + 15


def test_images_are_centred(many):
    mean = [moments_of(many[name]) for name in IMAGES]
    assert np.abs(np.median(mean, axis=1) - [63.5, 7.5]).max() < 1


def moments_of(image):
    weight = image.astype(float) / image.sum(axis=(1, 2), dtype=float)[:, None, None]
    return np.stack([weight.sum(axis=2) @ np.arange(128), weight.sum(axis=1) @ np.arange(16)], axis=1)


def test_content_depends_on_seed_shard_and_options_alone(simulate, default, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    monkeypatch.setattr(argon_options, "TASK", 7)
    again = simulate(tmp_path / "again", events=50)
    for i in (0, 1):
        assert all(np.array_equal(again[i][n], default[1][i][n]) for n in again[i] if n != "metadata_json")
    other = simulate(tmp_path / "other", events=25, seed=4)
    assert not np.isin(other[0]["key"], again[0]["key"]).any()
    assert not np.isin(other[0]["metadata"][:, 4], again[0]["metadata"][:, 4]).any()
    wider = simulate(tmp_path / "wider", events=25, width=32)
    assert wider[0]["images_u"].shape == (25, 128, 32)
    assert not np.isin(wider[0]["key"], again[0]["key"]).any()


def test_an_interrupted_generation_continues(simulate, default, tmp_path, interrupt):
    complete, out = default
    interrupt(argon_options, "write_shard", lambda: simulate(tmp_path))
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["shard_00000.npz"]
    simulate(tmp_path)
    for path in sorted(complete.glob("*.npz")):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    assert len(out) == 3


def test_other_options_do_not_mix(simulate, default):
    with pytest.raises(UserError, match="the folder holds shards made with other options"):
        simulate(default[0], kind="cc")


def test_background_rows_are_no_main_tracks(simulate, tmp_path):
    (whole,) = simulate(tmp_path, events=240, shard_size=240, background=0.5, kind="mixed")
    table = whole["metadata"]
    marley, main, es = table[:, 1] == 1, table[:, 2] == 1, table[:, 3] == 1
    assert main.mean() == pytest.approx(0.5, abs=0.13)
    assert (marley & ~main).mean() == pytest.approx(0.25, abs=0.11)
    assert marley[main].all()
    assert 0.3 < es[main].mean() < 0.7
    assert not es[~marley].any()
    assert not whole["neutrino_momentum"][~marley].any()
    photons = table[~main, 11] > 0.6 + 0.511
    assert np.linalg.norm(table[~main][photons, 7:10], axis=1) * 1e3 == pytest.approx(
        table[~main][photons, 11], rel=1e-4
    )
    assert np.median(table[main, 10]) > 3 * np.median(table[~main, 10])


def test_charged_currents_are_not_elastic(simulate, tmp_path):
    (whole,) = simulate(tmp_path, events=50, shard_size=50, kind="cc", energy=[5.0, 10.0])
    assert not whole["metadata"][:, 3].any()
    assert whole["metadata"][:, 11].max() < 10.52
    difference = np.linalg.norm(whole["neutrino_momentum"], axis=1) * 1e3 - whole["metadata"][:, 11] + 0.511
    assert (difference > 1.504 + 2.28).all()
    assert (difference < 1.504 + 6.13).all()


def test_shards_are_merged_with_their_table(default, shard_of, tmp_path):
    merge(sorted(default[0].glob("*.npz")), tmp_path / "all.npz")
    whole = shard_of(tmp_path / "all.npz")
    assert whole["metadata"].shape == (60, 14)
    assert whole["metadata_json"]["rows"] == 60
    assert whole["metadata_json"]["frame"] == "canonical"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"drift": [2.0, 400.0]}, "drift: the drift is too long. Expected <= 363 cm"),
        ({"energy": [5.0, 500.0]}, "energy: electrons are not simulated so high. Expected <= 120 MeV"),
        ({"width": 24}, "width: "),
        ({"events": 1, "threshold": [1e6, 70.0, 60.0]}, "threshold: no cluster of this kind is seen"),
    ],
)
def test_options_that_cannot_be(simulate, options, text, tmp_path):
    with pytest.raises(UserError) as caught:
        simulate(tmp_path / "out", **options)
    assert text in str(caught.value)
