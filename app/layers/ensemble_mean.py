"""The last layer of an ensemble: one answer from those of its members. Imported where Keras is needed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from app.layers.physical_outputs import CONCENTRATION, PROBABILITY, SIGMA, VALUE

SPREAD = "spread"
TINY = 1e-7
SMALL = 0.5
"""Concentrations below it are taken by the series in k, whose next term is 3e-7 of the sum there."""
MOST_LENGTH = 1 - 1e-6
"""Of a mean of unit vectors: members that agree better than 0.1 degrees agree."""

Values = Sequence[Any]


def _arithmetic(values: Values) -> Any:
    return sum(values) / len(values)


def _harmonic(values: Values) -> Any:
    mean = _arithmetic([1.0 / value for value in values])
    return 1.0 / keras.ops.where(keras.ops.abs(mean) < TINY, TINY, mean)


def _geometric(values: Values) -> Any:
    return keras.ops.exp(_arithmetic([keras.ops.log(value) for value in values]))


def _of_angles(values: Values) -> Any:
    sine, cosine = (_arithmetic([f(value) for value in values]) for f in (keras.ops.sin, keras.ops.cos))
    return keras.ops.arctan2(sine, cosine)


def _of_directions(values: Values) -> Any:
    return _unit(_arithmetic(values))


def _unit(vectors: Any) -> Any:
    return vectors / keras.ops.maximum(_length(vectors), TINY)


def _length(vectors: Any) -> Any:
    """Return the lengths (N, 1); the root of zero has no gradient, nor needs it one."""
    return keras.ops.sqrt(keras.ops.sum(vectors * vectors, axis=-1, keepdims=True))


MEANS: dict[str, Callable[[Values], Any]] = {
    "values": _arithmetic,
    "inverse": _harmonic,
    "log": _geometric,
    "circular": _of_angles,
    "unit_vector": _of_directions,
}
"""How values are averaged, by the transform that they were learned behind: where the network saw them."""


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


@keras.saving.register_keras_serializable("wirechamber", "Combined")  # its name in models that were saved before
class EnsembleMean(keras.layers.Layer):
    """The mean of members' answers in physical units, and how far they are apart.

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
        said = {what: [member[what] for member in members] for what in members[0]}
        if PROBABILITY in said:
            return _classes(said[PROBABILITY])
        if self.mean == "unit_vector":
            return _directions(said)
        return self._values(said)

    def _values(self, said: Mapping[str, Values]) -> dict[str, Any]:
        value = MEANS[self.mean](said[VALUE])
        spread = _deviation([self._residual(one, value) for one in said[VALUE]])
        found = {VALUE: value, SPREAD: spread}
        if SIGMA in said:
            found[SIGMA] = keras.ops.sqrt(_arithmetic([s * s for s in said[SIGMA]]) + spread * spread)
        return found

    def _residual(self, one: Any, value: Any) -> Any:
        """Return the difference, of angles the short way round."""
        if self.mean != "circular":
            return one - value
        return keras.ops.arctan2(keras.ops.sin(one - value), keras.ops.cos(one - value))

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "mean": self.mean}

    def compute_output_shape(self, shapes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the shapes of what `call` gives."""
        first = dict(shapes[0])
        if PROBABILITY in first:
            return {**first, SPREAD: first[PROBABILITY]}
        return {**first, SPREAD: (first[VALUE][0], 1) if self.mean == "unit_vector" else first[VALUE]}


def _deviation(residuals: Values) -> Any:
    return keras.ops.sqrt(sum(r * r for r in residuals) / (len(residuals) - 1))


def _classes(probabilities: Values) -> dict[str, Any]:
    mean = _arithmetic(probabilities)
    best = keras.ops.cast(keras.ops.top_k(mean, 1)[1], "float32")  # not argmax, see app/layers/physical_outputs.py
    return {VALUE: best, PROBABILITY: mean, SPREAD: _deviation([p - mean for p in probabilities])}


def _directions(said: Mapping[str, Values]) -> dict[str, Any]:
    units = [_unit(vector) for vector in said[VALUE]]
    weights = [mean_length(k) for k in said[CONCENTRATION]] if CONCENTRATION in said else [1.0] * len(units)
    mean = _arithmetic([weight * unit for weight, unit in zip(weights, units, strict=True)])
    value = _unit(mean)
    cosines = [keras.ops.sum(unit * value, axis=-1, keepdims=True) for unit in units]
    angles = [keras.ops.arccos(keras.ops.clip(cosine, -1.0, 1.0)) for cosine in cosines]
    found = {VALUE: value, SPREAD: _deviation(angles)}
    return found | ({CONCENTRATION: concentration_of(_length(mean))} if CONCENTRATION in said else {})


def combine(members: Mapping[str, Any], tasks: Mapping[str, str]) -> Any:
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
        found = EnsembleMean(mean, name=f"{task}_combined")([_of_task(answer, task) for answer in answers])
        outputs |= {task if what == VALUE else f"{task}_{what}": tensor for what, tensor in found.items()}
    return keras.Model(inputs, outputs, name="model")


def _of_task(answer: Mapping[str, Any], task: str) -> dict[str, Any]:
    more = {what: f"{task}_{what}" for what in (SIGMA, PROBABILITY, CONCENTRATION)}
    return {VALUE: answer[task]} | {what: answer[name] for what, name in more.items() if name in answer}
