"""Networks of wire-plane images: by their formulas, their symmetries, their counts, and what they refuse."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from app.core.errors import UserError
from app.models import HEADS, MODELS

U, V, X = PLANES = ("plane_u", "plane_v", "plane_x")
PLAIN = {"conv_layers": 2, "filters": 2, "kernel_size": 3, "batch_norm": False, "dense_layers": 0, "dropout": 0.0}
TINY = {**PLAIN, "batch_norm": True, "dense_layers": 1, "dense_units": 4}
NETWORKS = [component.name for component in MODELS if component.facts.images]
every_network = pytest.mark.parametrize("name", NETWORKS)
of_planes = pytest.mark.parametrize("name", ["three_plane_cnn", "three_plane_attention", "residual_cnn"])


def seen(shape=(16, 8, 1), planes=PLANES, **rows):
    found = {name: keras.Input(shape, name=name) for name in planes}
    return {**found, **{name: keras.Input((columns,), name=name) for name, columns in rows.items()}}


def network(name, inputs=None, **options):
    """The features of a model; `name` alone takes the planes that it is for, and a tiny size."""
    inputs = inputs or seen(planes=(X,) if name == "plane_cnn" else PLANES)
    tiny = {**TINY, "stride": [2, 1]} if name == "volume_cnn" else TINY
    return keras.Model(inputs, MODELS.parse({"name": name, **tiny, **options}).build(inputs))


def pictures(model, rows=5, seed=1):
    rng = np.random.default_rng(seed)
    return {t.name: rng.normal(size=(rows, *t.shape[1:])).astype(np.float32) for t in model.inputs}


def randomised(model, seed=2):
    """Biases and moving averages too, which begin at 0 and 1."""
    rng = np.random.default_rng(seed)
    model.set_weights([np.abs(w + 0.3 * rng.normal(size=w.shape)) if w.ndim == 1 else w for w in model.get_weights()])
    return model


def test_all_five_are_registered():
    assert NETWORKS == ["plane_cnn", "residual_cnn", "three_plane_attention", "three_plane_cnn", "volume_cnn"]


def convolved(image, kernel, bias):
    """A convolution with zeros around the image, pixel by pixel."""
    half = kernel.shape[0] // 2
    wide = np.pad(image, ((0, 0), (half, half), (half, half), (0, 0)))
    rows, columns = image.shape[1:3]
    out = np.zeros((*image.shape[:3], kernel.shape[-1])) + bias
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            out += wide[:, i : i + rows, j : j + columns] @ kernel[i, j]
    return out


def halved(image, how):
    rows, columns = (side // 2 for side in image.shape[1:3])
    cut = image[:, : 2 * rows, : 2 * columns].reshape(len(image), rows, 2, columns, 2, -1)
    return how(how(cut, axis=4), axis=2)


@pytest.mark.parametrize(("pooling", "how"), [("max", np.max), ("average", np.mean)])
@pytest.mark.parametrize("global_pooling", ["average", "max", "both", "none"])
def test_plane_cnn_is_the_formula_it_states(pooling, how, global_pooling):
    options = {**PLAIN, "pooling": pooling, "global_pooling": global_pooling}
    model = randomised(network("plane_cnn", seen((12, 9, 1), (X,)), **options))
    x = pictures(model)
    k1, b1, k2, b2 = model.get_weights()
    maps = x[X]
    for kernel, bias in ((k1, b1), (k2, b2)):
        maps = halved(np.maximum(convolved(maps, kernel, bias), 0), how)
    assert maps.shape == (5, 3, 2, 4)
    mean, largest = maps.mean(axis=(1, 2)), maps.max(axis=(1, 2))
    both = np.concatenate([mean, largest], axis=1)
    expected = {"average": mean, "max": largest, "both": both, "none": maps.reshape(5, -1)}[global_pooling]
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-5)


def test_moving_averages_forget_their_beginning_within_a_hundred_steps():
    """They begin at a variance of 1, far above that of nearly empty images: predictions would stay as they begin."""
    model = network("plane_cnn", seen((4, 4, 1), (X,)), **{**PLAIN, "conv_layers": 1, "batch_norm": True})
    images = {X: 0.03 * pictures(model, rows=64)[X]}
    for _ in range(100):
        trained = keras.ops.convert_to_numpy(model(images, training=True))
    np.testing.assert_allclose(model(images, training=False), trained, rtol=0.02, atol=0.01)


def test_batch_norm_uses_the_batch_in_training_and_the_moving_averages_after_it():
    model = network("plane_cnn", seen((4, 4, 1), (X,)), **{**PLAIN, "conv_layers": 1, "batch_norm": True})
    model = randomised(model)
    x = pictures(model)
    kernel, gain, offset, mean, variance = model.get_weights()
    maps = convolved(x[X], kernel, 0.0)

    def expected(m, v):
        return halved(np.maximum(gain * (maps - m) / np.sqrt(v + 1e-3) + offset, 0), np.max).mean(axis=(1, 2))

    np.testing.assert_allclose(model(x, training=False), expected(mean, variance), rtol=1e-4, atol=1e-5)
    of_batch = maps.mean(axis=(0, 1, 2)), maps.var(axis=(0, 1, 2))
    np.testing.assert_allclose(model(x, training=True), expected(*of_batch), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.get_weights()[3], 0.9 * mean + 0.1 * of_batch[0], rtol=1e-4, atol=1e-5)


@every_network
@pytest.mark.parametrize("pooling", ["average", "max"])
def test_a_track_gives_the_same_features_wherever_it_lies(name, pooling):
    """Moved by a multiple of what poolings and strides divide by, and far from the border."""
    planes = (X,) if name == "plane_cnn" else PLANES
    options = {"pooling": pooling, "global_pooling": "both", "dense_layers": 0}
    model = randomised(network(name, seen((96, 64, 1), planes), **options))
    rng = np.random.default_rng(3)
    track = rng.normal(size=(2, 6, 5, 1)).astype(np.float32)
    images = [np.zeros((2, 96, 64, 1), np.float32) for _ in range(2)]
    images[0][:, 40:46, 28:33] = images[1][:, 32:38, 36:41] = track  # by 8 pixels each way
    one, other = (np.asarray(model(dict.fromkeys(planes, image))) for image in images)
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    images[1][:] = np.roll(images[0], 3, axis=1)
    assert np.abs(np.asarray(model(dict.fromkeys(planes, images[1]))) - one).max() > 1e-4


@of_planes
def test_each_plane_goes_to_a_branch_of_its_own(name):
    model = randomised(network(name, dense_layers=0))
    x = pictures(model)
    before = np.asarray(model(x))
    width = {plane: model.get_layer(f"{plane}_average").output.shape[-1] for plane in PLANES}
    edges = np.cumsum([0, *width.values()])
    for position, plane in enumerate(PLANES):
        changed = np.asarray(model({**x, plane: x[plane] + 1})) != before
        own = slice(edges[position], edges[position + 1])
        assert changed[:, own].any()
        changed[:, own] = False
        assert not changed.any()


@pytest.mark.parametrize("name", ["three_plane_cnn", "residual_cnn"])
def test_u_and_v_share_their_weights_unless_told_otherwise(name):
    shared, apart = (randomised(network(name, share_uv=share, dense_layers=0)) for share in (True, False))
    one_branch = (apart.count_params()) // 3
    assert apart.count_params() == 3 * one_branch
    assert shared.count_params() == 2 * one_branch
    for model, equal in ((shared, True), (apart, False)):
        x = pictures(model)
        x[V] = x[U]
        u, v = np.split(np.asarray(model(x)), 3, axis=1)[:2]
        assert np.array_equal(u, v) == equal
    exchanged = {**x, U: x[V] + 1, V: x[U]}
    found = np.split(np.asarray(shared(exchanged)), 3, axis=1)
    back = np.split(np.asarray(shared({**x, V: x[V] + 1})), 3, axis=1)
    np.testing.assert_array_equal(found[0], back[1])
    np.testing.assert_array_equal(found[1], back[0])


def test_the_attention_is_the_formula_it_states():
    from app.models.blocks.image_layers import SpatialAttention

    for size in (1, 3):
        layer = SpatialAttention(size)
        x = np.random.default_rng(1).normal(size=(2, 6, 5, 4)).astype(np.float32)
        layer(x)
        rng = np.random.default_rng(2)
        layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
        kernel, bias = layer.get_weights()
        assert kernel.shape == (size, size, 2, 1)
        maps = np.concatenate([x.mean(axis=-1, keepdims=True), x.max(axis=-1, keepdims=True)], axis=-1)
        mask = 1 / (1 + np.exp(-convolved(maps, kernel, bias)))
        found = np.asarray(layer.mask(x))
        assert found.shape == (2, 6, 5, 1)
        assert (found > 0).all()
        assert (found < 1).all()
        np.testing.assert_allclose(found, mask, rtol=1e-4)
        np.testing.assert_allclose(layer(x), x * mask, rtol=1e-4, atol=1e-6)


def test_a_mask_that_lets_everything_through_is_no_attention():
    """With weights 0 and a bias of 40 the mask is 1: what remains are branches like those of plane_cnn."""
    options = {"growth": ["exponential"] * 3, "extra_layers": [0, 0, 0], "dense_layers": 0}
    model = randomised(network("three_plane_attention", **options))
    plain = network("three_plane_cnn", share_uv=False, dense_layers=0)
    for layer in model.layers:
        if "attention" in layer.name:
            layer.set_weights([np.zeros((1, 1, 2, 1)), np.full(1, 40.0)])
    for layer in plain.layers:
        layer.set_weights(model.get_layer(layer.name).get_weights())
    x = pictures(model)
    np.testing.assert_allclose(model(x), plain(x), rtol=1e-5, atol=1e-6)


def test_residual_blocks_add_what_goes_around():
    """Convolutions of zeros leave the way around alone: the image through a 1 x 1 convolution, then the same image."""
    options = {**PLAIN, "growth": "constant", "pooling": "average"}
    model = network("residual_cnn", seen((8, 8, 1), (X,)), **options)
    for layer in model.layers:
        zero = "_first_conv" in layer.name or "_second_conv" in layer.name
        ones = "_around_conv" in layer.name
        if zero or ones:
            layer.set_weights([np.full(w.shape, float(ones and w.ndim > 1)) for w in layer.get_weights()])
    x = np.abs(pictures(model)[X])
    assert [layer.name for layer in model.layers if "around" in layer.name] == ["plane_x_1_around_conv"]
    np.testing.assert_allclose(model({X: x}), np.repeat(x.mean(axis=(1, 2)), 2, axis=1), rtol=1e-5)


def test_the_stride_of_a_volume_leaves_no_pixel_out():
    """Every pixel of every plane changes the maps, though the kernel of 3 is shorter than the stride of 6."""
    inputs = {"volume": keras.Input((8, 24, 3), name="volume")}
    model = network("volume_cnn", inputs, stride=[4, 6], conv_layers=1, global_pooling="none", pooling="average",
                    activation="elu", dense_layers=0)  # fmt: skip
    assert model.get_layer("volume_1_conv").kernel.shape == (4, 6, 3, 2)
    assert model.get_layer("volume_1_conv").output.shape == (None, 2, 4, 2)
    single = np.eye(8 * 24 * 3, dtype=np.float32).reshape(-1, 8, 24, 3)
    changed = np.abs(np.asarray(model({"volume": single}) - model({"volume": 0 * single[:1]}))).max(axis=1)
    assert (changed > 0).all()


def test_planes_of_a_volume_are_its_channels():
    one = network("volume_cnn", {"volume": keras.Input((16, 8, 3), name="volume")})
    three = network("volume_cnn")
    three.set_weights(one.get_weights())
    x = pictures(three)
    stacked = np.concatenate([x[plane] for plane in PLANES], axis=-1)
    np.testing.assert_allclose(one({"volume": stacked}), three(x), rtol=1e-5, atol=1e-6)


def test_rows_of_numbers_are_joined_to_what_the_images_say():
    model = network("plane_cnn", seen(planes=(X,), sums=3), **PLAIN)
    x = pictures(model)
    np.testing.assert_array_equal(np.asarray(model(x))[:, -3:], x["sums"])


def test_parameters_by_hand():
    """The registry's defaults: 3 layers of 32 filters and 5 x 5, two dense layers of 512."""
    planes = seen((128, 16, 1))

    def count(name, inputs=planes, **options):
        return keras.Model(inputs, MODELS.parse({"name": name, **options}).build(inputs)).count_params()

    norms = 4 * (32 + 64 + 128)
    branch = 25 * (32 + 32 * 64 + 64 * 128) + norms
    dense = 512 * 512 + 512
    assert count("plane_cnn", seen((128, 16, 1), (X,))) == branch + 128 * 512 + 512 + dense
    assert count("three_plane_cnn") == 2 * branch + 3 * 128 * 512 + 512 + dense
    assert count("three_plane_cnn", share_uv=False) == 3 * branch + 3 * 128 * 512 + 512 + dense
    assert count("three_plane_cnn", batch_norm=False) == 2 * (branch - norms + 224) + 3 * 128 * 512 + 512 + dense
    flat = count("three_plane_cnn", global_pooling="none")
    assert flat - count("three_plane_cnn") == (16 * 2 - 1) * 3 * 128 * 512
    u = 25 * (32 + 32 * 64) + 4 * (32 + 64)
    v = 25 * (32 + 32 * 64 + 64 * 96) + 4 * (32 + 64 + 96)
    x = 25 * (32 + 3 * 32 * 32) + 4 * 4 * 32
    masks = (2 + 3 + 4) * (2 + 1)
    assert count("three_plane_attention") == u + v + x + masks + (64 + 96 + 32) * 512 + 512 + dense


@every_network
def test_saved_and_loaded_gives_the_same_values(name, tmp_path):
    model = randomised(network(name))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert np.array_equal(model(pictures(model)), loaded(pictures(model)))


@every_network
def test_an_event_does_not_see_the_others(name):
    model = randomised(network(name))
    x = pictures(model)
    one = {plane: values[2:3] for plane, values in x.items()}
    np.testing.assert_allclose(model(one), np.asarray(model(x))[2:3], rtol=1e-5, atol=1e-6)


@every_network
def test_the_seed_makes_the_weights(name):
    one, same, other = (keras.utils.set_random_seed(seed) or network(name).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@every_network
def test_mixed_precision_computes_in_half_and_answers_nearly_the_same(name):
    single = randomised(network(name))
    keras.config.set_dtype_policy("mixed_float16")
    try:
        mixed = network(name)
        head = HEADS.parse("linear").build(mixed.output, 3, "head")
    finally:
        keras.config.set_dtype_policy("float32")
    mixed.set_weights(single.get_weights())
    x = pictures(single)
    assert {keras.backend.standardize_dtype(w.dtype) for w in mixed.weights} == {"float32"}
    assert keras.backend.standardize_dtype(mixed.output.dtype) == "float16"
    assert keras.backend.standardize_dtype(head.dtype) == "float32"
    found, expected = np.asarray(mixed(x), np.float32), np.asarray(single(x))
    assert 0 < np.abs(found - expected).max() < 0.02 * np.abs(expected).max()


@every_network
def test_an_empty_image_is_finite_with_gradients_that_are(name):
    import tensorflow as tf

    model = network(name)
    x = {plane: 0 * values for plane, values in pictures(model).items()}
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(x, training=True))
    assert np.isfinite(total)
    for gradient in tape.gradient(total, model.trainable_variables):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("name", "shape", "options", "text"),
    [
        (
            "plane_cnn",
            (128, 16, 1),
            {"conv_layers": 5},
            "model.conv_layers: 5 poolings leave nothing of the 128 x 16 pixels of 'image'. "
            "Expected at most 4. Received 5.",
        ),
        (
            "three_plane_cnn",
            (3, 16, 1),
            {"conv_layers": 2},
            "model.conv_layers: 2 poolings leave nothing of the 3 x 16 pixels of 'plane_u'. "
            "Expected at most 1. Received 2.",
        ),
        (
            "three_plane_attention",
            (128, 16, 1),
            {"conv_layers": 4},
            "model.conv_layers: 5 poolings leave nothing of the 128 x 16 pixels of 'plane_x'. "
            "Expected from 2 to 3. Received 4.",
        ),
        (
            "three_plane_attention",
            (128, 16, 1),
            {"conv_layers": 1},
            "model.conv_layers: a plane has no layer. Expected from 2 to 3. Received 1.",
        ),
        (
            "residual_cnn",
            (1, 16, 1),
            {"conv_layers": 1},
            "model.conv_layers: 1 poolings leave nothing of the 1 x 16 pixels of 'plane_u'. "
            "Expected larger images: fewer ticks in one, or a smaller stride. Received 1.",
        ),
        (
            "volume_cnn",
            (208, 1242, 1),
            {"conv_layers": 6, "stride": [4, 6]},
            "model.conv_layers: 6 poolings and a stride of (4, 6) leave nothing of the 208 x 1242 pixels of 'volume'. "
            "Expected at most 5. Received 6.",
        ),
    ],
)
def test_a_depth_at_which_an_image_vanishes(name, shape, options, text):
    with pytest.raises(UserError) as caught:
        network(name, seen(shape, (X,) if name == "plane_cnn" else PLANES), **options)
    assert str(caught.value) == text


@pytest.mark.parametrize("width", [8, 11, 16, 32])
@every_network
def test_the_largest_depth_is_possible_and_one_more_is_not(name, width):
    from app.models.blocks.images import most_halvings

    planes = (X,) if name == "plane_cnn" else PLANES
    stride = [1, 1] if name != "volume_cnn" else [2, 1]
    most = most_halvings(seen((32, width, 1))[X], stride) - (name == "three_plane_attention")
    assert network(name, seen((32, width, 1), planes), conv_layers=most).output.shape == (None, 4)
    with pytest.raises(UserError, match=f"at most {most}|from 2 to {most}"):
        network(name, seen((32, width, 1), planes), conv_layers=most + 1)


STATE, SENSORS = {"state": (6,)}, {"sensors": (4760, 4)}
IMAGE, OTHER = {"plane_x": (16, 8, 1)}, {"plane_u": (16, 8, 1), "volume": (16, 8, 1)}
SIZES = {"plane_u": (16, 8, 1), "plane_x": (16, 6, 1)}


@pytest.mark.parametrize(
    ("name", "shapes", "text"),
    [
        *((name, STATE, f"{name!r} needs images, the data have none.") for name in NETWORKS),
        *((name, {**IMAGE, **SENSORS}, f"{name!r} cannot take the input 'sensors'.") for name in NETWORKS),
        ("plane_cnn", SIZES, "'plane_cnn' takes one image of each event. Expected data of one plane, or 'three_plane"),
        ("three_plane_cnn", IMAGE, "takes two or three planes. Expected images among plane_u, plane_v, plane_x"),
        ("three_plane_attention", OTHER, "takes two or three planes. Expected images among plane_u, plane_v, plane_x"),
        ("residual_cnn", OTHER, "takes one to three planes. Expected images among plane_u, plane_v, plane_x"),
        ("volume_cnn", SIZES, "stacks its images, and these differ in size. Expected equal rows and columns"),
        ("mlp", IMAGE, "the model takes rows of numbers, and an event of the input 'plane_x' is more than that."),
    ],
)
def test_inputs_that_a_model_cannot_take(name, shapes, text):
    inputs = {label: keras.Input(shape, name=label) for label, shape in shapes.items()}
    with pytest.raises(UserError) as caught:
        MODELS.parse(name).build(inputs)
    assert str(caught.value).startswith("model.name: ")
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@of_planes
@pytest.mark.parametrize("planes", [(U, V), (V, X)])
def test_a_pair_of_planes_will_do(name, planes):
    model = network(name, seen(planes=planes))
    assert model(pictures(model)).shape == (5, 4)


def test_the_order_of_the_inputs_does_not_matter():
    one, other = seen(), seen(planes=(X, V, U))
    models = [keras.Model(i, MODELS.parse({"name": "three_plane_cnn", **TINY}).build(i)) for i in (one, other)]
    models[1].set_weights(models[0].get_weights())
    x = pictures(models[0])
    np.testing.assert_allclose(models[0](x), models[1](x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conv_layer": 3}, "conv_layer: unknown key. Did you mean 'conv_layers'?"),
        ({"growth": "fast"}, "growth: not valid. Expected 'constant', 'linear' or 'exponential'. Received 'fast'"),
        ({"conv_layers": 0}, "conv_layers: not valid. Expected greater than or equal to 1. Received 0"),
        ({"dropout": 1.0}, "dropout: not valid. Expected less than 1. Received 1.0"),
    ],
)
def test_options_that_cannot_be_meant(options, message):
    with pytest.raises(UserError) as caught:
        MODELS.parse({"name": "plane_cnn", **options})
    assert message in str(caught.value)
