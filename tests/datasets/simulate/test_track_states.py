import logging
import re

import numpy as np
import pytest

from app.core.errors import UserError, WirechamberError
from app.physics.fields.gaussian_dipole import GaussianDipole
from app.physics.fields.two_dipoles import TwoDipoles
from app.physics.runge_kutta import rk4

SMALL = {"name": "track_states", "tracks": 2500, "shard_size": 1000, "seed": 7}


def check_ends(shard, field, tolerance=2e-3):
    """What is stored at the end is what 400 steps give from what is stored at the beginning, to float32."""
    x = shard["X"].astype(np.float64)
    end = np.stack(rk4(field, tuple(x[:, :4].T), x[:, 4], shard["Z"][:, 0].astype(float), x[:, 5], 400), axis=1)
    assert np.abs(end - shard["Y"])[:, :2].max() < tolerance
    assert np.abs(end - shard["Y"])[:, 2:].max() < 1e-6


@pytest.fixture(scope="module")
def default(simulate, tmp_path_factory):
    out = tmp_path_factory.mktemp("default")
    return out, simulate(out)


def test_shards_hold_the_asked_tracks_in_the_documented_form(default):
    _, shards = default
    assert [len(shard["X"]) for shard in shards] == [1000, 1000, 500]
    for shard in shards:
        rows = len(shard["X"])
        assert {n: (a.dtype.name, a.shape) for n, a in shard.items() if n != "metadata"} == {
            "X": ("float32", (rows, 6)),
            "Y": ("float32", (rows, 4)),
            "P": ("float32", (rows,)),
            "Z": ("float32", (rows, 2)),
            "key": ("uint64", (rows,)),
        }
        assert np.allclose(np.abs(shard["X"][:, 4]) * shard["P"], 1, rtol=1e-6)
        assert (shard["Z"] == [2665, 7826]).all()
        assert (shard["X"][:, 5] == 5161).all()
        assert (np.abs(shard["X"][:, :4]) <= np.float32([300, 250, 0.3, 0.25])).all()
        assert ((shard["P"] >= 2) & (shard["P"] <= 100)).all()
    assert len(np.unique(np.concatenate([shard["key"] for shard in shards]))) == 2500


def test_ends_are_those_of_the_equation_of_motion(default):
    check_ends(default[1][0], GaussianDipole())


def test_momentum_is_log_uniform_and_charges_are_alike(default):
    p = np.concatenate([shard["P"] for shard in default[1]])
    share = np.log(p / 2) / np.log(50)
    assert np.abs(np.sort(share) - np.linspace(0, 1, len(p))).max() < 1.63 / np.sqrt(len(p))
    charge = np.sign(np.concatenate([shard["X"][:, 4] for shard in default[1]]))
    assert abs(charge.sum()) < 4 * np.sqrt(len(p))


def test_metadata_travel_with_every_shard(default):
    metadata = default[1][2]["metadata"]
    assert metadata["field"] == {
        "name": "gaussian_dipole",
        "peak": -1.0182,
        "center": 5007.0,
        "sigma": 1744.0,
        "maxwell": False,
    }
    assert metadata["units"]["X"] == ["mm", "mm", "1", "1", "1/GeV", "mm"]
    assert (metadata["z_start"], metadata["z_end"], metadata["dz"], metadata["seed"]) == (2665.0, 7826.0, None, 7)
    assert (metadata["rows"], metadata["shard"], metadata["generator_version"]) == (500, 2, 1)
    assert sum(entry["survived"] for entry in metadata["momentum_bins"]) == 500
    assert [entry["range"] for entry in metadata["momentum_bins"]] == [[2, 5], [5, 10], [10, 20], [20, 50], [50, 100]]
    assert 20 <= metadata["steps"] <= 60


def test_content_depends_on_seed_shard_and_options_alone(simulate, default, tmp_path):
    again = simulate(tmp_path / "again", tracks=2000)
    assert all(np.array_equal(again[i][n], default[1][i][n]) for i in (0, 1) for n in ("X", "Y", "key"))
    other = simulate(tmp_path / "other", tracks=1000, seed=8)
    assert not np.isin(other[0]["key"], again[0]["key"]).any()
    assert not np.isin(other[0]["X"][:, 0], again[0]["X"][:, 0]).all()
    harder = simulate(tmp_path / "harder", tracks=1000, momentum=[5.0, 100.0])
    assert not np.isin(harder[0]["key"], again[0]["key"]).any()


def test_an_interrupted_generation_continues_and_gives_the_same_data(simulate, default, tmp_path, interrupt):
    from datasets.simulate.tracks import generator

    interrupt(generator, "write_shard", lambda: simulate(tmp_path))
    first = (tmp_path / "shard_00000.npz").stat().st_mtime_ns
    shards = simulate(tmp_path)
    assert (tmp_path / "shard_00000.npz").stat().st_mtime_ns == first
    assert all(np.array_equal(a[n], b[n]) for a, b in zip(shards, default[1], strict=True) for n in ("X", "Y", "key"))


def test_more_tracks_are_added_to_a_finished_folder(simulate, tmp_path):
    simulate(tmp_path, tracks=1000)
    assert [len(shard["X"]) for shard in simulate(tmp_path, tracks=1500)] == [1000, 500]
    with pytest.raises(UserError, match="holds 2 shards where 1 are asked for"):
        simulate(tmp_path, tracks=700)


def test_a_folder_with_other_options_is_refused(simulate, tmp_path):
    simulate(tmp_path, tracks=100)
    before = (tmp_path / "shard_00000.npz").read_bytes()
    with pytest.raises(UserError, match=r"shard_00000.npz.field.peak: the folder holds shards made with other options"):
        simulate(tmp_path, tracks=100, field={"name": "gaussian_dipole", "peak": -1.0})
    with pytest.raises(UserError, match=r"options.x"):
        simulate(tmp_path, tracks=100, x=[-1.0, 1.0])
    assert (tmp_path / "shard_00000.npz").read_bytes() == before


def test_a_damaged_shard_is_named(simulate, tmp_path):
    (tmp_path / "shard_00000.npz").write_bytes(b"PK not an npz")
    with pytest.raises(UserError, match=r"shard_00000.npz: truncated or not an npz file"):
        simulate(tmp_path, tracks=100)


def test_varying_z_start_and_length(simulate, tmp_path):
    (shard,) = simulate(tmp_path, tracks=500, z_start=[2000.0, 3000.0], dz=[1000.0, 5000.0], field="two_dipoles")
    assert np.ptp(shard["Z"][:, 0]) > 900
    assert np.allclose(shard["Z"][:, 1] - shard["Z"][:, 0], shard["X"][:, 5])
    assert shard["X"][:, 5].min() < 1100
    assert shard["X"][:, 5].max() > 4900
    check_ends(shard, TwoDipoles())
    assert shard["metadata"]["z_start"] == [2000.0, 3000.0]


def test_backward(simulate, tmp_path):
    (shard,) = simulate(tmp_path, tracks=200, z_start=7826.0, dz=-5161.0)
    assert (shard["Z"] == [7826, 2665]).all()
    check_ends(shard, GaussianDipole())


def test_z_end_and_dz_together_are_refused(simulate, tmp_path):
    with pytest.raises(UserError, match="dz: both z_end and dz are given"):
        simulate(tmp_path, z_end=7000.0, dz=100.0)


def test_rejected_tracks_are_counted(simulate, tmp_path):
    (shard,) = simulate(tmp_path, tracks=500, momentum=[1.0, 2.0])
    metadata = shard["metadata"]
    assert metadata["rejected"]["slope"] > 0
    assert metadata["tried"] - sum(metadata["rejected"].values()) == 500
    assert [e["range"] for e in metadata["momentum_bins"]] == [[1, 2]]
    assert metadata["momentum_bins"][0] == {"range": [1, 2], "tried": metadata["tried"], "survived": 500}
    assert (np.abs(shard["Y"]) <= [5000, 5000, 2, 2]).all()


def test_a_momentum_bin_without_survivors_is_an_error(simulate, tmp_path):
    with pytest.raises(UserError, match=r"momentum: \d+ of 1024 tracks from 0.5 to 1 GeV survive"):
        simulate(tmp_path, momentum=[0.5, 100.0])
    assert not list(tmp_path.iterdir())


def test_tracks_that_leave_the_map_are_counted_and_warned_about(simulate, tmp_path, caplog):
    axes = (np.linspace(-300, 300, 4), np.linspace(-300, 300, 4), np.linspace(2665, 7826, 5))
    values = np.zeros((4, 4, 5, 3))
    values[..., 1] = -0.01
    np.savez(tmp_path / "map.npz", x_mm=axes[0], y_mm=axes[1], z_mm=axes[2], B_T=values)
    with caplog.at_level(logging.WARNING):
        (shard,) = simulate(
            tmp_path / "out", tracks=200, field={"name": "map", "file": str(tmp_path / "map.npz")}, accuracy=10.0
        )
    outside = shard["metadata"]["outside_field_map"]
    assert 100 < outside <= 200
    assert f"{outside} of 200 tracks left the field map, the field is zero there" in caplog.text
    assert len(shard["metadata"]["field_sha256"]) == 64


def test_tracks_that_leave_a_map_by_its_sides_are_named_where_they_prevent_the_accuracy(
    simulate, tmp_path, monkeypatch
):
    monkeypatch.setattr("app.physics.propagation.MOST_STEPS", 16)
    axis, z = np.array([-700.0, 700.0]), np.array([2665.0, 7826.0])
    values = np.zeros((2, 2, 2, 3))
    values[..., 1] = -0.1
    np.savez(tmp_path / "map.npz", x_mm=axis, y_mm=axis, z_mm=z, B_T=values)
    field = {"name": "map", "file": str(tmp_path / "map.npz")}
    with pytest.raises(UserError) as error:
        simulate(tmp_path / "out", tracks=20, field=field)
    left = r"^accuracy: cannot be reached: (\d+) of 5120 tracks left the field map, the field is zero there\. "
    assert re.match(left + r"Expected an accuracy that 16 steps reach; this field gives", str(error.value))
    gives = re.search(
        r"gives (\S+) mm there, and (\S+) mm for tracks that stay inside, which narrower", str(error.value)
    )
    assert float(gives[1]) > 1e-2 > 1e-4 > float(gives[2])


def test_a_full_disk_is_one_clear_line_and_leaves_finished_shards_whole(simulate, shard_of, small_disk):
    with pytest.raises(
        WirechamberError, match=r"shard_00001.npz: cannot be written \(No space left on device\)"
    ) as error:
        simulate(small_disk)
    assert not isinstance(error.value, UserError)
    assert [path.name for path in small_disk.iterdir()] == ["shard_00000.npz"]
    assert len(shard_of(small_disk / "shard_00000.npz")["X"]) == 1000
