"""4,000 tracks through the real LHCb field, read by configuration alone; needs the external data."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from app.commands.init import first_job
from app.core.errors import UserError
from app.core.files import find_files
from datasets import DATASETS
from datasets.pipeline.split import split

DATA = Path(os.environ.get("WIRECHAMBER_EXTERNAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
FILE = DATA / "tracks" / "lhcb_v8r1_4000.npz"
pytestmark = [pytest.mark.external, pytest.mark.skipif(not FILE.is_file(), reason=f"no external data at {FILE}")]

CONTENT = {
    "name": "track_states",
    "files": "${WIRECHAMBER_EXTERNAL_DATA}/tracks/lhcb_v8r1_4000.npz",
    "start": "X_plane",
    "end": "Y_true",
    "qop_unit": "c/GeV",
    "z": [2665, 7826],
}


@pytest.fixture(autouse=True)
def _external_data(monkeypatch):
    monkeypatch.setenv("WIRECHAMBER_EXTERNAL_DATA", str(DATA))


def read(**changes):
    spec = DATASETS.parse({**CONTENT, **changes})
    source = spec.build(find_files(spec.options.files))
    (events,) = source
    return spec, source, events


def test_columns_and_units():
    _, source, events = read()
    with np.load(FILE) as content:
        theirs, ends = content["X_plane"], content["Y_true"]
    assert source.rows == len(events) == len(set(events.key.tolist())) == 4000
    state = events.inputs["state"].astype(np.float64)
    np.testing.assert_allclose(state[:, :4], theirs[:, :4], rtol=1e-6)
    np.testing.assert_allclose(state[:, 4] * 0.299792458, theirs[:, 4], rtol=1e-6)
    assert set(state[:, 5]) == {5161.0}
    np.testing.assert_allclose(events.columns["y"], ends[:, 1], rtol=1e-6)
    assert 2.0 <= events.columns["p"].min() < 2.02
    assert 99.0 < events.columns["p"].max() <= 100.0


def test_the_straight_line_misses_by_the_known_distance():
    """The data's description states rms(x) = 618 mm; these 4,000 tracks have 606.1 mm, which is 2 % from it."""
    _, _, events = read()
    x, tx, dz = (events.inputs["state"][:, i].astype(np.float64) for i in (0, 2, 5))
    rms = np.sqrt(np.mean((events.columns["x"] - (x + tx * dz)) ** 2))
    assert rms == pytest.approx(606.1, abs=0.1)
    assert rms == pytest.approx(618, rel=0.03)


def test_the_bend_is_that_of_the_magnet():
    """dpx = 0.2998 integral(B dl) for stiff, central tracks; 3.75 T m lie between the planes, of about 4 in all."""
    _, _, events = read()
    state = events.inputs["state"].astype(np.float64)
    stiff = (events.columns["p"] > 20) & (np.abs(state[:, 2:4]).max(axis=1) < 0.05)

    def px(tx, ty):
        return tx / np.sqrt(1 + tx**2 + ty**2)

    change = px(events.columns["tx"], events.columns["ty"]) - px(state[:, 2], state[:, 3])
    integral = np.median(change[stiff] / state[stiff, 4]) / 0.299792458
    assert np.count_nonzero(stiff) > 50
    assert abs(integral) == pytest.approx(3.754, abs=0.01)


def test_split_stays_when_the_rows_are_reordered(tmp_path):
    spec, source, _ = read()
    with np.load(FILE) as content:
        np.savez(tmp_path / "reversed.npz", **{name: content[name][::-1] for name in content.files})
    _, other, _ = read(files=str(tmp_path / "reversed.npz"))
    one, same = (split(s, spec.options).test.events().key for s in (source, other))
    assert set(one.tolist()) == set(same.tolist())
    assert 300 < len(one) < 500


def test_what_the_loader_says_without_configuration():
    with pytest.raises(UserError, match=r"unknown array\. Expected one of \[X_plane, Y_true\]\. Received 'X'"):
        read(start="X")
    with pytest.raises(UserError, match="the file has no dz"):
        read(z=None)
    made = first_job(FILE, None, [], [])["dataset"]
    assert (made["start"], made["end"]) == ("X_plane", "Y_true")
    assert made["z"] == [0.0, 5160.0]  # 5161 mm, by the tracks
