"""Cluster images from all kinds of files, what is joined and dropped, and what the loader refuses."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from app.cli import main
from datasets.pipeline.options import DatasetOptions
from datasets.pipeline.split import split

DATASET = "plane_images"

MASS = 0.51099895
PLANES = ("u", "v", "x")


def energy_of(momentum):
    return np.sqrt((1e3 * np.linalg.norm(momentum, axis=-1)) ** 2 + MASS**2)


def made(rows, seed=0, width=16):
    """Clusters: sparse random images of three planes, and their metadata by name."""
    random = np.random.default_rng(seed)
    shape = (3, rows, 128, width)
    images = np.where(random.random(shape) < 0.01, random.uniform(60, 500, shape), 0.0).astype(np.float32)
    images[:, :, 64, width // 2] = 300.0
    momentum = random.normal(size=(rows, 3)) * 0.01
    return images, {
        "event": np.arange(rows) // 4, "is_marley": np.ones(rows), "is_main_track": (np.arange(rows) % 4 == 0) * 1.0,
        "is_es": np.arange(rows) // 4 % 2, "position": random.uniform(-300, 300, (rows, 3)), "momentum": momentum,
        "neutrino_energy": np.repeat(random.uniform(10, 30, rows // 4 + 1), 4)[:rows],
        "cluster_energy": random.uniform(3, 20, rows), "energy": energy_of(momentum),
        "neutrino_momentum": random.normal(size=(rows, 3)) * 0.01,
    }  # fmt: skip


ORDER = {
    "old": ("is_marley", "is_main_track", "is_es", "position", "momentum", "neutrino_energy", "energy"),
    "new": ("event", "is_marley", "is_main_track", "is_es", "position", "momentum", "cluster_energy", "energy"),
}


def metadata(columns, layout, plane=2, match_id=None):
    """The table of 11 to 18 columns as physics.md has it."""
    names = ORDER["old" if layout < 13 else "new"]
    rows = len(columns["energy"])
    parts = [np.asarray(columns[name], float).reshape(rows, -1) for name in names]
    more = [] if layout == 11 else [np.full((rows, 1), plane)]
    if layout >= 14:
        more.append(np.arange(rows).reshape(-1, 1) if match_id is None else match_id.reshape(-1, 1))
    if layout == 18:
        more += [columns["neutrino_energy"].reshape(-1, 1), columns["neutrino_momentum"]]
    table = np.concatenate([*parts, *more], axis=1).astype(np.float32)
    assert table.shape[1] == layout
    return table


def write_planes(folder, rows=24, seed=0, layout=14, base="prod_1", width=16, sub=False, save=np.savez, shuffle=True):
    """Three files of planes whose rows stand in different orders, as clustering leaves them."""
    images, columns = made(rows, seed, width)
    random = np.random.default_rng(seed + 1)
    for number, plane in enumerate("UVX"):
        order = random.permutation(rows) if shuffle else np.arange(rows)
        chosen = {name: values[order] for name, values in columns.items()}
        place = folder / plane if sub else folder
        place.mkdir(parents=True, exist_ok=True)
        table = metadata(chosen, layout, number, order)
        save(place / f"{base}_plane{plane}.npz", images=images[number][order], metadata=table)
    return images, columns


def write_matched(folder, rows=24, seed=0, name="three_plane_matched_1.npz", ids=None, save=np.savez, **more):
    images, columns = made(rows, seed)
    ids = np.arange(rows) if ids is None else ids
    arrays = {f"images_{p}": images[i] for i, p in enumerate(PLANES)}
    save(folder / name, **arrays, metadata=metadata(columns, 14, 2, ids), match_ids=ids, **more)
    return images, columns


def together(blocks):
    return type(blocks[0]).concatenate(blocks)


def by_energy(columns, energy):
    """The row of each event in what was made: energies are as good as names."""
    return np.abs(columns["energy"][None] * 1e-3 - energy[:, None]).argmin(axis=1)


@pytest.mark.parametrize("sub", [False, True])
def test_planes_are_joined_by_event_and_match_id_whatever_the_order_of_rows(load, sub, tmp_path):
    images, columns = write_planes(tmp_path, sub=sub)
    source, blocks = load(tmp_path)
    events = together(blocks)
    rows = by_energy(columns, events.columns["energy"])
    assert sorted(rows) == list(range(24))
    for number, plane in enumerate(PLANES):
        assert np.array_equal(events.inputs[f"plane_{plane}"], images[number][rows])
    unit = columns["momentum"] / np.linalg.norm(columns["momentum"], axis=1)[:, None]
    found = np.stack([events.columns[f"direction_{a}"] for a in "xyz"], axis=-1)
    assert found == pytest.approx(unit[rows], abs=1e-6)
    assert source.rows == 24
    assert {n: i.shape for n, i in source.inputs.items()} == {f"plane_{p}": (128, 16) for p in PLANES}
    assert source.inputs["plane_u"].layer == {"name": "adc", "normalization": "asinh", "sum_ticks": 1}


def test_clusters_without_a_partner_are_counted_and_dropped(load, tmp_path, caplog):
    write_planes(tmp_path, shuffle=False)
    path = tmp_path / "prod_1_planeV.npz"
    with np.load(path) as content:
        images, table = content["images"], content["metadata"]
    table[3, 13] = -1
    table[5, 13] = table[6, 13]  # the same match_id twice in one event
    assert table[5, 0] == table[6, 0]
    np.savez(path, images=images[:20], metadata=table[:20])
    with caplog.at_level(logging.INFO):
        source, blocks = load(tmp_path)
    assert source.rows == sum(map(len, blocks)) == 20 - 3
    assert "clusters without a partner in every plane" in caplog.text
    assert "2 clusters with a match_id that occurs twice in a plane" in caplog.text
    assert sorted(together(blocks).columns["match_id"]) == [m for m in range(20) if m not in (3, 5, 6)]


@pytest.mark.parametrize(("planes", "names"), [(["x"], ["plane_x"]), (["x", "u"], ["plane_u", "plane_x"])])
def test_a_single_plane_or_a_pair(load, refused, planes, names, tmp_path):
    write_planes(tmp_path)
    (tmp_path / "prod_1_planeV.npz").unlink()
    source, blocks = load(tmp_path, planes=planes)
    assert list(source.inputs) == names
    assert sum(map(len, blocks)) == 24
    refused("plane V is missing: there are files of plane U, X only. Expected prod_1_planeV.npz", tmp_path)


@pytest.mark.parametrize("layout", [11, 12, 13, 14, 18])
@pytest.mark.parametrize("width", [16, 32])
def test_every_layout_of_metadata_is_read_by_its_own_columns(load, layout, width, tmp_path, caplog):
    _, columns = write_planes(tmp_path, layout=layout, width=width, shuffle=False)
    with caplog.at_level(logging.INFO):
        source, blocks = load(tmp_path, planes=["x"])
    events = together(blocks)
    assert f"24 rows of {layout} columns" in caplog.text
    assert "0.0 % of 24 clusters" in caplog.text
    assert source.inputs["plane_x"].shape == (128, width)
    expected = {
        "energy": columns["energy"] * 1e-3, "is_es": columns["is_es"], "is_main_track": columns["is_main_track"],
        "position_y": columns["position"][:, 1],
    }  # fmt: skip
    if layout != 13 and layout != 14:
        expected["neutrino_energy"] = columns["neutrino_energy"] * 1e-3
    if layout >= 13:
        expected |= {"cluster_energy": columns["cluster_energy"] * 1e-3, "event": columns["event"]}
    if layout == 18:
        expected["neutrino_z"] = columns["neutrino_momentum"][:, 2]
    for name, values in expected.items():
        assert events.columns[name] == pytest.approx(values, rel=1e-6), name
    assert set(source.extras) | set(source.targets) == set(events.columns)
    assert len(np.unique(events.key)) == 6  # four clusters an event
    assert (events.key.reshape(6, 4) == events.key[::4, None]).all()


def test_all_clusters_of_an_event_are_in_one_split(load, tmp_path):
    for number in range(3):
        write_planes(tmp_path, rows=400, seed=number, base=f"prod_{number}")
    source, _ = load(tmp_path)
    parts = split(source, DatasetOptions(files=("x",)))
    keys = [set(getattr(parts, name).events().key.tolist()) for name in ("train", "validation", "test")]
    assert sum(map(len, keys)) == len(set().union(*keys)) == 300  # 100 events in each of three files


def test_a_matched_file_is_read_row_by_row(load, tmp_path, caplog):
    ids = np.arange(24)
    ids[[2, 7]] = -1
    images, columns = write_matched(tmp_path, ids=ids)
    with caplog.at_level(logging.INFO):
        events = together(load(tmp_path)[1])
    rows = by_energy(columns, events.columns["energy"])
    assert rows.tolist() == [r for r in range(24) if r not in (2, 7)]
    assert np.array_equal(events.inputs["plane_v"], images[1][rows])
    assert "2 clusters without a partner" in caplog.text
    assert sum(map(len, load(tmp_path, planes=["u"])[1])) == 24


def test_keys_in_the_file_are_used_and_neutrinos_beside_it(load, tmp_path):
    key = np.arange(24, dtype=np.uint64) * np.uint64(10**15)
    write_matched(tmp_path, key=key, neutrino_momentum=np.full((24, 3), 0.5, np.float32))
    events = together(load(tmp_path)[1])
    assert np.array_equal(events.key, key)
    assert (events.columns["neutrino_y"] == 0.5).all()


def test_sums_and_axes_follow_from_the_images(load, tmp_path):
    images, columns = write_planes(tmp_path)
    events = together(load(tmp_path)[1])
    rows = by_energy(columns, events.columns["energy"])
    assert events.columns["charge_v"] == pytest.approx(images[1][rows].sum(axis=(1, 2)), rel=1e-5)
    axis = np.stack([events.columns[f"axis_{a}"] for a in "xyz"], axis=-1)
    assert np.linalg.norm(axis, axis=1) == pytest.approx(np.ones(24), rel=1e-5)


def test_selections_are_counted(load, refused, tmp_path, caplog):
    _, columns = write_planes(tmp_path, rows=80)

    def kept(**options):
        return together(load(tmp_path, **options)[1]).columns

    assert (kept(main_track=True)["is_main_track"] == 1).sum() == 20
    assert not kept(main_track=False)["is_main_track"].any()
    assert (kept(interaction="es")["is_es"] == 1).sum() == 40
    assert not kept(interaction="cc")["is_es"].any()
    with caplog.at_level(logging.INFO):
        energy = kept(energy=[0.01, 0.02])["energy"]
    inside = (columns["energy"] >= 10) & (columns["energy"] < 20)
    assert len(energy) == inside.sum()
    assert f"{80 - inside.sum()} clusters outside 0.01 to 0.02 GeV" in caplog.text
    refused("no cluster is left", tmp_path, energy=[1.0, 2.0])


def test_balanced_classes_are_equal_whatever_the_order_of_files(load, refused, tmp_path, caplog):
    for number in range(2):
        write_planes(tmp_path, rows=80, seed=number, base=f"prod_{number}")
    with caplog.at_level(logging.INFO):
        columns = together(load(tmp_path, balance="is_main_track")[1]).columns
    assert (columns["is_main_track"] == 1).sum() == (columns["is_main_track"] == 0).sum() == 40
    assert "80 clusters to balance is_main_track" in caplog.text
    paths = sorted(tmp_path.glob("*.npz"))
    again = together(load(*paths[::-1], balance="is_main_track")[1]).columns
    assert sorted(columns["energy"]) == sorted(again["energy"])
    refused(r"nothing to balance: is_es is 1 for all \d+ events", tmp_path, balance="is_es", interaction="es")


def test_clusters_without_momentum_are_dropped_or_kept_without_direction(load, tmp_path, caplog):
    images, columns = made(24)
    columns["momentum"][:5] = 0
    np.savez(tmp_path / "a_planeX.npz", images=images[2], metadata=metadata(columns, 13))
    with caplog.at_level(logging.INFO):
        source, blocks = load(tmp_path, planes=["x"])
    assert sum(map(len, blocks)) == 19
    assert "5 clusters without a momentum" in caplog.text
    source, blocks = load(tmp_path, planes=["x"], without_momentum="keep")
    assert sum(map(len, blocks)) == 24
    assert "direction_x" not in source.targets
    assert "direction_x" not in blocks[0].columns
    assert "direction_x" in load(tmp_path, planes=["x"])[0].targets


def test_the_share_of_mismatched_energies_is_told(load, tmp_path, caplog):
    images, columns = made(24)
    columns["energy"][:8] += 6.0
    np.savez(tmp_path / "a_planeX.npz", images=images[2], metadata=metadata(columns, 13))
    with caplog.at_level(logging.INFO):
        load(tmp_path, planes=["x"])
    assert "|E(p) - E_true| > 5 MeV: 33.3 % of 24 clusters" in caplog.text


def test_large_files_are_read_in_blocks_and_compressed_ones_whole(load, tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.plane_images.ROWS_PER_BLOCK", 10)
    write_planes(tmp_path / "stored")
    write_planes(tmp_path / "packed", save=np.savez_compressed)
    stored, packed = load(tmp_path / "stored"), load(tmp_path / "packed")
    assert [len(block) for block in stored[1]] == [10, 10, 4]
    assert [len(block) for block in packed[1]] == [24]
    one, other = together(stored[1]), together(packed[1])
    assert np.array_equal(one.inputs["plane_u"], other.inputs["plane_u"])
    assert np.array_equal(one.key, other.key)
    assert len(stored[0].files) == 3
    assert all(name.endswith("_planeU.npz") for name in stored[0].files)


def test_damaged_files_are_named_and_counted_or_skipped(load, refused, tmp_path, caplog):
    for number in range(5):
        write_planes(tmp_path, seed=number, base=f"prod_{number}")
    (tmp_path / "prod_1_planeU.npz").write_bytes(b"")
    path = tmp_path / "prod_3_planeX.npz"
    path.write_bytes(path.read_bytes()[:5000])
    text = refused("the file is empty", tmp_path, lines=3).splitlines()
    assert len(text) == 3
    assert "prod_1_planeU.npz: the file is empty" in text[0]
    assert "prod_3_planeX.npz: truncated or not an npz file" in text[1]
    assert text[2].startswith(
        "dataset.files: 2 of 5 files cannot be used. Expected whole files, or 'on_bad_file': 'skip'"
    )
    with caplog.at_level(logging.WARNING):
        source, blocks = load(tmp_path, on_bad_file="skip")
    assert sum(map(len, blocks)) == source.rows == 3 * 24
    assert "2 of 5 files were skipped" in caplog.text
    for plane in "UVX":
        for number in range(5):
            (tmp_path / f"prod_{number}_plane{plane}.npz").write_bytes(b"")
    refused("5 of 5 files cannot be used", tmp_path, lines=6, on_bad_file="skip")


def test_pixels_that_cannot_be_read_are_noticed_at_first_reading(load, refused, tmp_path):
    write_planes(tmp_path, base="bad", save=np.savez_compressed)
    write_planes(tmp_path, base="good", seed=1, save=np.savez_compressed)
    path = tmp_path / "bad_planeU.npz"
    content = bytearray(path.read_bytes())
    content[400:800] = bytes(400)
    path.write_bytes(content)
    refused("bad_planeU.npz: the array 'images' cannot be read", tmp_path)
    assert sum(map(len, load(tmp_path, on_bad_file="skip")[1])) == 24


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i, m: (i, m[:, :10]), r"metadata of unknown width. Expected \(N, columns\) with 11, 12, 13, 14, 18"),
        (lambda i, m: (i, np.pad(m, ((0, 0), (1, 0)))[:, :14]), "metadata of 14 columns do not hold what their layout"),
        (lambda i, m: (i, np.roll(m, 1, axis=1)), "metadata of 14 columns do not hold .*Expected 0 or 1"),
        (lambda i, m: (i, np.where(np.arange(14) == 12, 1, m)), "plane at row 0. Expected 2, for the file is .* X"),
        (lambda i, m: (i, np.where(np.isin(np.arange(14), [7, 8, 9]), 1e3 * m, m)), "is the momentum in MeV/c"),
        (lambda i, m: (i, np.where(np.isin(np.arange(14), [7, 8, 9]), np.roll(m, 3, 1), m)), "the momenta mean .* MeV"),
        (lambda i, m: (i, np.where(np.arange(14) == 11, np.nan, m)), "24 of 24 rows of 'energy' are not finite"),
        (lambda i, m: (i * 0, m), "the images of plane X are all zero"),
        (lambda i, m: (i * np.nan, m), "24 of 24 images of plane X are not finite, the first in row 0"),
        (lambda i, m: (i + (i > 299) * 1e30, m), r"24 of 24 images of plane X are beyond 1e\+07 ADC"),
        (lambda i, m: (-i, m), "a_planeX.npz: the images of plane X have no value above 0, and some below"),
        (lambda i, m: (i.astype("c16"), m), r"images: not the array .* Received 'complex128 \[24, 128, 16\]'"),
        (lambda i, m: (i.astype("U3"), m), "images: not the array that is meant. Expected numbers"),
        (lambda i, m: (i, m.astype("S9")), "metadata: not the array that is meant. Expected numbers"),
        (lambda i, m: (i.swapaxes(1, 2), m), "not cluster images. Expected .*rows are ticks, columns are channels"),
        (lambda i, m: (i[:20], m), "'metadata' has another number of rows than the images. Expected 20 rows"),
        (lambda i, m: (i.reshape(24, -1), m), r"not cluster images. Expected \(N, 128, 16\)"),
        (lambda i, m: (i.astype(object), m), "the array 'images' holds pickled objects, which may run code"),
        (lambda i, m: (i, m.astype(object)), "the array 'metadata' holds pickled objects"),
        (lambda i, m: (i[:0], m[:0]), "no clusters in these files"),
    ],
)  # fmt: skip
def test_bad_content_is_one_clear_line(refused, change, message, tmp_path):
    images, columns = made(24)
    images, table = change(images[2], metadata(columns, 14))
    np.savez(tmp_path / "a_planeX.npz", images=images, metadata=table)
    text = refused(message, tmp_path, planes=["x"])
    assert "\n" not in text


def test_single_empty_images_are_dropped(load, tmp_path, caplog):
    images, columns = made(24)
    images[1, 4] = 0
    arrays = {f"images_{p}": images[i] for i, p in enumerate(PLANES)}
    np.savez(tmp_path / "matched.npz", **arrays, metadata=metadata(columns, 14))
    with caplog.at_level(logging.WARNING):
        assert sum(map(len, load(tmp_path)[1])) == 23
    assert "1 of 24 images are all zero and were dropped" in caplog.text


def test_pixels_below_0_are_left_as_they_are(load, tmp_path):
    """Where a pedestal was subtracted, some samples lie below it."""
    images, columns = made(24)
    images[2][images[2] == 0] = -3.0
    np.savez(tmp_path / "a_planeX.npz", images=images[2], metadata=metadata(columns, 14))
    (events,) = load(tmp_path, planes=["x"])[1]
    assert np.array_equal(events.inputs["plane_x"], images[2])


def test_mixed_widths_are_refused(refused, tmp_path):
    write_planes(tmp_path, base="a", width=16)
    write_planes(tmp_path, base="b", width=32, seed=1)
    refused("b_planeU.npz: images of another width than in .*a_planeU.npz. Expected 16 channels. Received 32", tmp_path)


def test_old_metadata_cannot_be_joined(load, refused, tmp_path):
    write_planes(tmp_path, layout=12)
    refused("planes are joined on event and match_id, which metadata of 12 columns do not have", tmp_path)
    assert sum(map(len, load(tmp_path, planes=["u"])[1])) == 24


def test_duplicates_are_refused(refused, tmp_path):
    write_planes(tmp_path, base="a", shuffle=False)
    write_planes(tmp_path, base="b", shuffle=False)
    refused("24 of its events are also in .*a_planeU.npz", tmp_path)


def test_frames_are_not_mixed(refused, tmp_path):
    write_matched(tmp_path, name="a.npz", metadata_json=np.array('{"frame": "canonical"}'))
    write_matched(tmp_path, name="b.npz", seed=1)
    refused("another frame of directions than in .*a.npz. Expected 'canonical'. Received None", tmp_path)


def test_other_files_and_names(refused, tmp_path):
    np.savez(tmp_path / "tracks.npz", X=np.zeros((3, 5)))
    refused("has no array 'images_u', so it does not hold cluster images", tmp_path / "tracks.npz")
    (tmp_path / "empty").mkdir()
    refused("no data file in this folder. Expected files whose names end in one of .npz, .root", tmp_path / "empty")
    write_planes(tmp_path / "p")
    refused("no file of plane X", *sorted((tmp_path / "p").glob("*planeU.npz")), planes=["x"])
    refused("dataset.planes|planes: a plane is named twice", tmp_path, planes=["x", "x"])


def spoiled(kind, folder):
    write_planes(folder, base="a")
    write_planes(folder, base="b", seed=1)
    path = folder / "b_planeX.npz"
    with np.load(path) as content:
        images, table = content["images"], content["metadata"]
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "truncated":
        path.write_bytes(path.read_bytes()[:-200])
    elif kind == "missing":
        path.unlink()
    else:
        changed = {
            "width": (np.pad(images, ((0, 0), (0, 0), (0, 16))), table), "zero": (images * 0, table),
            "columns": (images, table[:, :9]), "objects": (images.astype(object), table),
        }  # fmt: skip
        np.savez(path, images=changed[kind][0], metadata=changed[kind][1])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("empty", "b_planeX.npz: the file is empty. Expected a whole npz file. Received '0 bytes'."),
        ("truncated", "b_planeX.npz: truncated or not an npz file"),
        ("missing", "plane X is missing: there are files of plane U, V only. Expected b_planeX.npz"),
        ("width", "b_planeX.npz: images of another width"),
        ("columns", "b_planeX.npz: metadata of unknown width"),
        ("zero", "the images of plane X are all zero. Expected ADC counts."),
        ("objects", "holds pickled objects, which may run code when they are read"),
    ],
)
def test_the_command_line_ends_with_code_2_and_one_line_for_each_mistake(kind, message, tmp_path, capsys):
    spoiled(kind, tmp_path)
    assert main(["inspect", str(tmp_path), "--dataset", "plane_images", "--output-dir", str(tmp_path)]) == 2
    text = capsys.readouterr().err
    assert message in text
    assert "Traceback" not in text
    assert all(line.endswith(".") for line in text.splitlines())
    assert len(text.splitlines()) <= 2


def test_numbers_of_events_are_kept_and_keep_events_apart(load, tmp_path):
    """Metadata of integers, which float64 does not hold: MeV and GeV/c as whole numbers."""
    for number, plane in enumerate("UVX"):
        images, columns = made(24)
        columns["momentum"] = np.tile([0, 0, 1], (24, 1))
        columns["energy"] = np.full(24, 1000)
        table = metadata(columns, 14, number, np.arange(24)).astype(np.int64)
        table[:, 0] = 2**60 + np.arange(24) // 4
        np.savez(tmp_path / f"prod_1_plane{plane}.npz", images=images[number], metadata=table)
    _, blocks = load(tmp_path)
    events = together(blocks)
    assert events.columns["event"].tolist() == (2**60 + np.arange(24) // 4).tolist()
    assert events.columns["match_id"].tolist() == list(range(24))
    assert len(np.unique(events.key)) == 6


def test_numbers_of_events_that_float32_does_not_hold(load, tmp_path):
    images, columns = made(24)
    table = metadata(columns, 14, 2, np.arange(24)).astype(np.float64)
    table[:, 0] = 5000000009 + np.arange(24) // 4
    np.savez(tmp_path / "prod_1_planeX.npz", images=images[2], metadata=table)
    _, blocks = load(tmp_path, planes=["x"])
    assert together(blocks).columns["event"].tolist() == (5000000009 + np.arange(24) // 4).tolist()


def test_keys_that_are_no_integers_are_refused(refused, tmp_path):
    write_matched(tmp_path, key=np.arange(24) + 0.5)
    refused(r"matched_1\.npz\.key: not keys of events\. Expected one integer per event", tmp_path)
