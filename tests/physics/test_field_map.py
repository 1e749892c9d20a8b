import itertools

import numpy as np
import pytest

from app.core.errors import UserError
from app.physics.fields.field_map import FieldMap
from app.physics.fields.two_dipoles import TwoDipoles
from app.physics.magnetic_field import FIELDS

AXES = (np.arange(-20.0, 21.0, 10.0), np.arange(-10.0, 11.0, 5.0), np.arange(0.0, 81.0, 20.0))
GRID = np.meshgrid(*AXES, indexing="ij")


def trilinear(x, y, z):
    """A field that trilinear interpolation gives back exactly."""
    return np.stack([1e-3 * x + 2e-4 * y * z, 0.5 - 1e-5 * x * y * z + 1e-3 * z, 1e-4 * x * y + 0 * z], axis=-1)


VALUES = trilinear(*GRID)


def table(order=(0, 1, 2), field=1.0, length=1.0, head="% comment\n"):
    nodes = np.stack([g.ravel() for g in np.transpose(GRID, (0, *(1 + i for i in order)))], axis=1)
    rows = np.hstack([nodes / length, trilinear(*nodes.T) / field])
    return head + "\n".join(" ".join(f"{v:.9g}" for v in row) for row in rows)


def test_interpolation_is_exact_for_a_trilinear_field():
    field = FieldMap.of_grid(AXES, VALUES)
    x, y, z = np.random.default_rng(0).uniform([-20, -10, 0], [20, 10, 80], (200, 3)).T
    assert np.allclose(np.stack(field(x, y, z), axis=-1), trilinear(x, y, z), atol=1e-14)


def test_borders_belong_to_the_map_and_beyond_it_is_zero():
    field = FieldMap.of_grid(AXES, VALUES)
    for corner in itertools.product(*((axis[0], axis[-1]) for axis in AXES)):
        assert np.allclose(field(*corner), trilinear(*corner))
    for place in [(20.01, 0.0, 40.0), (0.0, -10.01, 40.0), (0.0, 0.0, 80.01), (np.nan, 0.0, 40.0), (np.inf, 0.0, 40.0)]:
        assert field(*place) == (0.0, 0.0, 0.0)
        assert not field.inside(*place)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_table_in_any_order_of_nodes_gives_the_same_map(tmp_path, order):
    (tmp_path / "map.txt").write_text(table(order))
    field = FIELDS.parse({"name": "map", "file": str(tmp_path / "map.txt")}).build()
    assert np.allclose(field.values, VALUES, atol=1e-8)


def test_units_of_the_header_are_understood_and_the_job_overrules_them(tmp_path):
    head = "# Length unit: cm\n! X Y Z mfnc.Bx (kG) mfnc.By (kG) mfnc.Bz (kG)\n"
    (tmp_path / "map.txt").write_text(table(field=0.1, length=10.0, head=head))
    spec = {"name": "map", "file": str(tmp_path / "map.txt")}
    assert np.allclose(FIELDS.parse(spec).build().values, VALUES, atol=1e-8)
    overruled = FIELDS.parse({**spec, "field_unit": "T", "length_unit": "m"}).build()
    assert np.allclose(overruled.values, 10 * VALUES, atol=1e-7)
    assert overruled.high == pytest.approx((2000.0, 1000.0, 8000.0))


def test_npz_in_cm_and_kilogauss_with_polarity_scale_and_offset(tmp_path):
    file = tmp_path / "map.npz"
    np.savez(file, x_cm=AXES[0] / 10, y_cm=AXES[1] / 10, z_cm=AXES[2] / 10, B_kG=VALUES * 10)
    spec = {"name": "map", "file": str(file), "polarity": -1, "scale": 0.5, "offset": [0.0, 0.0, 1000.0]}
    field = FIELDS.parse(spec).build()
    assert np.allclose(field(3.0, 2.0, 1030.0), -0.5 * trilinear(3.0, 2.0, 30.0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tensors_give_the_numbers_of_numpy_inside_a_compiled_function(dtype):
    from app.core.libraries import tf

    field = FieldMap.of_grid(AXES, VALUES)
    places = np.random.default_rng(0).uniform([-25, -12, -5], [25, 12, 85], (100, 3)).T.astype(dtype)
    found = tf.function(lambda *place: field(*place), jit_compile=True)(*map(tf.constant, places))
    assert np.allclose(found, field(*places), atol=1e-6 if dtype == "float32" else 1e-14)


def test_a_graph_for_other_compilers_has_no_loop_and_the_same_numbers():
    from app.core.libraries import tf
    from app.physics.arrays import for_other_compilers

    field = FieldMap.of_grid(AXES, VALUES)
    places = np.random.default_rng(0).uniform([-25, -12, -5], [25, 12, 85], (10, 3)).T
    given = [tf.constant(place) for place in places]

    def loops(graph):
        return [operation.type for operation in graph.get_operations() if "While" in operation.type]

    assert loops(tf.function(lambda *place: field(*place)).get_concrete_function(*given).graph)
    with for_other_compilers():
        plain = tf.function(lambda *place: field(*place)).get_concrete_function(*given)
    assert not loops(plain.graph)
    assert np.allclose(plain(*given), field(*places), atol=1e-14)


def test_gradient_is_that_of_the_interpolated_field():
    from app.core.libraries import tf

    field, z = FieldMap.of_grid(AXES, VALUES), tf.Variable(33.0, dtype=tf.float64)
    with tf.GradientTape() as tape:
        by = field(tf.constant(3.0, tf.float64), tf.constant(2.0, tf.float64), z)[1]
    assert tape.gradient(by, z).numpy() == pytest.approx(-1e-5 * 6 + 1e-3)


def test_symmetry_is_what_the_nodes_show():
    axes = (np.linspace(-400, 400, 9), np.linspace(-400, 400, 9), np.linspace(3000, 7000, 11))
    even = np.stack(TwoDipoles()(*np.meshgrid(*axes, indexing="ij")), axis=-1)
    assert FieldMap.of_grid(axes, even).symmetry == TwoDipoles().symmetry
    assert not FieldMap.of_grid(AXES, VALUES).symmetry.mirror_x
    shifted = (axes[0] + 10, axes[1], axes[2])
    assert not FieldMap.of_grid(shifted, even).symmetry.mirror_x
    assert FieldMap.of_grid(shifted, even).symmetry.mirror_y


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (table() + "\n0 0 0 1 1 1", "not a full grid"),
        ("\n".join(table().splitlines()[:-1]), "not a full grid"),
        ("% nothing here\n", "not a table of numbers"),
        (table().replace("80", "95"), "z nodes of the field map are not evenly spaced"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path, content, message):
    (tmp_path / "map.txt").write_text(content)
    with pytest.raises(UserError, match=message):
        FieldMap(file=str(tmp_path / "map.txt"))


def test_a_missing_file_and_an_unset_variable_are_errors(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"file: cannot read the field map \(No such file"):
        FieldMap(file=str(tmp_path / "no.npz"))
    monkeypatch.delenv("MAPS", raising=False)
    with pytest.raises(UserError, match=r"file: .* Expected the environment variable MAPS to be set"):
        FieldMap(file="${MAPS}/map.npz")
    np.savez(tmp_path / "map.npz", x_mm=AXES[0], y_mm=AXES[1], z_mm=AXES[2], B_T=VALUES)
    monkeypatch.setenv("MAPS", str(tmp_path))
    assert np.array_equal(FieldMap(file="${MAPS}/map.npz").values, VALUES)


def test_an_npz_without_the_right_arrays_is_refused(tmp_path):
    np.savez(tmp_path / "map.npz", x_mm=AXES[0], y_mm=AXES[1], z_mm=AXES[2])
    with pytest.raises(UserError, match=r"has no B\. Expected one of \[B_T, B_kG, B_G\]"):
        FieldMap(file=str(tmp_path / "map.npz"))
    np.savez(tmp_path / "map.npz", x_mm=AXES[0], y_mm=AXES[1], z_mm=AXES[2], B_T=VALUES[:-1])
    with pytest.raises(UserError, match="does not fit its axes"):
        FieldMap(file=str(tmp_path / "map.npz"))
    np.savez(tmp_path / "map.npz", x_mm=AXES[0], y_mm=AXES[1], z_mm=AXES[2], B_T=VALUES * np.nan)
    with pytest.raises(UserError, match="not finite"):
        FieldMap(file=str(tmp_path / "map.npz"))
