import numpy as np
import pytest
from field_derivatives import divergence_and_curl, values

from app.core.errors import UserError
from app.physics.extrapolation.thin_lens import thin_lens
from app.physics.fields.harmonic import Harmonic
from app.physics.fields.uniform import Uniform
from app.physics.harmonic_file import HarmonicFile, SeenRegion
from app.physics.harmonic_modes import HarmonicModes
from app.physics.magnet import Magnet
from app.physics.magnetic_field import FIELDS, Symmetry, beyond

MODES = HarmonicModes(x=3, z=4, half_x=3000.0, half_z=8000.0, center=5000.0, height=1000.0)
REGION = SeenRegion(np.ones((4, 4, 4), bool), np.array([-900.0, -800.0, 2000.0]), np.array([900.0, 800.0, 8000.0]))
PLACES = np.random.default_rng(1).uniform([-400, -400, 2500], [400, 400, 7500], (50, 3)).T


def field_of(w, region=REGION):
    return Harmonic.of_modes(MODES, w, region)


def random_coefficients(even_x=False, even_y=False):
    return np.random.default_rng(0).normal(size=MODES.shape) * MODES.present(even_x, even_y)


def one(*index):
    w = np.zeros(MODES.shape)
    w[index] = 1.0
    return w


def test_a_random_sum_of_all_modes_is_free_of_divergence_and_curl():
    divergence, curl = divergence_and_curl(field_of(random_coefficients()), PLACES)
    assert np.abs(divergence).max() < 1e-12
    assert np.abs(curl).max() < 1e-12


def test_one_mode_is_its_closed_form():
    a, b = np.pi / 3000.0, 2 * np.pi / 8000.0
    k = np.hypot(a, b)
    x, y, z = PLACES
    bx, by, bz = field_of(one(1, 2, 0, 0, 0))(x, y, z)
    scale = 1.0 / np.cosh(k * 1000.0)
    assert np.allclose(by, scale * np.cos(a * x) * np.cosh(k * y) * np.cos(b * (z - 5000.0)), atol=1e-14)
    assert np.allclose(bx, -scale * a / k * np.sin(a * x) * np.sinh(k * y) * np.cos(b * (z - 5000.0)), atol=1e-14)
    assert np.allclose(bz, -scale * b / k * np.cos(a * x) * np.sinh(k * y) * np.sin(b * (z - 5000.0)), atol=1e-14)


def test_the_field_on_a_grid_is_that_of_its_nodes():
    w = random_coefficients()
    axes = (np.array([-300.0, 0.0, 200.0]), np.array([-250.0, 100.0]), np.array([3000.0, 5000.0, 7000.0, 7500.0]))
    nodes = np.meshgrid(*axes, indexing="ij")
    assert np.allclose(MODES.on_grid(w, axes), np.stack(field_of(w)(*nodes), axis=-1), rtol=0, atol=1e-13)


def test_the_mode_without_waves_is_a_uniform_vertical_field():
    assert np.allclose(values(field_of(0.7 * one(0, 0, 0, 0, 0)), *PLACES), [[0.0], [0.7], [0.0]], atol=1e-15)


def test_modes_that_vanish_are_not_present():
    for index in np.argwhere(~MODES.present(False, False)):
        assert not np.abs(values(field_of(one(*index)), *PLACES)).any()


@pytest.mark.parametrize(("even_x", "even_y"), [(True, True), (True, False), (False, True), (False, False)])
def test_symmetries_are_those_of_the_modes_in_use(even_x, even_y):
    field = field_of(random_coefficients(even_x, even_y))
    assert field.symmetry == Symmetry(even_x, even_y, True, True)
    x, y, z = PLACES
    assert np.allclose(values(field, -x, y, z), values(field, x, y, z) * [[-1], [1], [1]]) == even_x
    assert np.allclose(values(field, x, -y, z), values(field, x, y, z) * [[-1], [1], [-1]]) == even_y


def test_coordinates_may_be_numbers_and_broadcast():
    field, (x, y, _) = field_of(random_coefficients()), PLACES
    expected = field(x, y, np.full_like(x, 4000.0))
    assert np.allclose(field(x, y, 4000.0), expected, atol=1e-15)
    assert np.allclose([field(float(i), float(j), 4000.0) for i, j in zip(x, y, strict=True)], np.transpose(expected))


def test_arrays_keep_their_precision():
    field, (x, y, z) = field_of(random_coefficients()), PLACES.astype(np.float32)
    for last in (z, 4000.0):
        found = field(x, y, last)
        assert {component.dtype for component in found} == {np.dtype(np.float32)}
        assert np.allclose(found, field(x.astype(float), y.astype(float), np.float64(last)), atol=1e-3)


def test_tracks_outside_of_the_region_are_said_to_have_a_continued_field_and_outside_of_a_map_none():
    unknown = "left the region that the fitted tracks saw, the field is continued there"
    assert beyond(Harmonic.of_modes(MODES, np.zeros(MODES.shape), REGION)) == unknown
    assert beyond(Uniform()) == "left where the field is known"


def test_beyond_the_box_the_field_is_that_of_the_nearest_place():
    field = field_of(random_coefficients())
    assert field(5000.0, -900.0, 9000.0) == field(900.0, -800.0, 8000.0)


def test_only_cells_that_tracks_have_seen_are_inside():
    cells = np.zeros((4, 4, 4), bool)
    cells[0, 3, 1] = True
    field = field_of(random_coefficients(), SeenRegion(cells, REGION.low, REGION.high))
    assert field.inside(-700.0, 500.0, 4000.0)
    for place in [(-400.0, 500.0, 4000.0), (-950.0, 500.0, 4000.0), (-700.0, 500.0, 1999.0), (np.nan, 500.0, 4000.0)]:
        assert not field.inside(*place)
    assert field.inside(np.array([-700.0, 700.0]), 500.0, 4000.0).tolist() == [True, False]


@pytest.mark.parametrize(("dtype", "within"), [("float32", 2e-5), ("float64", 1e-13)])
def test_tensors_give_the_numbers_of_numpy_inside_a_compiled_function(dtype, within):
    from app.core.libraries import tf

    field, (x, y, z) = field_of(random_coefficients()), PLACES.astype(dtype)
    for last in (tf.constant(z), float(z[0])):
        found = tf.function(lambda x, y: field(x, y, last), jit_compile=True)(tf.constant(x), tf.constant(y))  # noqa: B023
        expected = field(x.astype(float), y.astype(float), np.asarray(last, float))
        assert found[0].dtype == dtype
        assert np.allclose(found, expected, atol=within * np.abs(expected).max())
    known = tf.function(lambda *place: field.inside(*place), jit_compile=True)(*map(tf.constant, PLACES * 3))
    assert known.numpy().tolist() == field.inside(*PLACES * 3).tolist()


def test_the_gradient_in_a_graph_is_the_numerical_one():
    from app.core.libraries import tf

    field, z = field_of(random_coefficients()), tf.Variable(4321.0, dtype=tf.float64)
    with tf.GradientTape() as tape:
        by = field(tf.constant(30.0, tf.float64), tf.constant(200.0, tf.float64), z)[1]
    slope = (field(30.0, 200.0, 4321.1)[1] - field(30.0, 200.0, 4320.9)[1]) / 0.2
    assert tape.gradient(by, z).numpy() == pytest.approx(slope, rel=1e-6)


def test_a_file_gives_the_field_again_with_polarity_and_scale(tmp_path):
    path, w = tmp_path / "field.npz", random_coefficients()
    HarmonicFile(MODES, w, REGION, {"seed": 3}, {"map_x": np.arange(3.0)}).write(path)
    spec = {"name": "harmonic", "file": str(path), "polarity": -1, "scale": 0.5}
    field = FIELDS.parse(spec).build()
    assert np.allclose(values(field, *PLACES), -0.5 * values(field_of(w), *PLACES), atol=1e-15)
    columns = {name: np.array([1.0]) for name in ("x", "y", "tx", "ty", "qop")} | {"dz": np.array([5000.0])}
    lens = thin_lens(Magnet({"name": "harmonic", "file": str(path)}, 2500.0, field.sha256), columns)
    assert np.isfinite(lens).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read the fitted field (No such file or directory)"),
        (b"text", "not a fitted field. Expected an npz that fit-field wrote"),
        (np.full(MODES.shape, np.nan), "coefficients that are not finite"),
        ("map", "not a fitted field"),
    ],
    ids=["none", "text", "nan", "map"],
)
def test_files_that_are_no_field_are_named(tmp_path, content, message):
    path = tmp_path / "field.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, np.ndarray):
        HarmonicFile(MODES, content, REGION).write(path)
    elif content:
        np.savez(path, x_mm=np.arange(3.0))
    with pytest.raises(UserError) as error:
        FIELDS.parse({"name": "harmonic", "file": str(path)}).build()
    assert message in str(error.value)
    assert str(path)[-20:] in str(error.value)
