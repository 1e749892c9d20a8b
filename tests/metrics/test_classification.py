import json

import numpy as np
import pytest
from sklearn import metrics as oracle

from app.core.errors import WirechamberError
from app.metrics import METRICS, MetricFacts
from app.metrics.classification import classification
from app.metrics.statistics.bins import edges_for
from app.metrics.statistics.classes import roc
from app.predictions import Predictions


def predictions(true, predicted, probability=None, columns=None, target="n_gamma"):
    probability = {} if probability is None else {f"{target}_{k}": p for k, p in enumerate(np.asarray(probability).T)}
    true, predicted = np.asarray(true, float), np.asarray(predicted, float)
    key = np.arange(len(true), dtype=np.uint64)
    return Predictions(key, {target: true}, {target: predicted}, {}, columns or {}, {}, probability)


def sample(rows=3000, classes=5, seed=1):
    """True classes of unequal shares, and probabilities that know something of them; ties among them."""
    rng = np.random.default_rng(seed)
    true = rng.choice(classes, rows, p=np.arange(1, classes + 1) / (classes * (classes + 1) / 2))
    logits = np.round(rng.normal(0, 1, (rows, classes)) + 1.5 * np.eye(classes)[true], 1)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return true, p


def test_by_hand():
    found = classification(predictions([0, 0, 0, 2], [0, 0, 1, 1]))
    assert found["accuracy"] == 0.5
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["confusion"] == [[2, 1, 0], [0, 0, 0], [0, 1, 0]]
    assert found["precision"] == pytest.approx((2 / 2 + 0 / 2) / 2)  # of the classes 0 and 2, which occur
    assert found["recall"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["f1"] == pytest.approx((2 * 2 / (2 + 3) + 0) / 2)
    decisions = {"accuracy", "balanced_accuracy", "precision", "recall", "f1", "confusion"}
    assert set(found) == {*decisions, "rows", "bins"}


def test_against_an_independent_implementation():
    true, p = sample()
    predicted = p.argmax(axis=1)
    found = classification(predictions(true, predicted, p))
    assert found["accuracy"] == pytest.approx(oracle.accuracy_score(true, predicted))
    assert found["balanced_accuracy"] == pytest.approx(oracle.balanced_accuracy_score(true, predicted))
    assert found["log_loss"] == pytest.approx(oracle.log_loss(true, p))
    assert found["auc"] == pytest.approx(oracle.roc_auc_score(true, p, multi_class="ovr", average="macro"), rel=1e-12)
    for key, function in (
        ("precision", oracle.precision_score),
        ("recall", oracle.recall_score),
        ("f1", oracle.f1_score),
    ):
        assert found[key] == pytest.approx(function(true, predicted, average="macro"))
    assert found["confusion"] == oracle.confusion_matrix(true, predicted).tolist()
    json.dumps(found, allow_nan=False)


def test_of_two_classes_the_decisions_are_those_for_class_1():
    true, p = sample(500, 2)
    predicted = p.argmax(axis=1)
    found = classification(predictions(true, predicted, p, target="is_es"))
    for key, function in (
        ("precision", oracle.precision_score),
        ("recall", oracle.recall_score),
        ("f1", oracle.f1_score),
    ):
        assert found[key] == pytest.approx(function(true, predicted))


def test_a_class_that_is_never_named_and_one_that_is_not_there():
    never = classification(predictions([0, 1, 1], [0, 0, 0]))
    assert (never["precision"], never["recall"], never["f1"]) == (0, 0, 0)
    assert not {"precision", "recall", "f1"} & classification(predictions([0, 0], [0, 1])).keys()


def charged(rows=6000, seed=4):
    """Class 1 has more energy, charge follows energy, and the network sees nothing but the charge."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 2, rows)
    share = rng.uniform(size=rows) ** 1.5
    energy = 0.015 + 0.045 * np.where(true == 1, 1 - share, share)
    columns = {"energy": energy, **{f"charge_{p}": energy * rng.normal(2e5, 1e4, rows) for p in "uvx"}}
    charge = sum(columns[f"charge_{p}"] for p in "uvx")
    return true, charge, columns


def test_the_charge_alone_stands_beside_the_network():
    true, charge, columns = charged()
    p = 1 / (1 + np.exp(-(np.log(charge) - 9.5)))
    found = classification(predictions(true, p, columns=columns, target="is_es"))
    assert found["auc_charge"] == pytest.approx(oracle.roc_auc_score(true, charge), rel=1e-12)
    assert found["auc"] == pytest.approx(found["auc_charge"], rel=1e-9)  # it knows nothing more
    assert found["auc"] > 0.6
    for one in found["bins"]:
        below = np.less_equal if one is found["bins"][-1] else np.less
        inside = (columns["energy"] >= one["low"]) & below(columns["energy"], one["high"])
        assert one["auc_charge"] == pytest.approx(oracle.roc_auc_score(true[inside], charge[inside]), rel=1e-12)
        assert abs(one["auc_charge"] - 0.5) < 0.1  # in a bin of energy the charge says little


def test_the_side_of_the_charge_is_chosen_once():
    """Class 1 has less charge: the area is that of the better side; in a bin where it is the other way below 1/2."""
    true, _, columns = charged()
    of_zero = predictions(1 - true, 1 - true, columns=columns, target="is_es")
    found, same = classification(of_zero), classification(predictions(true, true, columns=columns))
    assert found["auc_charge"] == pytest.approx(same["auc_charge"], rel=1e-12)
    few = {"energy": np.array([0.016, 0.016, 0.055, 0.055, 0.055]), "charge_total": np.array([1e3, 2e3, 9e3, 4e3, 5e3])}
    low, high = classification(predictions([0, 1, 1, 0, 0], [0] * 5, columns=few))["bins"]
    assert (low["auc_charge"], high["auc_charge"]) == (1.0, 1.0)
    few["charge_total"][:2] = few["charge_total"][:2][::-1]
    low, high = classification(predictions([0, 1, 1, 0, 0], [0] * 5, columns=few))["bins"]
    assert (low["auc_charge"], high["auc_charge"]) == (0.0, 1.0)


def test_no_area_of_the_charge_where_it_is_not_known_or_classes_are_more():
    true, _, columns = charged(300)
    assert "auc_charge" not in classification(predictions(true, true))
    unknown = {**columns, "charge_u": np.where(true == 1, np.nan, 1.0)}
    assert "auc_charge" not in classification(predictions(true, true, columns=unknown))
    assert "auc_charge" not in classification(predictions(2 * true, true, columns=columns))


def test_the_curve_is_one_and_ties_pass_together():
    true, p = sample(400, 2)
    x, y = roc(true == 1, p[:, 1])
    known_x, known_y, _ = oracle.roc_curve(true, p[:, 1], drop_intermediate=False)
    np.testing.assert_allclose(x, known_x)
    np.testing.assert_allclose(y, known_y)
    np.testing.assert_allclose(roc(np.array([True, False]), np.array([0.5, 0.5])), [[0, 1], [0, 1]])


def test_the_probability_of_yes_is_read_as_two_classes():
    """The head `sigmoid` gives the probability of 1 as the prediction; the mean baseline a constant one."""
    true, p = sample(500, 2)
    as_yes, as_classes = predictions(true, p[:, 1]), predictions(true, p[:, 1] >= 0.5, p)
    one, other = classification(as_yes), classification(as_classes)
    assert one.keys() == other.keys()
    for key in ("accuracy", "balanced_accuracy", "log_loss", "auc"):
        assert one[key] == pytest.approx(other[key], rel=1e-4)  # ties of p are rounded apart in 1 - p
    constant = classification(predictions(true, np.full(500, true.mean())))
    assert constant["auc"] == pytest.approx(0.5)
    assert constant["balanced_accuracy"] == 0.5


def test_bins_of_energy_have_the_same_classes():
    """Only class 0 lies at low energy: no curve there, and a confusion of the same size."""
    true, p = sample(300, 3)
    energy = np.where(true == 0, 0.016, 0.055)
    found = classification(predictions(true, p.argmax(1), p, {"energy": energy}))
    low, high = found["bins"]
    assert np.shape(low["confusion"]) == np.shape(high["confusion"]) == (3, 3)
    assert np.add(low["confusion"], high["confusion"]).tolist() == found["confusion"]
    assert "auc" not in low
    assert "auc" in high
    assert low["rows"] + high["rows"] == 300


def test_without_edges_the_bins_hold_equally_many_events():
    """Supernova electrons have other energies than the photons of a calorimeter."""
    true, p = sample(600, 3)
    energy = 0.005 + 0.065 * np.linspace(0, 1, 600) ** 2
    found = classification(predictions(true, p.argmax(1), p, {"energy": energy}))["bins"]
    assert [one["rows"] for one in found] == [100] * 6
    assert (found[0]["low"], found[-1]["high"]) == (pytest.approx(0.005), pytest.approx(0.07))
    asked = classification(predictions(true, p.argmax(1), p, {"energy": energy}), energy_bins=(0.005, 0.02, 0.07))
    assert [(one["low"], one["high"]) for one in asked["bins"]] == [(0.005, 0.02), (0.02, 0.07)]


def test_edges_of_few_energies_and_of_none():
    assert edges_for(np.array([1.0, 1, 1, 1, 1, 3, np.nan]), None) == (1, 2, 3)
    assert edges_for(np.array([2.0, 2.0]), None) == (2, 2)
    assert edges_for(np.array([np.nan]), None) == edges_for(None, None) == ()
    assert edges_for(None, (1.0, 2.0)) == (1, 2)


def test_an_event_without_an_energy_lies_in_no_bin():
    true, p = sample(100, 3)
    energy = np.where(true == 0, np.nan, 0.03)
    found = classification(predictions(true, p.argmax(1), p, {"energy": energy}))
    assert found["rows"] == 100
    assert [b["rows"] for b in found["bins"]] == [np.sum(true > 0)]


def test_several_targets_are_averaged():
    true, p = sample(500, 2)
    one, other = predictions(true, p[:, 1], target="a"), predictions(true, 1 - p[:, 1], target="b")
    both = Predictions(one.key, {**one.true, **other.true}, {**one.predicted, **other.predicted})
    found = classification(both)
    assert found["a_auc"] == classification(one)["auc"]
    assert found["auc"] == pytest.approx((found["a_auc"] + found["b_auc"]) / 2)
    assert found["auc"] == pytest.approx(0.5, abs=1e-3)  # one is the other turned round, but for ties
    assert found["a_confusion"] == classification(one)["confusion"]
    assert "confusion" not in found


def test_a_certain_mistake_is_finite():
    found = classification(predictions([1, 0], [0, 0], [[1.0, 0.0], [1.0, 0.0]]))
    assert found["log_loss"] == pytest.approx(87.34 / 2, rel=1e-3)


@pytest.mark.parametrize(
    ("true", "predicted", "probability", "text"),
    [
        ([0, 1.5], [0, 1], None, "the true values of n_gamma are not numbers of classes"),
        ([0, -1], [0, 1], None, "the true values of n_gamma are not numbers of classes"),
        ([0, 1], [0, -1], None, "the predicted values of n_gamma are not numbers of classes"),
        ([0, 3], [0.2, 2.7], None, "the predicted values of n_gamma are neither classes nor probabilities"),
        ([0, 3], [0, 1], [[0.5, 0.5]] * 2, "class 3 of n_gamma is none of the 2 that have a probability"),
        ([0, np.nan], [0, 1], None, "1 of 2 true values of n_gamma are not finite"),
        ([], [], None, "no rows to measure n_gamma on"),
    ],
)
def test_what_is_no_class(true, predicted, probability, text):
    with pytest.raises(WirechamberError, match=text):
        classification(predictions(true, predicted, probability))


def test_more_is_better():
    assert METRICS["classification"].facts == MetricFacts(primary="accuracy", better="higher", binned_in="E [GeV]")
