"""The last layer of an ensemble: the mean of the outputs of its members. Imported with Keras."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from app.predictions import CONCENTRATION, PROBABILITY, SIGMA, SPREAD, VALUE, output_name, task_outputs

TINY = 1e-7
SMALL = 0.5
"""Below this concentration a series in k is used, whose next term is 3e-7 of the sum."""
MOST_LENGTH = 1 - 1e-6
"""The largest length of a mean of unit vectors: members that agree to 0.1 degrees count as equal."""

Values = Sequence[Any]


def arithmetic_mean(values: Values) -> Any:
    """Return sum_m v_m / M."""
    return sum(values) / len(values)


def harmonic_mean(values: Values) -> Any:
    """Return the inverse of the mean of 1 / v_m."""
    mean = arithmetic_mean([1.0 / value for value in values])
    return 1.0 / keras.ops.where(keras.ops.abs(mean) < TINY, TINY, mean)


def geometric_mean(values: Values) -> Any:
    """Return exp(mean(log v_m))."""
    return keras.ops.exp(arithmetic_mean([keras.ops.log(value) for value in values]))


def mean_angle(values: Values) -> Any:
    """Return the angle [rad] of the mean of the unit vectors (cos v_m, sin v_m)."""
    sine, cosine = (arithmetic_mean([f(value) for value in values]) for f in (keras.ops.sin, keras.ops.cos))
    return keras.ops.arctan2(sine, cosine)


def mean_direction(values: Values) -> Any:
    """Return the unit vector along the mean of the vectors (N, 3)."""
    return _unit(arithmetic_mean(values))


def _unit(vectors: Any) -> Any:
    return vectors / keras.ops.maximum(_length(vectors), TINY)


def _length(vectors: Any) -> Any:
    """Return the lengths (N, 1); the square root at zero has no gradient, and none is needed."""
    return keras.ops.sqrt(keras.ops.sum(vectors * vectors, axis=-1, keepdims=True))


MEANS: dict[str, Callable[[Values], Any]] = {
    "values": arithmetic_mean,
    "inverse": harmonic_mean,
    "log": geometric_mean,
    "circular": mean_angle,
    "unit_vector": mean_direction,
}
"""The mean of values, by the transform behind which they were learned: the mean of what the networks saw."""


def mean_length(concentration: Any) -> Any:
    """Return A(k) = coth k - 1/k, the mean length of directions with the concentration k."""
    k = keras.ops.maximum(concentration, SMALL)  # below, the two terms cancel: 3e-3 of A is lost in float32 at k = 0.01
    s = concentration * concentration
    series = concentration * (1 / 3 - s * (1 / 45 - s * (2 / 945 - s / 4725)))
    return keras.ops.where(concentration < SMALL, series, 1.0 / keras.ops.tanh(k) - 1.0 / k)


def concentration_of(length: Any) -> Any:
    """Return the concentration k of directions whose mean has the length R: k = R (3 - R^2) / (1 - R^2).

    Good to 6 % for all R in three dimensions.

    References:
        A. Banerjee et al., Clustering on the unit hypersphere, J. Mach. Learn. Res. 6 (2005) 1345, eq. 4.4.
    """
    r = keras.ops.minimum(length, MOST_LENGTH)
    return r * (3.0 - r * r) / (1.0 - r * r)


@keras.saving.register_keras_serializable("wirechamber", "Combined")  # the name in saved models
class EnsembleMean(keras.layers.Layer):
    """The mean of the outputs of the members in physical units, and their spread.

    call([{"value": (N, T), ...}, ...]) gives

    * `value`: the mean, of classes the most probable one by the mean probability, of directions the unit vector along
      the mean vector (weighted with A(k), where members know their concentration);
    * `spread`: the standard deviation of the members (N - 1 of N), of classes that of their probabilities (N, K), of
      directions the root mean square angle to the mean [rad] (N, 1);
    * `sigma`, where members know it: that of their mixture, sigma^2 = mean(sigma_m^2) + spread^2;
    * `concentration`, where members know it: that of their mixture, from the length of mean(A(k_m) direction_m);
    * `probability`, where members know it: the mean.

    Args:
        mean: a name of `MEANS`.
    """

    def __init__(self, mean: str = "values", **options: Any) -> None:
        super().__init__(**{"dtype": "float32", **options})
        self.mean = mean

    def call(self, members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the answer of the ensemble."""
        outputs = {name: [member[name] for member in members] for name in members[0]}
        if PROBABILITY in outputs:
            mean = arithmetic_mean(outputs[PROBABILITY])
            # not argmax, see app/layers/physical_outputs.py
            best = keras.ops.cast(keras.ops.top_k(mean, 1)[1], "float32")
            spread = standard_deviation([p - mean for p in outputs[PROBABILITY]])
            return {VALUE: best, PROBABILITY: mean, SPREAD: spread}
        if self.mean == "unit_vector":
            return combine_directions(outputs)
        value = MEANS[self.mean](outputs[VALUE])
        residuals = [member - value for member in outputs[VALUE]]
        if self.mean == "circular":  # the shorter way round
            residuals = [keras.ops.arctan2(keras.ops.sin(r), keras.ops.cos(r)) for r in residuals]
        combined = {VALUE: value, SPREAD: standard_deviation(residuals)}
        if SIGMA in outputs:
            variance = arithmetic_mean([s * s for s in outputs[SIGMA]])
            combined[SIGMA] = keras.ops.sqrt(variance + combined[SPREAD] * combined[SPREAD])
        return combined

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "mean": self.mean}

    def compute_output_shape(self, shapes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the shapes of what `call` gives."""
        first = dict(shapes[0])
        if PROBABILITY in first:
            return {**first, SPREAD: first[PROBABILITY]}
        return {**first, SPREAD: (first[VALUE][0], 1) if self.mean == "unit_vector" else first[VALUE]}


def standard_deviation(residuals: Values) -> Any:
    """Return sqrt(sum_m r_m^2 / (M - 1)) of the residuals to the mean."""
    return keras.ops.sqrt(sum(r * r for r in residuals) / (len(residuals) - 1))


def combine_directions(outputs: Mapping[str, Values]) -> dict[str, Any]:
    """Return the mean direction, the spread [rad] and, where members know it, the concentration of their mixture.

    Args:
        outputs: the members' outputs by name: "value", vectors (N, 3), and perhaps "concentration" (N, 1).
    """
    units = [_unit(vector) for vector in outputs[VALUE]]
    known = CONCENTRATION in outputs
    weights = [mean_length(k) for k in outputs[CONCENTRATION]] if known else [1.0] * len(units)
    mean = arithmetic_mean([weight * unit for weight, unit in zip(weights, units, strict=True)])
    value = _unit(mean)
    cosines = [keras.ops.sum(unit * value, axis=-1, keepdims=True) for unit in units]
    angles = [keras.ops.arccos(keras.ops.clip(cosine, -1.0, 1.0)) for cosine in cosines]
    combined = {VALUE: value, SPREAD: standard_deviation(angles)}
    return combined | ({CONCENTRATION: concentration_of(_length(mean))} if known else {})


def combine_members(members: Mapping[str, Any], tasks: Mapping[str, str]) -> Any:
    """Return one model of members that share their inputs: {task: answer} and what else is known of each task.

    Args:
        members: deployed models by name.
        tasks: the `mean` of each task.
    """
    first = next(iter(members.values()))
    inputs = {n: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=n) for n, tensor in first.input.items()}
    answers = []
    for name, member in members.items():
        member.name = name  # all were called "model", and names of layers are unique
        answers.append(member(inputs))
    outputs: dict[str, Any] = {}
    for task, mean in tasks.items():
        own = [{n: t for n, t in task_outputs(answer, task).items() if n != SPREAD} for answer in answers]
        combined = EnsembleMean(mean, name=f"{task}_combined")(own)
        outputs |= {output_name(task, output): tensor for output, tensor in combined.items()}
    return keras.Model(inputs, outputs, name="model")
