"""The last layer of a deployed model: from network outputs back to physical units. Imported where Keras is needed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from app.layers.features import split_columns
from app.layers.saving import saved
from app.physics.magnet import Magnet
from app.predictions import CONCENTRATION, PROBABILITY, SIGMA, VALUE
from datasets.transforms import TRANSFORMS
from datasets.transforms.chain import Chain, Mirror

MOST_LOG_SIGMA = 10.0
"""The logarithm of sigma is cut off here, since exp overflows; only an untrained network gives such a width."""


def make_chain(
    specs: Sequence[Mapping[str, Any]], targets: Sequence[str], magnet: Magnet | None = None, mirror: bool = False
) -> Chain:
    """Build the transforms that a task's JSON names, not yet fitted."""
    steps: list[Any] = []
    for spec in specs:
        names = Chain(steps, targets).outputs
        steps += TRANSFORMS.parse(spec).build(names, magnet)
    return Chain(steps, targets, Mirror() if mirror else None)


@saved
class Physical(keras.layers.Layer):
    """Reads a head and applies the inverse of its task's transforms, in float32.

    call({"output": (N, outputs), "inputs": {...}}) gives {"value": (N, T)} and, where the head knows them, "sigma"
    (N, T), "probability" (N, K) or "concentration" (N, 1).

    Args:
        targets: names of the T targets.
        transforms: the JSON of the transforms.
        columns: names of the columns of each flat input tensor.
        constants: what each step found on the training split, in the order of the steps.
        magnet: configuration of the magnet that a transform needs, or None.
        mirror: whether the transforms see mirrored tracks.
        head: name of the head.
    """

    def __init__(
        self,
        targets: Sequence[str],
        transforms: Sequence[Mapping[str, Any]],
        columns: Mapping[str, Sequence[str]],
        constants: Sequence[Mapping[str, list[float]]],
        magnet: Mapping[str, Any] | None = None,
        mirror: bool = False,
        head: str = "linear",
        **options: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **options})
        data = {"columns": columns, "constants": constants, "magnet": magnet, "mirror": mirror, "head": head}
        self.settings = {"targets": targets, "transforms": transforms, **data}
        self.columns = columns
        self.chain = make_chain(transforms, targets, Magnet(**magnet) if magnet else None, mirror)
        for step, values in zip(self.chain.steps, constants, strict=True):
            step.constants = dict(values)
        self.reading, self.adds = HEAD_OUTPUTS[head]

    def call(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """Return the physical targets, and what else the head says of them."""
        known = split_columns(tensors["inputs"], self.columns)
        return self.reading(tensors["output"], lambda output: self.chain.inverse(output, known))

    def compute_output_shape(self, shapes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the shapes of what `call` gives."""
        rows, outputs = shapes["output"]
        widths = {SIGMA: len(self.chain.targets), PROBABILITY: outputs, CONCENTRATION: 1}
        return {VALUE: (rows, len(self.chain.targets))} | {name: (rows, widths[name]) for name in self.adds}


Inverse = Callable[[Any], Any]


def read_values(output: Any, inverse: Inverse) -> dict[str, Any]:
    """Return the targets by the inverse of the transforms."""
    return {VALUE: inverse(output)}


def read_gaussian(output: Any, inverse: Inverse) -> dict[str, Any]:
    """Return mean and standard deviation in physical units from mean and log-variance of the transformed targets.

    sigma_t^2 = sum_j ((inverse(m + sigma_j e_j) - inverse(m - sigma_j e_j))_t / 2)^2, which is exact for linear steps.
    """
    mean, log_variance = keras.ops.split(output, 2, axis=-1)
    sigma = keras.ops.exp(keras.ops.clip(log_variance / 2, -MOST_LOG_SIGMA, MOST_LOG_SIGMA))
    shifts = [sigma * [[float(i == j) for i in range(mean.shape[-1])]] for j in range(mean.shape[-1])]
    halves = [(inverse(mean + shift) - inverse(mean - shift)) / 2 for shift in shifts]
    return {VALUE: inverse(mean), SIGMA: keras.ops.sqrt(sum(half * half for half in halves))}


def read_classes(output: Any, inverse: Inverse) -> dict[str, Any]:
    """Return the number of the most probable class, (N, 1), and the probabilities softmax(output), (N, K)."""
    best = keras.ops.top_k(output, 1)[1]  # not argmax: that of Keras looks at the sign bit of zeros, which ONNX cannot
    return {VALUE: inverse(keras.ops.cast(best, "float32")), PROBABILITY: keras.ops.softmax(output, axis=-1)}


def read_probability(output: Any, inverse: Inverse) -> dict[str, Any]:
    """Return the probability of 1, sigmoid(output), by the inverse of the transforms."""
    return {VALUE: inverse(keras.ops.sigmoid(output))}


def read_direction(output: Any, inverse: Inverse) -> dict[str, Any]:
    """Return the direction and, as its concentration, the length of the output (N, 3)."""
    square = keras.ops.sum(output * output, axis=-1, keepdims=True)
    return {VALUE: inverse(output), CONCENTRATION: keras.ops.sqrt(square)}


HEAD_OUTPUTS: dict[str, tuple[Callable[[Any, Inverse], dict[str, Any]], tuple[str, ...]]] = {
    "linear": (read_values, ()),
    "gaussian": (read_gaussian, (SIGMA,)),
    "softmax": (read_classes, (PROBABILITY,)),
    "sigmoid": (read_probability, ()),
    "von_mises_fisher": (read_direction, (CONCENTRATION,)),
}
"""The function that reads each head, and which outputs it adds; a test compares the names with the catalog."""
