"""Photon sensors from ROOT trees, ours and others', and what the loader refuses."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import uproot

from app.physics.xenon_calorimeter import SENSORS, positions, to_uvw
from datasets import SIMULATORS
from datasets.files import root
from datasets.pipeline.options import DatasetOptions
from datasets.pipeline.split import split

DATASET = "photon_sensors"

ROWS = 60
LAYOUT = {
    "npho": ("f4", (SENSORS,)), "relative_time": ("f4", (SENSORS,)), "emiAng": ("f4", (2,)), "energyTruth": "f4",
    "timeTruth": "f8", "uvwTruth": ("f4", (3,)), "emiVec": ("f4", (3,)), "nGamma": "i4", "run": "i4", "event": "i4",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("photons")
    options = {"events": ROWS, "shard_size": 40, "pile_up": 0.5, "empty": 0.1}
    SIMULATORS.parse({"name": "photon_sensors", **options}).build(out)
    return out


@pytest.fixture
def content(folder):
    """All branches of the simulated files, for a test to change."""
    arrays = uproot.concatenate([f"{path}:tree" for path in sorted(folder.glob("*.root"))], library="np")
    return {name: np.array(values) for name, values in arrays.items()}


@pytest.fixture
def write(tmp_path):
    """Write branches into a file as somebody else would and return its path."""

    def written(arrays, name="events.root", tree="tree"):
        with uproot.recreate(tmp_path / name) as file:
            file.mktree(tree, {key: (values.dtype, values.shape[1:]) for key, values in arrays.items()})
            file[tree].extend(arrays)
        return tmp_path / name

    return written


def one_gamma(content):
    return {name: values[content["nGamma"] > 0] for name, values in content.items()}


def test_our_files_are_read_as_they_stand(load, folder, content):
    source, blocks = load(folder / "shard_*.root", block_size=16, empty="keep")
    assert [len(block) for block in blocks] == [16, 16, 8, 16, 4]
    assert (source.rows, len(source.files)) == (ROWS, 5)
    sensors = np.concatenate([block.inputs["sensors"] for block in blocks])
    assert sensors.dtype == np.float32
    assert np.array_equal(sensors[..., 0], content["npho"], equal_nan=True)
    assert np.array_equal(sensors[..., 1], content["relative_time"], equal_nan=True)
    columns = {name: np.concatenate([block.columns[name] for block in blocks]) for name in blocks[0].columns}
    stored = {
        **dict(zip(("theta", "phi"), content["emiAng"].T, strict=True)),
        **dict(zip("uvw", content["uvwTruth"].T, strict=True)),
        **dict(zip(("direction_x", "direction_y", "direction_z"), content["emiVec"].T, strict=True)),
        **{"energy": content["energyTruth"], "time": content["timeTruth"], "n_gamma": content["nGamma"]},
    }
    assert set(source.targets) == set(stored)
    for name, values in stored.items():
        assert np.allclose(columns[name], values, rtol=1e-7, atol=0, equal_nan=True), name
    assert len(np.unique(np.concatenate([block.key for block in blocks]))) == ROWS


def test_a_time_keeps_its_picoseconds(load, folder, content):
    columns = load(folder / "*.root", empty="keep")[1][0].columns
    assert np.nanmax(np.abs(columns["time"].astype(float) - content["timeTruth"][:40])) < 1e-15


def test_the_input_names_its_layer(load, folder):
    source, _ = load(folder / "*.root", scaling="anscombe")
    sensors = source.inputs["sensors"]
    assert sensors.shape == (SENSORS, 2)
    assert [column.name for column in sensors.columns] == ["npho", "relative_time"]
    assert sensors.layer == {"name": "sensor_channels", "scaling": "anscombe"}
    assert source.facts["dataset"] == "photon_sensors"


def test_events_without_a_gamma_are_dropped_unless_asked_for(load, folder, content, caplog):
    number = int((content["nGamma"] == 0).sum())
    assert number > 0
    with caplog.at_level(logging.INFO):
        _, blocks = load(folder / "*.root")
    assert sum(len(block) for block in blocks) == ROWS - number
    assert all((block.columns["n_gamma"] > 0).all() for block in blocks)
    assert "have no gamma (n_gamma = 0) and were dropped" in caplog.text
    assert sum(len(block) for block in load(folder / "*.root", empty="keep")[1]) == ROWS


def test_invalid_readings_become_nan(the_events, content, write):
    """NaN, beyond 9e9 with either sign, infinity, dead channels, times of little light; everything else stays."""
    arrays = one_gamma(content)
    npho, times = arrays["npho"], arrays["relative_time"]
    npho[:] = np.linspace(-5, 500, SENSORS)
    times[:] = np.linspace(-1e-7, 1e-7, SENSORS)
    npho[0, 100:104], times[0, 200:204] = [1e10, np.nan, -1e10, np.inf], [1e10, np.nan, -1e10, -np.inf]
    npho[1, 300], times[1, 4000] = 8.9e9, 8e9
    sensors = the_events(write(arrays), dead=[7, 4759], time_threshold=60.0).inputs["sensors"]
    light, time = sensors[..., 0], sensors[..., 1]
    lost = np.zeros(npho.shape, bool)
    lost[:, [7, 4759]] = lost[0, 100:104] = True
    assert np.array_equal(np.isnan(light), lost)
    assert np.array_equal(light[~lost], npho[~lost])
    timeless = lost | (npho < 60)
    timeless[0, 200:204] = True
    assert np.array_equal(np.isnan(time), timeless)
    assert np.array_equal(time[~timeless], times[~timeless])


def test_sums_for_the_baselines(the_events, content, write):
    arrays = one_gamma(content)
    arrays["npho"][0], arrays["relative_time"][0] = 0.0, np.nan
    arrays["npho"][0, [10, 500, 4700]] = [100.0, 300.0, -50.0]
    arrays["npho"][1] = np.nan
    columns = the_events(write(arrays)).columns
    place = to_uvw(positions())
    assert columns["light"][0] == 350.0
    centroid = [columns[f"centroid_{axis}"][0] for axis in "uvw"]
    assert centroid == pytest.approx(list(0.25 * place[10] + 0.75 * place[500]), abs=1e-4)
    assert np.isnan(columns["time_first"][0])
    assert columns["light"][1] == 0
    assert np.isnan(columns["centroid_u"][1])
    for row in (2, 3):
        light, times = arrays["npho"][row], arrays["relative_time"][row, ::8]
        assert columns["light"][row] == pytest.approx(np.nansum(light), rel=1e-6)
        weight = np.nan_to_num(np.maximum(light, 0)).astype(float)
        assert columns["centroid_w"][row] == pytest.approx(weight @ place[:, 2] / weight.sum(), rel=1e-5)
        valid = np.sort(times[np.isfinite(times) & (light[::8] >= 50)])
        assert columns["time_first"][row] == valid[int(0.05 * len(valid))]


def test_sums_follow_the_truth(load, folder):
    _, blocks = load(folder / "*.root")
    columns = {name: np.concatenate([block.columns[name] for block in blocks]) for name in blocks[0].columns}
    alone = columns["n_gamma"] == 1
    pairs = {"light": "energy", "centroid_u": "u", "centroid_v": "v", "centroid_w": "w", "time_first": "time"}
    for found, true in pairs.items():
        assert np.corrcoef(columns[found][alone], columns[true][alone])[0, 1] > 0.85, found


def test_branches_of_other_names_and_layouts(the_events, content, write):
    arrays = one_gamma(content)
    arrays["light"], arrays["angles"] = arrays.pop("npho").astype(np.float64), arrays.pop("emiAng")[:, ::-1].copy()
    arrays["polar"] = arrays["angles"][:, 1].copy()
    names = {"npho": "light", "theta": "polar", "phi": "angles[0]"}
    usual = the_events(write(one_gamma(content), "usual.root"))
    other = the_events(write(arrays, "other.root", tree="sim"), branches=names, tree="sim")
    assert np.array_equal(usual.inputs["sensors"], other.inputs["sensors"], equal_nan=True)
    assert all(np.array_equal(usual.columns[name], other.columns[name], equal_nan=True) for name in usual.columns)
    assert np.array_equal(usual.key, other.key)


def test_a_file_without_truth_has_no_targets(load, content, write):
    arrays = {name: content[name] for name in ("npho", "relative_time")}
    source, (events,) = load(write(arrays))
    assert not source.targets
    assert set(events.columns) == {"light", "centroid_u", "centroid_v", "centroid_w", "time_first"}
    assert len(np.unique(events.key)) == ROWS


def test_keys_by_event_and_by_readings(the_events, content, write):
    arrays = one_gamma(content)
    first = the_events(write(arrays, "a.root"))
    again = {**arrays, "run": arrays["run"] + 1}
    assert not np.isin(the_events(write(again, "b.root")).key, first.key).any()
    readings = the_events(write(arrays, "a.root"), key="readings").key
    assert np.array_equal(the_events(write(again, "b.root"), key="readings").key, readings)
    arrays["npho"][0, 0] += 1
    assert (the_events(write(arrays, "c.root"), key="readings").key != readings).sum() == 1


def test_streamed_splits_hold_every_event_once_and_the_same(load, folder):
    source, _ = load(folder / "*.root", block_size=16)
    parts = {"train": 0.5, "validation": 0.25, "test": 0.25}
    kept, streamed = (
        split(source, DatasetOptions(files=("x",), split=parts, streaming=streaming)) for streaming in (False, True)
    )
    keys = [key for part in (streamed.train, streamed.validation, streamed.test) for key in part.events().key]
    assert len(set(keys)) == len(keys) == sum(len(block) for block in source)
    assert np.array_equal(kept.train.events().key, streamed.train.events().key)
    batches = [next(part.train.windows(3)) for part in (kept, streamed)]
    assert np.array_equal(batches[0].inputs["sensors"], batches[1].inputs["sensors"], equal_nan=True)


def test_duplicates_are_refused(refused, the_events, folder, content, write):
    shard = folder / "shard_00000.root"
    refused("of its events are also in .*shard_00000.root", shard, shard)
    arrays = one_gamma(content)
    arrays["event"][3] = arrays["event"][1]
    refused("1 rows are duplicates, the first of row 1", write(arrays))
    assert len(the_events(write(arrays), key="readings")) == len(arrays["event"])


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("energyTruth", lambda a: a * 1000, "is the energy in MeV.*Expected energy from 0 to 1 GeV"),
        ("timeTruth", lambda a: a * 1e9, "is the time in ns"),
        ("uvwTruth", lambda a: a * 10, "is the position in mm"),
        ("emiVec", lambda a: a * 0.9, "directions are not unit vectors"),
        ("emiVec", lambda a: -a, "directions contradict theta and phi"),
        ("emiAng", lambda a: a * 4, "theta: .* out of range"),
        ("nGamma", lambda a: a + 4, "n_gamma: .* out of range"),
        (
            "energyTruth",
            lambda a: np.where(np.arange(len(a)) == 5, np.nan, a),
            "1 of .* not finite, the first at row 5",
        ),
        ("npho", lambda a: a * np.nan, "no valid reading"),
        ("npho", lambda a: a[:, :4000], "not the readings of this calorimeter. Expected 4760 numbers per event"),
        ("emiAng", lambda a: a[:, :1], "too few elements. Expected at least 2 numbers per event for the column 'phi'"),
        ("energyTruth", lambda a: np.stack([a, a], -1), "not a column of numbers.*energyTruth\\[0\\]"),
    ],
)
def test_bad_content_is_one_clear_line(refused, name, change, message, content, write):
    arrays = one_gamma(content)
    arrays[name] = np.ascontiguousarray(change(arrays[name]).astype(arrays[name].dtype))
    refused(message, write(arrays))


def test_an_event_that_is_dropped_may_hold_anything(the_events, content, write):
    """The largest double, a usual marker for no value, does not fit float32."""
    energy = content["energyTruth"].astype(np.float64)
    energy[content["nGamma"] == 0] = np.finfo(np.float64).max
    events = the_events(write({**content, "energyTruth": energy}))
    assert len(events) == (content["nGamma"] > 0).sum()


def test_events_without_truth_can_be_dropped(the_events, content, write, caplog):
    arrays = one_gamma(content)
    arrays["energyTruth"][:3] = np.nan
    with caplog.at_level(logging.WARNING):
        assert len(the_events(write(arrays), on_invalid="drop")) == len(arrays["event"]) - 3
    assert "3 of" in caplog.text


def test_bad_names(refused, folder, content, write):
    shard = folder / "shard_00000.root"
    refused("unknown tree. Did you mean 'tree'", shard, tree="trees")
    refused(
        "unknown branch for the column 'energy'.*Did you mean 'energyTruth'", shard, branches={"energy": "energyTrut"}
    )
    refused("dataset.branches: unknown column. Did you mean 'energy'", shard, branches={"enrgy": "energyTruth"})
    missing = {name: values for name, values in content.items() if name != "relative_time"}
    refused("unknown branch for the column 'relative_time'", write(missing))
    fewer = {name: values for name, values in content.items() if name != "energyTruth"}
    refused("has no branch for the column 'energy'", shard, write(fewer))
    refused("dead.0: not valid", shard, dead=[4760])


def test_a_truncated_file(refused, folder, tmp_path):
    whole = (folder / "shard_00000.root").read_bytes()
    for share in (0.3, 0.9):
        (tmp_path / "cut.root").write_bytes(whole[: int(share * len(whole))])
        refused("not a whole ROOT file", tmp_path / "cut.root")
    (tmp_path / "empty.root").write_bytes(b"")
    refused("not a whole ROOT file", tmp_path / "empty.root")


def test_a_file_without_events(refused, content, write):
    refused("no events in these files", write({name: values[:0] for name, values in content.items()}))


def test_vectors_of_one_length_are_as_good_as_arrays(refused, the_events, content, tmp_path):
    import awkward

    arrays = one_gamma(content)
    regular = {name: awkward.Array(list(values[:5])) for name, values in arrays.items() if values.ndim == 2}
    flat = {name: values[:5] for name, values in arrays.items() if values.ndim == 1}
    with uproot.recreate(tmp_path / "jagged.root") as file:
        file.mktree("tree", dict.fromkeys(regular, "var * float32") | {n: v.dtype for n, v in flat.items()})
        file["tree"].extend(regular | flat)
    events = the_events(tmp_path / "jagged.root")
    assert np.array_equal(events.inputs["sensors"][..., 0], arrays["npho"][:5], equal_nan=True)
    with uproot.recreate(tmp_path / "uneven.root") as file:
        regular["npho"] = awkward.Array([values[: SENSORS - (i == 2)] for i, values in enumerate(arrays["npho"][:5])])
        file.mktree("tree", dict.fromkeys(regular, "var * float32") | {n: v.dtype for n, v in flat.items()})
        file["tree"].extend(regular | flat)
    refused("npho: jagged, or no numbers. Expected the same number of values in every event", tmp_path / "uneven.root")


def test_numbers_of_events_in_nanoseconds_keep_events_apart(load, content, write):
    content = one_gamma(content)
    rows = len(content["nGamma"])
    content["event"] = 1764000000000000000 + 25 * np.arange(rows)
    _, blocks = load(write(content), block_size=7)
    assert len(np.unique(np.concatenate([block.key for block in blocks]))) == rows


def test_other_branches_are_different_data(load, folder):
    path = sorted(folder.glob("*.root"))[0]
    found = [load(path, branches=names)[0].fingerprint for names in ({}, {"u": "uvwTruth[0]"}, {"u": "uvwTruth[1]"})]
    assert found[0] == found[1] == root.fingerprint([path])
    assert found[2] != found[0]
