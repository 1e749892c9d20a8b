"""The mean of an ensemble's members: by hand, per kind of answer, saved and loaded again."""

import keras
import numpy as np
import pytest
from drawn import examples
from hypothesis import strategies as st

from app.layers.ensemble_mean import EnsembleMean, combine_members, concentration_of, mean_length


def combined(mean, *members):
    arrays = [{what: np.asarray(values, np.float32) for what, values in one.items()} for one in members]
    found = EnsembleMean(mean)([{what: keras.ops.convert_to_tensor(a) for what, a in one.items()} for one in arrays])
    return {what: np.asarray(values) for what, values in found.items()}


def test_values_and_the_width_of_their_mixture():
    found = combined(
        "values", {"value": [[1.0, 5.0]], "sigma": [[3.0, 1.0]]}, {"value": [[3.0, 5.0]], "sigma": [[1.0, 1.0]]}
    )
    assert found["value"].tolist() == [[2.0, 5.0]]
    assert found["spread"][0] == pytest.approx([np.sqrt(2.0), 0.0])  # (1 + 1) / (2 - 1)
    assert found["sigma"][0] == pytest.approx([np.sqrt(5.0 + 2.0), 1.0])


@pytest.mark.parametrize(("mean", "values", "expected"), [
    ("inverse", (1.0, 3.0), 1.5),
    ("log", (1.0, 100.0), 10.0),
    ("circular", (3.1, -3.1), np.pi),
    ("circular", (0.2, 0.4), 0.3),
    ("values", (1.0, 3.0), 2.0),
])  # fmt: skip
def test_values_are_averaged_where_the_network_saw_them(mean, values, expected):
    found = combined(mean, *({"value": [[value]]} for value in values))
    assert abs(found["value"][0, 0]) == pytest.approx(expected, rel=1e-5)


def test_angles_are_apart_the_short_way_round():
    found = combined("circular", {"value": [[3.1]]}, {"value": [[-3.1]]})
    assert found["spread"][0, 0] == pytest.approx(np.sqrt(2) * (np.pi - 3.1), rel=1e-3)


def test_directions_at_right_angles():
    found = combined("unit_vector", {"value": [[2.0, 0, 0]]}, {"value": [[0, 5.0, 0]]})
    assert found["value"][0] == pytest.approx([np.sqrt(0.5), np.sqrt(0.5), 0])
    assert found["spread"][0, 0] == pytest.approx(np.sqrt(2) * np.pi / 4)
    assert "concentration" not in found


def test_a_member_that_knows_nothing_does_not_turn_the_direction():
    sure = {"value": [[1.0, 0, 0]], "concentration": [[50.0]]}
    unsure = {"value": [[0, 1.0, 0]], "concentration": [[1e-6]]}
    found = combined("unit_vector", sure, unsure)
    assert found["value"][0] == pytest.approx([1, 0, 0], abs=1e-5)
    assert found["concentration"][0, 0] == pytest.approx(float(concentration_of(0.98 / 2)), rel=1e-4)


def test_members_that_agree_are_as_sure_as_one_of_them():
    one = {"value": [[0, 0, 1.0]], "concentration": [[20.0]]}
    assert combined("unit_vector", one, one, one)["concentration"][0, 0] == pytest.approx(20.0, rel=0.06)


def test_opposite_directions_are_finite_and_know_nothing():
    found = combined(
        "unit_vector",
        {"value": [[0, 0, 1.0]], "concentration": [[9.0]]},
        {"value": [[0, 0, -1.0]], "concentration": [[9.0]]},
    )
    assert found["concentration"][0, 0] == pytest.approx(0.0, abs=1e-5)
    assert np.all(np.isfinite(found["value"]))


def test_concentration_from_length_is_good_to_six_per_cent():
    k = np.geomspace(1e-3, 1e3, 200)
    length = np.asarray(mean_length(keras.ops.convert_to_tensor(k)))
    assert length == pytest.approx(1 / np.tanh(k) - 1 / k, rel=1e-4)
    assert np.asarray(concentration_of(keras.ops.convert_to_tensor(length))) == pytest.approx(k, rel=0.06)


def test_the_class_is_that_of_the_mean_probability():
    found = combined(
        "values",
        {"value": [[0.0]], "probability": [[0.6, 0.4]]},
        {"value": [[1.0]], "probability": [[0.1, 0.9]]},
    )
    assert found["value"].tolist() == [[1.0]]
    assert found["probability"][0] == pytest.approx([0.35, 0.65])
    assert found["spread"][0] == pytest.approx([np.sqrt(2) * 0.25] * 2)


def member(scale):
    state = keras.Input((2,), name="state")
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(scale))(state)
    return keras.Model({"state": state}, {"p": dense}, name="model")


def test_one_model_that_is_saved_and_loaded(tmp_path):
    model = combine_members({"one": member(1.0), "other": member(3.0)}, {"p": "values"})
    x = {"state": np.array([[1.0, 2.0], [0.0, 1.0]], np.float32)}
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for one in (model, loaded):
        found = one(x)
        assert set(found) == {"p", "p_spread"}
        assert np.asarray(found["p"]) == pytest.approx(np.array([[6.0], [2.0]]))
        assert np.asarray(found["p_spread"]) == pytest.approx(np.sqrt(2) * np.array([[3.0], [1.0]]))


def test_the_mean_length_loses_no_digits_where_its_terms_cancel():
    """The closed form in float64; in float32 it is wrong by 3e-3 at k = 0.01, and differently in every runtime."""
    k = np.concatenate([np.geomspace(5e-3, 100, 500), [0.4999, 0.5, 0.5001]]).astype(np.float32)
    exact = 1 / np.tanh(k.astype(np.float64)) - 1 / k.astype(np.float64)
    assert np.asarray(mean_length(keras.ops.convert_to_tensor(k))) == pytest.approx(exact, rel=3e-6)


MEMBERS = {
    "values": st.floats(-(2.0**60), 2.0**60, width=32),
    "inverse": st.floats(2.0**-20, 2.0**20, width=32),
    "log": st.floats(2.0**-60, 2.0**60, width=32),
    "circular": st.floats(-1.5, 1.5, width=32),
}


@examples(20, 300, mean=st.sampled_from(sorted(MEMBERS)), data=st.data())
def test_a_mean_lies_between_its_members(tmp_path, mean, data):
    """Whatever they are, in whatever order; and of equal members it is what each of them says."""
    values = data.draw(st.lists(MEMBERS[mean], min_size=2, max_size=4))
    found = combined(mean, *({"value": [[value]]} for value in values))
    room = 1e-5 * max(map(abs, values)) + 1e-6
    assert min(values) - room <= found["value"][0, 0] <= max(values) + room
    assert 0.0 <= found["spread"][0, 0] < np.inf
    turned = combined(mean, *({"value": [[value]]} for value in values[::-1]))
    assert turned["value"][0, 0] == pytest.approx(found["value"][0, 0], rel=1e-4, abs=room)
    same = combined(mean, *[{"value": [[values[0]]]}] * 3)
    assert same["value"][0, 0] == pytest.approx(values[0], rel=2e-5, abs=1e-6)
