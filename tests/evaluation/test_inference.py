"""A loaded run: no events give no answers, and columns of the wrong shape are named."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.errors import UserError
from app.evaluation import load

TRACK = {"x": [1.0, 2.0], "y": [0.0, 0.0], "tx": [0.1, 0.1], "ty": [0.0, 0.0], "qop": [0.1, 0.2], "dz": [5e3, 5e3]}
WHAT = r"Expected numbers of shape \(N\)"


@pytest.fixture(scope="module")
def model(trained):
    return load(str(trained / "runs" / "trained"))


def test_a_notebook_shows_a_line(model, trained):
    targets, path = ["x", "y", "tx", "ty"], str(trained / "runs" / "trained")
    assert repr(model) == f"Loaded({path!r}, columns={{'state': {list(TRACK)}}}, targets={targets})"


def test_no_events_give_no_answers(model):
    found = model.predict({name: [] for name in TRACK})
    assert {name: values.shape for name, values in found.items()} == dict.fromkeys(("x", "y", "tx", "ty"), (0,))
    one = model.predict({name: values[:1] for name, values in TRACK.items()})
    both = model.predict(TRACK)
    for name, values in both.items():
        assert values[:1] == pytest.approx(one[name], rel=1e-5)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("ty", [1.0, 2.0, 3.0], r"^ty: another number of events\. Expected 2, as in x\. Received 3\.$"),
        ("ty", [], r"^ty: another number of events\. Expected 2, as in x\. Received 0\.$"),
        ("qop", 0.1, rf"^qop: another shape\. {WHAT}\. Received 'a single number'\.$"),
        ("x", [[1.0], [2.0]], rf"^x: another shape\. {WHAT}\. Received 'shape \[2, 1\]'\.$"),
        ("x", ["1", "2"], rf"^x: not an array of numbers\. {WHAT}"),
        ("x", [[1.0], []], rf"^x: not an array of numbers\. {WHAT}"),
        ("x", None, rf"^x: not an array of numbers\. {WHAT}"),
        ("qop", [0.1, 1e39], r"^qop: 1 of 2 values of 'qop' do not fit float32, the first at row 1\. "),
    ],
)
def test_a_column_of_the_wrong_shape_is_named(model, column, value, message):
    with pytest.raises(UserError, match=message):
        model.predict({**TRACK, column: value})


def test_numbers_of_any_type_are_taken(model):
    expected = model.predict({**TRACK, "x": [1.0, 2.0], "dz": [5000.0, 5000.0]})
    for kind in ("i1", "u2", ">i4", "i8", ">f8", "f2", "f4", "g"):
        found = model.predict({**TRACK, "x": np.array([1, 2], kind)})
        assert {n: v.tolist() for n, v in found.items()} == {n: v.tolist() for n, v in expected.items()}, kind
