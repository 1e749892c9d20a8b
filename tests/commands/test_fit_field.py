"""`fit-field`: the field of a file comes back, is a field of the catalog, and mistakes are one line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from app.cli import main
from app.commands.fit_field import warn_of_misses
from app.field_fit.transport import follow_tracks
from app.physics.harmonic_modes import HarmonicModes
from app.physics.magnetic_field import FIELDS

MODES = HarmonicModes(x=1, z=2, half_x=3000.0, half_z=9000.0, center=5245.5, height=1000.0)


@pytest.fixture
def write_tracks(tmp_path):
    """Return a function that writes tracks through 1 T that falls off along z, with other values in some arrays."""

    def write(count=120, **changes):
        random = np.random.default_rng(3)
        state = random.uniform([-300, -250, -0.2, -0.2], [300, 250, 0.2, 0.2], (count, 4))
        p, dz = random.uniform(5, 50, count), np.full(count, 5161.0)
        z = np.full(count, 2665.0)
        starts = np.column_stack([state, random.choice([-1, 1], count) / p, z, dz])
        w = np.zeros(MODES.shape)
        w[0, :, 0, 0, 0] = -0.5
        end = follow_tracks(MODES, w, starts, 24)[:, -1]
        arrays = {"X": np.column_stack([starts[:, :5], dz]), "Y": end, "P": p, "Z": np.stack([z, z + dz], axis=1)}
        for name, change in changes.items():
            arrays[name] = change(arrays[name].copy())
        np.savez(tmp_path / "tracks.npz", **arrays)
        return str(tmp_path / "tracks.npz")

    return write


def test_a_field_comes_back_and_is_one_of_the_catalog(write_tracks, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out, asked = tmp_path / "new" / "field.npz", ["--out", "new/field.npz", "--modes", "1", "4", "--prior", "1e-11"]
    assert main(["fit-field", write_tracks(), *asked]) == 0
    said, warned = capsys.readouterr()
    assert "a bad fit" not in warned
    begin = said.index("at most 1 fit, after a first one of 108 tracks with 4 x 7 modes")
    assert begin < said.index("fit 1 of 1: 1 x 4 modes, prior 1e-11") < said.index("  left out: mean 0.")
    assert max(map(len, said[: said.index("fits, by the mean")].splitlines())) <= 80
    assert said.splitlines()[-1] == f'as a field: {{"name": "harmonic", "file": "{out}"}}'
    assert "108 tracks to fit, 12 left out" in said
    assert "12 of 12 tracks left out stay where tracks were fitted" in said
    assert "| int By dz |" in said.replace("│", "|")
    field = FIELDS.parse({"name": "harmonic", "file": str(out)}).build()
    scale = 1 / np.cosh(np.pi / 9)
    by = field(np.zeros(3), np.zeros(3), np.array([3500.0, 5245.5, 7000.0]))[1]
    assert np.allclose(by, -0.5 - 0.5 * scale * np.cos(np.pi / 9 * np.array([-1.7455, 0.0, 1.7545])), atol=2e-3)
    assert field.inside(0.0, 0.0, 5000.0)
    assert not field.inside(0.0, 0.0, 9000.0)
    with np.load(out) as content:
        facts = json.loads(str(content["metadata"]))
        assert content["covariance"].shape == (content["active"].sum(),) * 2
        assert content["X"].shape == (108, 6)
        assert set(content["X"][:, 0]) < set(np.load(tmp_path / "tracks.npz")["X"][:, 0].astype(np.float32).tolist())
        assert (content["Z"] == [2665.0, 7826.0]).all()
    assert (facts["tracks"], facts["left_out"], facts["seed"]) == (108, 12, 1)
    assert out.with_suffix(".png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({}, ["--modes", "8", "20"], "fit-field: too few tracks for the modes. Expected at least 293 for 1169"),
        (
            {"X": lambda x: x * (np.arange(6) < 5), "Z": lambda z: z[:, [0, 0]]},
            [],
            "fit-field.dz: the two planes of 120 tracks do not",
        ),
        (
            {"Z": lambda z: z + np.outer(np.arange(120) > 2, [0, 40.0])},
            [],
            "dz and z_start, z_end of 117 of 120 tracks contradict each other, first at row 3. Expected dz = 5201 mm",
        ),
        ({"Y": lambda y: np.where(np.arange(4) == 1, np.nan, y)}, [], "not finite"),
        ({"count": 30}, [], "fit-field: too few tracks. Expected at least 50. Received 30"),
        ({}, ["--prior", "0"], "expected a positive number, received '0'"),
        ({}, ["--left-out", "0.9"], "expected a share from 0.01 to 0.5, received '0.9'"),
    ],
    ids=["modes", "planes", "lengths", "nan", "tracks", "prior", "share"],
)
def test_mistakes_are_one_line(write_tracks, tmp_path, capsys, change, arguments, message):
    call = ["fit-field", write_tracks(**change), "--out", str(tmp_path / "f.npz"), *arguments]
    try:
        code = main(call)
    except SystemExit as end:
        code = end.code
    said = capsys.readouterr().err
    assert code == 2
    assert message in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "f.npz").exists()


def test_the_output_is_an_npz(write_tracks, tmp_path, capsys):
    assert main(["fit-field", write_tracks(), "--out", str(tmp_path / "f.txt")]) == 2
    assert "--out: not an npz. Expected a name that ends with .npz" in capsys.readouterr().err


def test_the_place_of_the_output_is_checked_before_anything_is_fitted(write_tracks, tmp_path, capsys):
    tracks = write_tracks()
    (tmp_path / "g.png").mkdir()
    for name, wrong in [("tracks.npz/f.npz", "tracks.npz: cannot be made (a file is"), ("g.npz", "g.png: is a folder")]:
        assert main(["fit-field", tracks, "--out", str(tmp_path / name)]) == 2
        said = capsys.readouterr()
        assert f"--out {tmp_path / wrong}" in said.err
        assert "to fit" not in said.out


def test_a_bad_fit_is_called_so_in_one_line(caplog):
    for mean, bend in [(0.7, 418.0), (0.008, 0.0), (2.0, 441.0)]:
        warn_of_misses(mean, bend)
    assert not caplog.messages
    warn_of_misses(4.34, 441.0)
    assert caplog.messages == [
        "a bad fit: tracks left out miss by 4.34 mm on average, and bend by 441 mm; the field of these tracks may not"
        " obey div B = curl B = 0 (a gaussian_dipole without 'maxwell' does not), or tracks or modes are too few"
    ]


def test_the_tracks_are_not_written_over(write_tracks, small_job, tmp_path, capsys):
    tracks, job = write_tracks(), {"dataset": {"name": "track_states", "files": str(tmp_path / "tracks.npz")}}
    before = (tmp_path / "tracks.npz").read_bytes()
    (tmp_path / "job.json").write_text(json.dumps({**small_job, **job}))
    for files in (tracks, str(tmp_path / "job.json")):
        assert main(["fit-field", files, "--out", tracks]) == 2
        assert f"--out {tracks}: is one of the files that are read. Expected another name" in capsys.readouterr().err
    assert (tmp_path / "tracks.npz").read_bytes() == before
