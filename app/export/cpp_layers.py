"""Each layer of a deployed network as lines of C++; the graph is followed as Keras itself follows it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from app.core.libraries import keras
from app.export import cpp_tracks
from app.export.cpp_code import Array, Code, number, refuse

ACTIVATIONS = ("linear", "tanh", "gelu", "silu", "relu", "elu", "softplus", "sigmoid")
"""Those of cpp/layers.hpp, where their names begin with a capital."""


def follow(code: Code, model: Any, inputs: Any) -> Any:
    """Write the lines of a functional model, and return its outputs: {name: `Array`}, or one.

    Raises:
        UserError: a layer has no counterpart in C++.
    """

    def call(layer: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(layer, keras.Model):
            return follow(code, layer, arguments[0])
        kind = type(layer).__name__
        if kind not in WRITERS:
            expected = "networks of dense layers: mlp, momentum_ranges, pinn (spectral), rk_pinn, and their ensembles"
            raise refuse(f"the layer ({kind})", layer.name, expected)
        return WRITERS[kind](code, layer, *arguments)

    return model._run_through_graph(inputs, operation_fn=lambda layer: layer, call_fn=call)


def unchanged(_code: Code, _layer: Any, values: Array) -> Array:
    """A layer that acts in training alone."""
    return values


def item(code: Code, _layer: Any, values: Any, key: Any) -> Any:
    """One column of an array."""
    if isinstance(values, Mapping):
        return values[key]
    return f"{values.name}[{key[-1]}]"


def normalization(code: Code, layer: Any, values: Array) -> Array:
    """(value - mean) / std."""
    mean, std = np.ravel(layer.mean), np.maximum(np.sqrt(np.ravel(layer.variance)), 1e-7)
    pairs = zip(values.elements(), mean, std, strict=True)
    return code.array([f"({value} - {number(m)}) * {number(1 / np.float64(s))}" for value, m, s in pairs])


def concatenate(code: Code, _layer: Any, parts: Sequence[Array]) -> Array:
    """Arrays one after the other."""
    return code.array([element for part in parts for element in part.elements()])


def dense(code: Code, layer: Any, values: Array) -> Array:
    """activation(W x + b)."""
    activation = keras.activations.serialize(layer.activation)
    if activation not in ACTIVATIONS:
        raise refuse(f"the activation {activation!r} of the layer", layer.name, ", ".join(ACTIVATIONS))
    bias = np.asarray(layer.bias) if layer.use_bias else np.zeros(layer.units)
    return product(code, np.asarray(layer.kernel), bias, values, activation)


def product(code: Code, kernel: Any, bias: Any, values: Array, activation: str = "linear") -> Array:
    """Write a dense layer of this kernel (inputs, outputs); its outputs are padded to whole blocks."""
    inputs, outputs = kernel.shape
    padding = -outputs % 16
    weights, shift = np.pad(kernel, ((0, 0), (0, padding))), np.pad(bias, (0, padding))
    made = code.array(outputs)
    arguments = f"{code.constant(weights)}, {code.constant(shift)}, {values.name}, {made.name}"
    code.lines.append(f"dense<{activation.capitalize()}, {inputs}, {outputs}>({arguments});")
    return made


def ranges(code: Code, layer: Any, tensors: Mapping[str, Any]) -> Array:
    """The features of the track's own momentum range, 0 in place of all others, and which range it is."""
    name, count = code.new("range"), len(layer.edges) + 1
    code.lines.append(f"const auto {name} = magnitude(value({tensors['qop']}));")
    above = [f"({name} <= {number(np.float32(1) / np.float32(edge))})" for edge in layer.edges]
    chosen = []
    for k in range(count):
        inside = [above[k - 1]] if k else []
        inside += [f"({name} > {above[k].split('<= ')[1]}"] if k < count - 1 else []
        chosen.append(" & ".join(inside))
    kept = [
        f"select({chosen[k]}, {element}, T{{}})"
        for k, part in enumerate(tensors["features"])
        for element in part.elements()
    ]
    return code.array([*kept, *(f"select({text}, T{{}} + 1.f, T{{}})" for text in chosen)])


def spectral(code: Code, layer: Any, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The end of a track from its series: the sums over the coefficients are folded into the last layer's weights."""
    kernel, bias = (np.asarray(weight, np.float64) for weight in (layer.series.kernel, layer.series.bias))
    count, std = layer.coefficients, np.asarray(layer.std, np.float64)
    parts = []
    for whole in (layer.whole[1], layer.whole[0]):  # of the positions, then of the slopes
        for axis in range(2):
            part = slice(axis * count, (axis + 1) * count)
            scaled = std[2 + axis] * np.asarray(whole, np.float64)
            parts.append((kernel[:, part] @ scaled, bias[part] @ scaled + layer.start[axis] @ whole))
    values = product(code, np.stack([p[0] for p in parts], 1), np.array([p[1] for p in parts]), tensors["features"])
    factors = [f" * {tensors['dz']}"] * 2 + [""] * 2
    ends = zip(values.elements(), factors, layer.mean, std, strict=True)
    return {"end": code.array([f"({v}{f} - {number(m)}) * {number(1 / s)}" for v, f, m, s in ends]), "code": None}


def soft_spectral(code: Code, layer: Any, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a series of all four kicks, which need no integral."""
    kernel, bias = (np.asarray(weight, np.float64) for weight in (layer.series.kernel, layer.series.bias))
    count = layer.coefficients
    summed = kernel.reshape(-1, 4, count).sum(-1), bias.reshape(4, count).sum(-1)
    shift = (layer.start.sum(-1) - layer.mean) / np.asarray(layer.std, np.float64)
    return {"end": product(code, summed[0], summed[1] + shift, tensors["features"]), "code": None}


def stages(code: Code, layer: Any, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The weighted mean of four heads, which is one head."""
    shares = np.asarray(layer.weights_of_stages, np.float64)
    kernel = sum(share * np.asarray(head.kernel, np.float64) for share, head in zip(shares, layer.heads, strict=True))
    bias = sum(share * np.asarray(head.bias, np.float64) for share, head in zip(shares, layer.heads, strict=True))
    return {"end": product(code, kernel, bias, tensors["features"]), "code": None}


def ensemble_mean(code: Code, layer: Any, members: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Mean and standard deviation of the members."""
    if layer.mean != "values" or set(members[0]) != {"value"}:
        raise refuse("the mean of the ensemble's layer", layer.name, "members that give values alone")
    count = len(members)
    columns = list(zip(*(member["value"].elements() for member in members), strict=True))
    mean = code.array([f"({' + '.join(column)}) * {number(1 / count)}" for column in columns])
    squares = [
        " + ".join(f"({value} - {m}) * ({value} - {m})" for value in column)
        for column, m in zip(columns, mean.elements(), strict=True)
    ]
    return {"value": mean, "spread": code.array([f"root(({text}) * {number(1 / (count - 1))})" for text in squares])}


WRITERS: dict[str, Callable[..., Any]] = {
    "Features": cpp_tracks.features,
    "Physical": cpp_tracks.physical,
    "Extrapolated": cpp_tracks.extrapolated,
    "Normalization": normalization,
    "Concatenate": concatenate,
    "Dense": dense,
    "Dropout": unchanged,
    "GetItem": item,
    "RangeFeatures": ranges,
    "SpectralPath": spectral,
    "SoftSpectralPath": soft_spectral,
    "Stages": stages,
    "EnsembleMean": ensemble_mean,
}
"""The function that writes each kind of layer, by the name of its class."""
