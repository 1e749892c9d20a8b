"""The change against a reference run, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.errors import UserError, WirechamberError
from app.metrics import METRICS
from app.metrics.change import change_by_bin
from app.predictions import Predictions

P = np.array([3.0, 4.0, 7.0, 60.0, 60.0])
KEY = np.array([5, 3, 9, 2**63 + 1, 7], np.uint64)


def predictions(errors, key=KEY, p=P, shift=0.0):
    """Predictions that are off by `errors` [mm] along x."""
    true = {"x": np.asarray(p) * 10 + shift, "y": np.zeros(len(key))}
    predicted = {"x": true["x"] + np.asarray(errors, float), "y": true["y"]}
    return Predictions(np.asarray(key, np.uint64), true, predicted, {}, {"p": np.asarray(p)})


REFERENCE = predictions([1, -3, 2, 4, 4])


def test_half_the_error_is_plus_50_and_twice_is_minus_100():
    found = change_by_bin(predictions([1, 1, 4, 3, -1]), REFERENCE)
    assert found == pytest.approx({"all": 100 * (14 - 10) / 14, "2-5": 50, "5-10": -100, "50-100": 50})


def test_the_first_studys_own_figures():
    """1.01 mm became 2.72 mm and was written down as -170 %: the sign that means better is plus."""
    before, after = predictions([1.01], KEY[:1], P[:1]), predictions([2.72], KEY[:1], P[:1])
    assert change_by_bin(after, before)["2-5"] == pytest.approx(-169.3, abs=0.1)
    assert change_by_bin(before, after)["2-5"] == pytest.approx(62.9, abs=0.1)


def test_a_run_against_itself_has_not_changed():
    assert change_by_bin(REFERENCE, REFERENCE) == {"all": 0, "2-5": 0, "5-10": 0, "50-100": 0}


def test_the_order_of_the_events_does_not_matter():
    judged = predictions([1, 1, 4, 3, -1])
    for order in ([4, 3, 2, 1, 0], [2, 0, 4, 1, 3]):
        assert change_by_bin(judged, REFERENCE.select(np.array(order))) == change_by_bin(judged, REFERENCE)


def test_another_metric_and_its_bins():
    fine = {"name": "track_residuals", "momentum_bins": [2, 3.5, 100]}
    found = change_by_bin(predictions([2, -3, 2, 4, 4]), REFERENCE, fine)
    assert found == pytest.approx({"all": -100 / 14, "2-3.5": -100, "3.5-100": 0})
    without_bins = change_by_bin(REFERENCE, predictions([2, -6, 4, 8, 8]), "regression")
    assert list(without_bins) == ["all"]


def test_more_is_better_where_the_metric_says_so(monkeypatch):
    class Accuracy:
        component = type("Component", (), {"facts": {"primary": "accuracy", "better": "higher"}})

        def build(self, events):
            return {"accuracy": float(events.predicted["x"].mean())}

    monkeypatch.setattr(type(METRICS), "parse", lambda *_: Accuracy())
    one, other = predictions([0.5], [1], [0.0]), predictions([0.75], [1], [0.0])
    assert change_by_bin(other, one) == pytest.approx({"all": 50})


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (predictions([1, 1], KEY[:2], P[:2]), "Received '2 and 5 events, 2 of them in both'."),
        (predictions([1] * 5, [5, 3, 9, 8, 7]), "Received '5 and 5 events, 4 of them in both'."),
        (predictions([1] * 5, shift=1.0), "different events: equal keys, but another true x."),
    ],
)
def test_other_events_are_refused(other, text):
    with pytest.raises(UserError, match="the two runs were measured on different events") as caught:
        change_by_bin(other, REFERENCE)
    assert text in str(caught.value)
    assert "Expected predictions of the same events." in str(caught.value)


def test_a_perfect_reference_has_no_shares():
    with pytest.raises(WirechamberError, match=r"the reference is perfect \(2-5\)"):
        change_by_bin(REFERENCE, predictions([0, 0, 2, 4, 4]))
