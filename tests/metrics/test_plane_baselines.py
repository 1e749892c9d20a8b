"""Baselines of liquid-argon images: a cut that is the best there is, an axis, and its sign from the truth."""

import numpy as np
import pytest

from app.core.errors import WirechamberError
from app.metrics import BASELINES
from app.metrics.baselines import applicable, fit
from app.metrics.baselines.charge_cut import best_cut
from app.metrics.classification import classification
from app.metrics.pointing import pointing
from app.predictions import Predictions

AXIS, VECTOR = ("axis_x", "axis_y", "axis_z"), ("direction_x", "direction_y", "direction_z")
COLUMNS = (*AXIS, "charge_u", "charge_v", "charge_x")


def sphere(rows, seed):
    vectors = np.random.default_rng(seed).normal(size=(rows, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def tracks(rows=20_000, seed=1, flips=0.4):
    """Isotropic directions, and axes a little off of which some are the wrong way round."""
    truth = sphere(rows, seed)
    rng = np.random.default_rng(seed + 1)
    axis = truth + 0.3 * rng.normal(size=truth.shape)
    axis *= np.where(rng.uniform(size=(rows, 1)) < flips, -1, 1) / np.linalg.norm(axis, axis=1, keepdims=True)
    names = [*AXIS, *(f"true_{name}" for name in VECTOR)]
    return dict(zip(names, [*axis.T, *truth.T], strict=True))


def measured(name, columns, train=None):
    found = BASELINES[name].call(train or tracks(1000, 5), {}, VECTOR)(columns)
    true = {n: columns[f"true_{n}"] for n in VECTOR}
    return pointing(Predictions(np.arange(len(true[VECTOR[0]]), dtype=np.uint64), true, found))


def test_the_axis_as_it_is_and_with_the_sign_of_the_truth():
    columns = tracks()
    as_it_is, signed = measured("principal_axis", columns), measured("principal_axis_true_sign", columns)
    assert as_it_is["head_tail_fraction"] == pytest.approx(0.4, abs=0.02)
    assert signed["head_tail_fraction"] == 0
    assert signed["axis_median_deg"] == signed["angle_median_deg"]
    assert signed["axis_median_deg"] == pytest.approx(as_it_is["axis_median_deg"], rel=1e-9)
    assert signed["angle_mean_deg"] < 40 < as_it_is["angle_mean_deg"]
    found = BASELINES["principal_axis"].call(columns, {}, VECTOR)(columns)
    np.testing.assert_array_equal(np.stack(list(found.values())), np.stack([columns[n] for n in AXIS]))


def test_axes_that_are_wrong_more_often_than_right_are_all_turned_round():
    columns = tracks(flips=0.7)
    fitted = BASELINES["principal_axis"].call(columns, {}, VECTOR)
    assert fitted.description == "principal axis of the charge, turned round"
    np.testing.assert_array_equal(np.stack(list(fitted(columns).values())), -np.stack([columns[n] for n in AXIS]))
    assert measured("principal_axis", columns, columns)["head_tail_fraction"] == pytest.approx(0.3, abs=0.02)
    single = {name: values[:5] for name, values in columns.items()}  # the bit is the training's, not the event's
    np.testing.assert_array_equal(fitted(single)["direction_x"], -single["axis_x"])


def test_isotropic_tracks_are_90_degrees_from_any_direction():
    found = measured("isotropic", tracks())
    assert found["angle_mean_deg"] == pytest.approx(90, abs=1)
    assert found["angle_median_deg"] == pytest.approx(90, abs=1.5)
    assert found["head_tail_fraction"] == pytest.approx(0.5, abs=0.02)
    assert found["axis_median_deg"] == pytest.approx(60, abs=1)


@pytest.mark.parametrize("name", ["principal_axis", "principal_axis_true_sign"])
def test_an_image_without_an_axis_counts_as_90_degrees(name):
    columns = tracks(3)
    columns["axis_y"][1] = np.nan
    found = BASELINES[name].call(tracks(100), {}, VECTOR)(columns)
    assert [values[1] for values in found.values()] == [0, 0, 0]
    true = {n: columns[f"true_{n}"][1:2] for n in VECTOR}
    one = Predictions(np.zeros(1, np.uint64), true, {n: values[1:2] for n, values in found.items()})
    assert pointing(one)["angle_mean_deg"] == pytest.approx(90)


def test_the_descriptions_say_who_looks_at_the_truth():
    fitted = fit(tracks(10), tracks(10), VECTOR)
    assert list(fitted) == ["isotropic", "principal_axis", "principal_axis_true_sign"]
    assert fitted["principal_axis_true_sign"].description == "principal axis of the charge, SIGN FROM THE TRUTH"
    assert [b.name for b in BASELINES if b.facts.truth] == ["principal_axis_true_sign"]


def brute(values, classes):
    """The most correct decisions of any cut at all."""
    edges = [-np.inf, *values, np.inf]
    return max(np.mean(((values > e) == above) == classes) for e in edges for above in (True, False))


@pytest.mark.parametrize("seed", range(20))
def test_no_other_cut_is_right_more_often(seed):
    """Ties among the values, classes of unequal share, either side."""
    rng = np.random.default_rng(seed)
    classes = rng.uniform(size=60) < rng.uniform(0.1, 0.9)
    values = np.round(rng.normal(size=60) + rng.choice([-1, 1]) * classes, 1)
    cut, above = best_cut(values, classes.astype(float))
    assert np.mean(((values > cut) == above) == classes) == brute(values, classes)


def events(rows=4000, seed=1, planes="uvx"):
    """Elastic scatters have less charge."""
    rng = np.random.default_rng(seed)
    is_es = rng.integers(0, 2, rows).astype(float)
    charge = {f"charge_{p}": np.exp(rng.normal(10.0 - is_es, 0.4, rows)) for p in planes}
    return {**charge, "true_is_es": is_es, "true_is_main_track": 1 - is_es}


def test_the_cut_is_on_the_sum_of_the_planes_that_are_known():
    for planes in ("x", "uvx"):
        train, test = events(planes=planes), events(seed=2, planes=planes)
        fitted = BASELINES["charge_cut"].call(train, {}, ("is_es",))
        total = np.log(sum(test[f"charge_{p}"] for p in planes))
        cut = float(fitted.description.split(" below ")[1])
        assert cut == pytest.approx(9.5 + np.log(len(planes)), abs=0.2)
        np.testing.assert_array_equal(fitted(test)["is_es"], fitted({"charge_total": np.exp(total)})["is_es"])
        assert np.mean(fitted(test)["is_es"] == test["true_is_es"]) > 0.85
    assert fitted.description.startswith("cut on ln(total charge): is_es = 1 below 10.")


def test_each_target_has_its_own_cut_and_side():
    train = events()
    fitted = BASELINES["charge_cut"].call(train, {}, ("is_es", "is_main_track"))
    found = fitted(events(seed=2))
    np.testing.assert_array_equal(found["is_es"], 1 - found["is_main_track"])
    assert "is_es = 1 below" in fitted.description
    assert "is_main_track = 1 above" in fitted.description


def test_its_decisions_are_measured_like_those_of_a_network():
    train, test = events(), events(seed=2)
    values = BASELINES["charge_cut"].call(train, {}, ("is_es",))(test)
    key = np.arange(len(test["charge_u"]), dtype=np.uint64)
    columns = {name: test[name] for name in ("charge_u", "charge_v", "charge_x")}
    found = classification(Predictions(key, {"is_es": test["true_is_es"]}, values, {}, columns))
    assert found["accuracy"] > 0.85
    assert found["f1"] > 0.85
    assert found["auc_charge"] > 0.9
    assert "auc" not in found


def test_classes_that_overlap_wholly_are_not_cut():
    train = {"charge_total": np.full(10, 5.0), "true_is_es": np.array([1.0] * 7 + [0.0] * 3)}
    assert BASELINES["charge_cut"].call(train, {}, ("is_es",))(train)["is_es"].tolist() == [1] * 10


def test_events_without_a_charge():
    train = events(100)
    train["charge_u"][::2] = np.nan
    fitted = BASELINES["charge_cut"].call(train, {}, ("is_es",))
    assert set(fitted(train)["is_es"]) == {0, 1}
    train["charge_u"][:] = np.nan
    with pytest.raises(WirechamberError, match="no training events with a charge"):
        BASELINES["charge_cut"].call(train, {}, ("is_es",))


def test_those_that_apply():
    axes = ["isotropic", "principal_axis", "principal_axis_true_sign"]
    assert applicable(COLUMNS, VECTOR) == axes
    assert applicable(("charge_x",), ("is_es",), classes=True) == ["charge_cut", "most_frequent"]
    assert applicable(("charge_total",), ("is_es", "is_main_track")) == ["charge_cut", "mean"]
    assert applicable(COLUMNS, ("energy",)) == ["mean"]
    assert applicable(("light",), ("is_es",), classes=True) == ["most_frequent"]
