"""What the models of images take from the inputs: images, by plane or in a stack, and rows of numbers next to them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from app.core.errors import Problem, UserError
from app.core.libraries import keras

PLANES = ("plane_u", "plane_v", "plane_x")
"""Names of the inputs that hold the two induction planes and the collection plane."""


def take_images(inputs: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Return the images (N, H, W, channels) among the inputs; one at least.

    Raises:
        UserError: there is none, or an input is neither an image nor a row of numbers.
    """
    shapes = {name: tuple(tensor.shape[1:]) for name, tensor in inputs.items()}
    odd = [name for name, shape in shapes.items() if len(shape) not in (1, 3)]
    images = {name: inputs[name] for name, shape in shapes.items() if len(shape) == 3}
    if odd or not images:
        what = f"{model!r} cannot take the input {odd[0]!r}" if odd else f"{model!r} needs images, the data have none"
        expected = "images (rows, columns, channels), and rows of numbers next to them"
        raise UserError(Problem(what, ("model", "name"), expected=expected, received=shapes))
    return images


def take_only_image(inputs: Mapping[str, Any], model: str, instead: str) -> Any:
    """Return the only image; raise UserError, which names a suitable model, when there are several."""
    images = take_images(inputs, model)
    if len(images) > 1:
        what = f"{model!r} takes one image of each event"
        raise UserError(
            Problem(what, ("model", "name"), expected=f"data of one plane, or {instead!r}", received=list(images))
        )
    return next(iter(images.values()))


def stack_images(inputs: Mapping[str, Any], model: str) -> Any:
    """Return all images as channels of one; raise UserError when they differ in rows or columns."""
    images = take_images(inputs, model)
    if len({tuple(image.shape[1:3]) for image in images.values()}) > 1:
        sizes = {name: tuple(image.shape[1:3]) for name, image in images.items()}
        what = f"{model!r} stacks its images, and these differ in size"
        raise UserError(
            Problem(what, ("model", "name"), expected="equal rows and columns, or one plane", received=sizes)
        )
    if len(images) == 1:
        return next(iter(images.values()))
    return keras.layers.Concatenate(name="stack")(list(images.values()))


def take_planes(inputs: Mapping[str, Any], model: str, least: int = 2) -> dict[str, Any]:
    """Return the images by plane in the order U, V, X; raise UserError for other images, or fewer than `least`."""
    images = take_images(inputs, model)
    if not set(images) <= set(PLANES) or len(images) < least:
        what = f"{model!r} takes {'two or three' if least > 1 else 'one to three'} planes"
        raise UserError(
            Problem(what, ("model", "name"), expected=f"images among {', '.join(PLANES)}", received=list(images))
        )
    return {name: images[name] for name in PLANES if name in images}


def take_rows(inputs: Mapping[str, Any]) -> list[Any]:
    """Return the rows of numbers (N, columns) next to the images."""
    return [tensor for tensor in inputs.values() if len(tensor.shape) == 2]


def most_halvings(image: Any, stride: Sequence[int] = (1, 1)) -> int:
    """Return how often an image can be halved before one of its sides is less than a pixel."""
    sides = [math.ceil(side / step) for side, step in zip(image.shape[1:3], stride, strict=True)]
    return int(min(sides)).bit_length() - 1


def check_depth(
    images: Mapping[str, Any],
    conv_layers: int,
    offsets: Mapping[str, int] | None = None,
    stride: Sequence[int] = (1, 1),
) -> None:
    """Raise UserError for a depth at which an image vanishes, before anything is built.

    Args:
        images: by name.
        conv_layers: what the job asks for: convolutions, each followed by a pooling that halves the image.
        offsets: how many layers more than these each image has.
        stride: of the first convolution.

    Raises:
        UserError: it says which image, and the largest and the smallest depth that are possible.
    """
    more = {name: (offsets or {}).get(name, 0) for name in images}
    most = min(most_halvings(image, stride) - more[name] for name, image in images.items())
    least = max(1 - extra for extra in more.values())
    if least <= conv_layers <= most:
        return
    where, possible = ("model", "conv_layers"), f"from {least} to {most}" if least > 1 else f"at most {most}"
    expected = possible if most >= least else "larger images: fewer ticks in one, or a smaller stride"
    if conv_layers < least:
        raise UserError(Problem("a plane has no layer", where, expected=expected, received=conv_layers))
    name = min(images, key=lambda n: most_halvings(images[n], stride) - more[n])
    size = " x ".join(map(str, images[name].shape[1:3]))
    deep = f"{conv_layers + more[name]} poolings" + ("" if tuple(stride) == (1, 1) else f" and a stride of {stride}")
    raise UserError(
        Problem(
            f"{deep} leave nothing of the {size} pixels of {name!r}", where, expected=expected, received=conv_layers
        )
    )
