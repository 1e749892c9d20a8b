"""`wirechamber simulate` and `merge`: options from the simulator's signature, shards that are continued and joined."""

import numpy as np
import pytest

from app.cli import main
from app.config.job_file import parse
from app.data.loading import load_data
from datasets.files.shards import is_simulated

SMALL = ("--tracks", "50", "--shard-size", "20", "--momentum", "5", "100", "--accuracy", "1")


def simulate(folder, *arguments):
    return main(["simulate", "track_states", "--out", str(folder), *arguments])


@pytest.fixture
def shards(tmp_path):
    assert simulate(tmp_path / "shards", *SMALL) == 0
    return sorted((tmp_path / "shards").glob("*.npz"))


def test_shards_hold_what_was_asked_for(shards):
    arrays = [np.load(path) for path in shards]
    assert [len(one["X"]) for one in arrays] == [20, 20, 10]
    momentum = np.concatenate([one["P"] for one in arrays])
    assert momentum.min() >= 5
    assert momentum.max() <= 100
    np.testing.assert_allclose(np.abs(arrays[0]["X"][:, 4]) * arrays[0]["P"], 1.0, rtol=1e-5)


def test_shards_that_exist_are_kept_and_missing_ones_are_made(shards):
    before = [path.stat().st_mtime_ns for path in shards]
    content = shards[1].read_bytes()
    shards[1].unlink()
    assert simulate(shards[0].parent, *SMALL) == 0
    after = [path.stat().st_mtime_ns for path in shards]
    assert (after[0], after[2]) == (before[0], before[2])
    first, again = np.load(shards[0])["X"], np.load(shards[1])["X"]
    assert not np.array_equal(first, again)
    assert len(shards[1].read_bytes()) == len(content)


def test_other_options_do_not_mix_into_one_folder(shards, capsys):
    before = {path: path.read_bytes() for path in shards}
    assert simulate(shards[0].parent, *SMALL, "--seed", "2") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert {path: path.read_bytes() for path in shards} == before


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--tracks", "0"), "tracks: not valid. Expected greater than or equal to 1. Received 0."),
        (("--tracks", "many"), "tracks: not valid. Expected a valid integer. Received 'many'."),
        (("--tracks", "5", "--field", "dipole"), "field.name: unknown field."),
        (("--tracks", "5", "--momentum", "100", "2"), "momentum: the lower end 100.0 lies above the upper end 2.0"),
        (
            ("--tracks", "5", "--field", "{name: uniform}"),
            "--field: not JSON, Expecting property name enclosed in double",
        ),
        ((), "tracks: required key is missing."),
    ],
)
def test_wrong_values_are_named(arguments, text, tmp_path, capsys):
    assert simulate(tmp_path / "out", *arguments) == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_unknown_words_name_the_nearest(tmp_path, capsys):
    assert main(["simulate", "track_state", "--out", str(tmp_path)]) == 2
    assert "Did you mean 'track_states'?" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        simulate(tmp_path, "--trakcs", "5")
    assert ended.value.code == 2
    assert "Did you mean '--tracks'?" in capsys.readouterr().err
    assert main(["simulate", "track_states", "--tracks", "5"]) == 2
    assert capsys.readouterr().err == "--out: missing argument. Expected a folder for the shards.\n"
    assert main(["simulate"]) == 2
    assert (
        "Expected one of [muon_hits, photon_sensors, plane_images, resampled_tracks, track_states, volume_images]"
        in capsys.readouterr().err
    )


def test_help_explains_every_option_of_the_simulator(capsys):
    assert main(["simulate", "--help"]) == 0
    assert "Every parameter of the simulator is an option" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "track_states", "--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "--shard-size VALUE accepted tracks per shard" in text
    assert "--momentum VALUE [VALUE ...] range of the momentum" in text
    assert "--field VALUE the magnetic field" in text
    assert "range of the momentum [GeV], log-uniform" in text


def test_a_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert simulate(tmp_path / "file" / "out", "--tracks", "5") == 2
    assert "cannot be made" in capsys.readouterr().err


def test_merged_shards_hold_every_track_once(shards, tmp_path, capsys):
    assert main(["merge", *map(str, shards), "--out", str(tmp_path / "all.npz")]) == 0
    assert f"merged 3 files into {tmp_path / 'all.npz'}" in capsys.readouterr().out
    with np.load(tmp_path / "all.npz") as merged:
        np.testing.assert_array_equal(merged["X"], np.concatenate([np.load(path)["X"] for path in shards]))
        assert len(np.unique(merged["key"])) == 50


def test_files_of_a_simulation_are_called_simulated_by_whatever_way_a_job_reads_them(shards, tmp_path):
    assert main(["merge", *map(str, shards), "--out", str(tmp_path / "all.npz")]) == 0
    with np.load(shards[0]) as shard:
        np.savez(tmp_path / "measured.npz", **{name: shard[name] for name in shard if name != "metadata"})
    for name, simulated in (("all.npz", True), ("measured.npz", False)):
        assert is_simulated(tmp_path / name) is simulated
    dataset = {"name": "track_states", "files": [str(tmp_path / "all.npz")]}
    tasks = {"state": {"targets": ["x"], "loss": "mse"}}
    content = {"name": "z", "application": "z", "rationale": "z", "model": "mlp", "dataset": dataset, "tasks": tasks}
    assert load_data(parse(content)).simulated


def test_a_pattern_of_shards_leaves_out_what_it_was_merged_into(shards, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(shards[0].parent)
    for _ in range(2):
        assert main(["merge", "*.npz", "--out", "all.npz", "--resume"]) == 0
        assert "merged 3 files into all.npz" in capsys.readouterr().out
    assert main(["merge", "*.h5", "--out", "all.npz"]) == 2
    assert "the pattern matches no file. Expected at least one file." in capsys.readouterr().err


def test_shards_that_do_not_belong_together_are_not_merged(shards, tmp_path, capsys):
    assert simulate(tmp_path / "others", *SMALL, "--field", "two_dipoles") == 0
    others = sorted((tmp_path / "others").glob("*.npz"))
    assert main(["merge", str(shards[0]), str(others[0]), "--out", str(tmp_path / "all.npz")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert main(["merge", str(shards[0]), str(shards[0]), "--out", str(tmp_path / "all.npz")]) == 2
    assert not (tmp_path / "all.npz").exists()


def test_photon_sensors_are_simulated_inspected_and_not_merged(tmp_path, capsys):
    assert (
        main(["simulate", "photon_sensors", "--out", str(tmp_path), "--events", "20", "--energy", "0.05", "0.06"]) == 0
    )
    path = tmp_path / "shard_00000.root"
    assert main(["inspect", str(path), "--dataset", "photon_sensors"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "the dataset photon_sensors reads 20 events in 1 block" in text
    assert "photons" in text
    assert main(["merge", str(path), "--out", str(tmp_path / "all.root")]) == 2
    assert "a ROOT file is not merged. Expected npz shards" in capsys.readouterr().err
