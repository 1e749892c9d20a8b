"""What inspect says of volume images, compared with shards whose pixels are known."""

from __future__ import annotations

import numpy as np
import pytest

from app.cli import main
from datasets import DATASETS
from datasets.argon.volume_files import open_shard
from datasets.argon.volume_quality import quality, read_pixels
from datasets.pipeline.options import Split


def shard(path, events, **columns):
    """Write events, each a list of (plane, row, column, value)."""
    flat = [pixel for event in events for pixel in event]
    plane, row, column, value = (np.array(one) for one in zip(*flat, strict=True))
    momentum = np.zeros((len(events), 3), np.float32)
    momentum[:, 2] = 0.01 * np.arange(1, len(events) + 1)
    known = {
        "is_es": np.arange(len(events)) % 2, "particle_energy": momentum[:, 2].copy(), "main_track_momentum": momentum,
        "event": np.arange(len(events)), "cluster_energy": 900.0 * momentum[:, 2], "match_id": np.arange(len(events)),
    }  # fmt: skip
    np.savez(
        path, plane=plane.astype(np.uint8), row=row.astype(np.int16), column=column.astype(np.int16),
        value=value.astype(np.float32), offsets=np.cumsum([0, *map(len, events)]), **{**known, **columns},
    )  # fmt: skip
    return path


def tables(*files, **options):
    spec = DATASETS.parse({"name": "volume_images", "files": [str(f) for f in files], **options})
    found = quality(files, spec.parameters, spec.options.split)
    return {title: [list(map(str, row)) for row in rows] for title, _, rows in found.tables}, found.samples[0]


TRACK = [(2, 100, 600, 80.0), (2, 100, 601, 90.0), (2, 101, 601, 70.0), (2, 101, 605, 60.0), (0, 3, 4, 50.0)]
POINT = [(2, 100, 1241, 75.0), (2, 101, 0, 65.0)]


def test_charge_pixels_and_primitives(tmp_path):
    found = read_pixels(open_shard(shard(tmp_path / "a.npz", [TRACK, POINT, TRACK[::-1]])))
    assert found.charge.tolist() == [[50, 0, 300], [0, 0, 140], [50, 0, 300]]
    assert found.number.tolist() == [[1, 0, 4], [0, 0, 2], [1, 0, 4]]
    assert found.primitives.tolist() == [3, 2, 3]  # the end of a channel is not the beginning of the next
    assert found.content[0] == found.content[2] != found.content[1]  # in whatever order the pixels stand
    other = [(*TRACK[0][:3], 81.0), *TRACK[1:]]
    assert read_pixels(open_shard(shard(tmp_path / "b.npz", [other]))).content[0] != found.content[0]


def test_planes_that_see_nothing_are_counted(tmp_path):
    found, sample = tables(shard(tmp_path / "a.npz", [TRACK, POINT, TRACK, TRACK], match_id=np.array([0, 1, -1, 2])))
    assert found["planes"] == [
        ["U", "3", "75.0 %", "1", "50"], ["V", "0", "0.0 %", "0", "0"], ["X", "4", "100.0 %", "4", "300"],
        ["with a match_id", "3", "75.0 %", "", ""],
    ]  # fmt: skip
    assert sample.shares == {"charge on U": 0.75, "charge on V": 0.0, "charge on X": 1.0, "with a match_id": 0.75}


def test_energies_that_contradict_and_the_correction(tmp_path):
    energy = np.array([0.01, 0.02, 0.03, 0.05])
    clusters = np.array([1, 1, 1, 3])
    path = shard(tmp_path / "a.npz", [TRACK] * 4, particle_energy=energy, n_clusters=clusters)
    found, sample = tables(path)
    figures = {row[0]: row for row in found["figures"]}
    assert figures["|E(p) - E_true| > 5 MeV"][1] == "25.0 %"
    assert float(figures["E(p) - E_true [MeV]"][2]) == pytest.approx(-10, rel=2e-3)
    assert sample.tested.tolist() == [True, True, True, False]  # primitives are those of all clusters
    before, after = found["energy of events of one cluster on all planes, corrected for each primitive"]
    assert before == ["+ 0 MeV", "1.0000", "0.0 %"]
    assert after == ["+ 0.7 MeV", "1.0000", "0.0 %"]
    ratio = found["charge on all planes per true energy"]
    assert [(row[0], row[2]) for row in ratio] == [("ES", "1"), ("ES", "1"), ("not ES", "1"), ("not ES", "1")]
    assert [float(row[3]) for row in ratio] == pytest.approx([350 / 20, 350 / 50, 350 / 10, 350 / 30], rel=1e-3)


def test_equal_images_in_two_splits(tmp_path):
    path = shard(tmp_path / "a.npz", [TRACK] * 30 + [POINT])
    found, _ = tables(path)
    assert found["duplicates on all planes"] == [["image and metadata", "0", "0"], ["image alone", "29", "1"]]
    one_part = tables(path, split={"train": 1.0, "validation": 0.0, "test": 0.0})[0]
    assert one_part["duplicates on all planes"][1] == ["image alone", "29", "0"]
    assert quality([path], {"on_bad_file": "stop"}, Split()).tables[-1][2][1] == ["image alone", "29", "1"]


def test_without_what_a_shard_need_not_have(tmp_path):
    path = shard(tmp_path / "a.npz", [TRACK, POINT])
    with np.load(path) as found:
        least = {
            n: found[n] for n in found.files if n in ("plane", "row", "column", "value", "offsets", "is_es", "event")
        }
        np.savez(path, **least, particle_energy=found["particle_energy"])
    found, sample = tables(path)
    assert sample.cluster_energy is None
    assert np.isnan(sample.mismatched)
    assert found["energy of events of one cluster on all planes, corrected for each primitive"] == []
    assert [row[0] for row in found["planes"]] == ["U", "V", "X"]


def test_inspect_prints_and_draws(tmp_path, capsys):
    path = shard(tmp_path / "a.npz", [TRACK, POINT, TRACK, TRACK])
    words = ["inspect", str(path), "--dataset", "volume_images", "--output-dir", str(tmp_path / "plots")]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "duplicates on all planes" in text
    assert f"plot: {tmp_path / 'plots' / 'quality_all_planes.png'}" in text
    assert (tmp_path / "plots" / "quality_all_planes.png").read_bytes().startswith(b"\x89PNG")
