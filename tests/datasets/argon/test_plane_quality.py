"""What inspect says of cluster images, compared with numbers known beforehand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.cli import main
from datasets import DATASETS
from datasets.argon.plane_quality import count_runs, quality
from datasets.argon.quality import calibration, correction

MASS = 0.51099895


def write(folder, plane, base="a", wrong=0, twice=0, unmatched=(), rows=20):
    random = np.random.default_rng(1)
    images = np.zeros((rows, 128, 16), np.float32)
    images[:, 60:64, 8] = 100.0
    images[np.arange(rows), 40, np.arange(rows) % 16] += 50.0 + np.arange(rows)
    momentum = random.normal(size=(rows, 3)) * 0.01
    energy = np.sqrt((1e3 * np.linalg.norm(momentum, axis=1)) ** 2 + MASS**2)
    energy[:wrong] += 7.0
    table = np.zeros((rows, 14))
    table[:, 0], table[:, 1] = np.arange(rows) // 2, 1
    table[:, 2], table[:, 3] = np.arange(rows) % 2 == 0, np.arange(rows) < 8
    table[:, 7:10], table[:, 10], table[:, 11] = momentum, 0.8 * energy, energy
    table[:, 12], table[:, 13] = "UVX".index(plane), np.arange(rows)
    table[list(unmatched), 13] = -1
    for i in range(twice):
        images[-1 - i], table[-1 - i] = images[i], table[i]
    np.savez(folder / f"{base}_plane{plane}.npz", images=images, metadata=table.astype(np.float32))
    return energy


def tables(folder, **options):
    files = sorted(folder.glob("*.npz"))
    spec = DATASETS.parse({"name": "plane_images", "files": [str(f) for f in files], **options})
    return {title: [list(map(str, row)) for row in rows] for title, _, rows in quality(files, spec.parameters).tables}


def samples(folder, **options):
    files = sorted(folder.glob("*.npz"))
    spec = DATASETS.parse({"name": "plane_images", "files": [str(f) for f in files], **options})
    return quality(files, spec.parameters).samples


def test_matches_are_counted_plane_by_plane(tmp_path):
    write(tmp_path, "U", unmatched=[0, 1, 2, 3])
    write(tmp_path, "V")
    write(tmp_path, "X", unmatched=[19])
    found = tables(tmp_path)["matches"]
    assert found[0] == ["U", "20", "80.0 %", "80.0 %", "75.0 %"]
    assert found[1] == ["V", "20", "100.0 %", "100.0 %", "75.0 %"]
    assert found[2] == ["X", "20", "95.0 %", "100.0 %", "75.0 %"]


def test_classes_energies_and_the_correction(tmp_path):
    energy = write(tmp_path, "X", wrong=5)
    found = tables(tmp_path, planes=["x"])
    assert found["classes on X"] == [
        ["ES", "4", "4", "8", "40.0 %", "4"], ["not ES", "6", "6", "12", "60.0 %", "6"],
        ["all", "10", "10", "20", "100.0 %", "10"],
    ]  # fmt: skip
    energies = {row[0]: row for row in found["energies on X"]}
    assert float(energies["true energy [MeV]"][4]) == pytest.approx(np.median(energy), rel=1e-3)
    assert energies["|E(p) - E_true| > 5 MeV"][1] == "25.0 %"
    assert float(energies["E(p) - E_true [MeV]"][2]) == pytest.approx(-7, rel=1e-3)
    assert energies["primitives"][2:7] == ["2", "2", "2", "2", "2"]
    main = energy[::2]
    before, after = found["energy of main tracks on X, corrected for each primitive"]
    assert before == ["+ 0 MeV", "1.0000", f"{100 * np.mean(0.2 * main > 5):.1f} %"]
    assert float(after[1]) == pytest.approx(1, abs=0.01)
    assert after[2] == f"{100 * np.mean(np.abs(0.8 * main + 1.4 - main) > 5):.1f} %"


def test_duplicates_are_counted_and_those_between_splits(tmp_path):
    write(tmp_path, "X", twice=2)
    found = tables(tmp_path, planes=["x"])["duplicates on X"]
    assert found == [["image and metadata", "2", "0"], ["image alone", "2", "0"]]
    for base in "bcdefgh":  # the same clusters under other names: their events have other keys
        write(tmp_path, "X", base=base)
    for _, repeat, across in tables(tmp_path, planes=["x"])["duplicates on X"]:
        assert int(repeat) == 8 * 20 - 20
        assert int(across) > 10


def test_one_calibration_has_the_same_ratio_at_all_energies(tmp_path):
    energy = write(tmp_path, "X", rows=200)
    (sample,) = samples(tmp_path, planes=["x"])
    charge = 450.0 + np.arange(200)
    assert sample.charge == pytest.approx(charge)
    main = np.arange(200) % 2 == 0
    low, high, number, lower, middle, upper = calibration(sample, main)
    assert number.sum() == 100
    assert (low[0], high[-1]) == (pytest.approx(energy[main].min()), pytest.approx(energy[main].max()))
    inside = main & (energy >= low[1] - 1e-4) & (energy < high[1] - 1e-4)
    assert middle[1] == pytest.approx(np.median((charge / energy)[inside]), rel=1e-4)
    assert (lower < middle).all()
    assert (middle < upper).all()
    rows = tables(tmp_path, planes=["x"])["charge on X per true energy"]
    assert [row[0] for row in rows] == ["ES"] * len(set(energy[:8:2])) + ["not ES"] * 5
    one = replace(sample, charge=3000 * sample.energy)
    assert calibration(one, main)[3:] == pytest.approx(np.full((3, 5), 3000))


def test_what_is_drawn_is_what_is_printed(tmp_path):
    for plane in "UVX":
        write(tmp_path, plane, wrong=5, unmatched=[0, 1, 2, 3] if plane == "U" else ())
    u, _, x = samples(tmp_path)
    assert (u.name, x.noun, len(x)) == ("U", "main tracks", 20)
    assert u.shares == {"with a match_id": 0.8, "of main tracks": 0.8, "seen by U, V, X": 0.8}
    assert u.mismatched == 0.25
    assert correction(x, 0.0)[0] == pytest.approx(1)


def test_runs_of_ticks_are_counted():
    images = np.zeros((2, 128, 16), np.float32)
    images[0, 0:3, 0] = images[0, 5:6, 0] = images[0, 127, 15] = 1.0
    assert count_runs(images).tolist() == [3, 0]


def test_inspect_prints_the_tables_and_what_the_loader_makes_of_the_files(tmp_path, capsys):
    for plane in "UVX":
        write(tmp_path, plane, wrong=5)
    where = ["--output-dir", str(tmp_path / "plots")]
    assert main(["inspect", str(tmp_path), "--dataset", "plane_images", *where]) == 0
    text = capsys.readouterr().out
    assert "the dataset plane_images reads 20 events" in text
    assert "|E(p) - E_true| > 5 MeV" in text
    assert "classes on V" in text
    drawn = [f"quality_{plane}.png" for plane in "UVX"]
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == drawn
    assert all(f"plot: {tmp_path / 'plots' / name}" in text for name in drawn)
    (tmp_path / "a_planeV.npz").unlink()
    assert main(["inspect", str(tmp_path), "--dataset", "plane_images", *where]) == 2
    assert "plane V is missing" in capsys.readouterr().err
