import numpy as np
import pytest

from app.core.errors import UserError
from app.physics.fields.gaussian_dipole import GaussianDipole
from app.physics.harmonic_file import HarmonicFile, SeenRegion
from app.physics.harmonic_modes import HarmonicModes
from app.physics.runge_kutta import rk4
from datasets.simulate.tracks.resampling import Resampling

Z = 2665.0, 7826.0


def start_states(count=400, seed=1):
    """Tracks from the origin that a fringe field has moved by charge over momentum: x depends on tx and q/p."""
    random = np.random.default_rng(seed)
    tx, ty = random.uniform(-0.3, 0.3, count), random.uniform(-0.2, 0.2, count)
    qop = random.choice([-1.0, 1.0], count) / np.exp(random.uniform(np.log(2), np.log(100), count))
    return np.column_stack([2665 * tx + 300 * qop, 2665 * ty, tx, ty, qop, np.full(count, Z[1] - Z[0])])


def write_starts(path, states):
    np.savez(path, X=states, Z=np.broadcast_to(Z, (len(states), 2)))
    return str(path)


@pytest.fixture
def drawn(tmp_path):
    """Return the file's states and 20,000 tracks drawn like them."""
    states = start_states()
    tracks = Resampling.of_file(write_starts(tmp_path / "s.npz", states), 1.0).draw(np.random.default_rng(2), 20_000)
    return states, tracks


def test_tracks_keep_the_relations_between_the_columns(drawn):
    _states, tracks = drawn
    missed = tracks.state[:, 0] - 2665 * tracks.state[:, 2] - 300 * tracks.qop
    assert np.abs(missed).max() < 1e-3
    assert np.abs(tracks.state[:, 1] - 2665 * tracks.state[:, 3]).max() < 1e-3


def test_tracks_are_new_and_as_wide_as_those_of_the_file(drawn):
    states, tracks = drawn
    assert len(np.unique(tracks.state[:, 2])) > 19_000
    for new, old in ((tracks.state[:, 2], states[:, 2]), (np.log(tracks.p), -np.log(np.abs(states[:, 4])))):
        assert new.std() == pytest.approx(old.std(), rel=0.08)
        assert old.min() - 1e-6 <= new.min() <= new.max() <= old.max() + 1e-6
    assert (tracks.qop > 0).mean() == pytest.approx((states[:, 4] > 0).mean(), abs=0.02)
    assert np.allclose(tracks.p * np.abs(tracks.qop), 1)


def test_without_smear_the_states_are_those_of_the_file(tmp_path):
    states = start_states()
    tracks = Resampling.of_file(write_starts(tmp_path / "s.npz", states), 0.0).draw(np.random.default_rng(2), 1000)
    known = {tuple(row) for row in states[:, :4].astype(np.float32)}
    assert {tuple(row) for row in tracks.state} <= known


SMALL = {"name": "resampled_tracks", "tracks": 300, "field": "gaussian_dipole", "accuracy": 0.1, "seed": 3}


def test_shards_are_those_of_track_states(simulate, tmp_path):
    like = write_starts(tmp_path / "starts.npz", start_states())
    shard = simulate(tmp_path / "out", like=like)[0]
    x = shard["X"].astype(np.float64)
    end = np.stack(rk4(GaussianDipole(), tuple(x[:, :4].T), x[:, 4], Z[0], x[:, 5], 100), axis=1)
    assert np.abs(end - shard["Y"])[:, :2].max() < 0.1
    facts = shard["metadata"]
    assert (facts["dataset"], facts["z_start"], facts["z_end"], facts["rows"]) == ("track_states", *Z, 300)
    assert facts["options"]["smear"] == 1.0
    with pytest.raises(UserError, match=r"options.like: the folder holds shards made with other options"):
        simulate(tmp_path / "out", like=write_starts(tmp_path / "others.npz", start_states(seed=2)))


def test_tracks_that_leave_the_known_region_are_rejected_and_counted(simulate, tmp_path):
    modes = HarmonicModes(1, 1, 4000.0, 9000.0, 5000.0, 1000.0)
    w = np.zeros(modes.shape)
    w[0, 0, 0, 0, 0] = -0.01
    region = SeenRegion(np.ones((1, 1, 1), bool), np.array([-4000.0, -4000, 2600]), np.array([1000.0, 4000, 8000]))
    starts = start_states()
    arrays = {"X": starts, "Z": np.broadcast_to(Z, (len(starts), 2))}
    HarmonicFile(modes, w, region, extra=arrays).write(tmp_path / "field.npz")
    name = str(tmp_path / "field.npz")
    shard = simulate(tmp_path / "out", like=name, field={"name": "harmonic", "file": name})[0]
    assert shard["Y"][:, 0].max() < 1000
    assert shard["metadata"]["outside_field_map"] > 50
    assert sum(entry["survived"] for entry in shard["metadata"]["momentum_bins"]) == 300


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda states: states[:0], "too few tracks. Expected more than 8 of each charge. Received 0."),
        (lambda states: np.abs(states), "too few tracks. Expected more than 8 of each charge. Received 0."),
        (lambda states: states * [1, 1, 1, 1, np.nan, 1], "400 of 400 rows of 'qop' are not finite"),
        (lambda states: states * [1, 1, 1, 1, 1e-3, 1], "is q/p in 1/MeV?"),
    ],
)
def test_bad_start_states_are_refused(tmp_path, change, message):
    like = write_starts(tmp_path / "starts.npz", change(start_states()))
    with pytest.raises(UserError, match=r"^like") as error:
        Resampling.of_file(like, 1.0)
    assert message in str(error.value)


def test_a_file_that_is_missing_or_has_no_planes_is_named(tmp_path):
    with pytest.raises(UserError, match=r"like.*none.npz: no such file"):
        Resampling.of_file(str(tmp_path / "none.npz"), 1.0)
    np.savez(tmp_path / "x.npz", X=start_states()[:, :5])
    with pytest.raises(UserError, match=r"has no dz, z_start. Expected an array X of x, y, tx, ty, q/p, dz"):
        Resampling.of_file(str(tmp_path / "x.npz"), 1.0)
