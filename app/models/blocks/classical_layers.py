"""Layers of models without training: a classical extrapolation, the polynomial of the kick. Imported with Keras."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from app.layers.features import split_columns
from app.layers.saving import saved
from app.metrics.statistics.fits import exponents, terms
from app.metrics.statistics.kick_polynomial import Fit, Space
from app.models.blocks.classical import STATE, BaselineInputs
from app.physics.extrapolation import EXTRAPOLATIONS
from app.physics.extrapolation.straight_line import straight_line
from app.physics.magnet import Magnet


@saved
class KickPolynomial(keras.layers.Layer):
    """Raw flat inputs {name: (N, C)} to the state `line + (q/p) P(features)` at z_start + dz, (N, T) float32.

    P is a sum of products of Chebyshev polynomials, which stay within [-1, 1] and so lose little to float32: 5e-5 mm on
    average over the default magnet. The sum over the terms is a float64 product of matrices: a GPU may round the
    factors of a float32 one to ten bits, which alone costs 0.11 mm.

    Args:
        columns: names of the columns of each flat input.
        targets: which of x, y [mm], tx, ty to give.
        features: names of the columns that P sees.
        folded: look at every track as one of positive charge that goes upward.
        degree: total degree of P.
        centre: of each feature's interval, which is scaled to [-1, 1].
        half: half the length of each interval.
        coefficients: (terms, T) [mm GeV, GeV], the weights of the layer; by default 0 until they are loaded.
    """

    def __init__(
        self,
        columns: Mapping[str, Sequence[str]],
        targets: Sequence[str],
        features: Sequence[str],
        folded: bool,
        degree: int,
        centre: Sequence[float],
        half: Sequence[float],
        coefficients: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **options})
        settings = {"columns": columns, "targets": list(targets), "features": list(features), "folded": folded}
        self.settings = {**settings, "degree": degree, "centre": list(centre), "half": list(half)}
        self.columns, self.targets, self.degree = columns, tuple(targets), degree
        self.space = Space(tuple(features), folded)
        self.interval = np.asarray(centre, np.float32), np.asarray(half, np.float32)
        self.start = coefficients

    @property
    def description(self) -> str:
        """Degree, features and folding, in the words of the baseline of this name."""
        return self.space.describe(self.degree)

    def build(self, shapes: Any) -> None:
        """Make the coefficients."""
        count = terms(len(self.space.names), self.degree)
        start = "zeros" if self.start is None else keras.initializers.Constant(self.start)
        kind = {"dtype": "float64", "trainable": False, "autocast": False}
        self.coefficients = self.add_weight((count, len(self.targets)), start, **kind, name="coefficients")
        self.built = True

    def call(self, inputs: Mapping[str, Any]) -> Any:
        """Return the targets, (N, T)."""
        known = split_columns(inputs, self.columns)
        signs, line = self.space.signs(known), dict(zip(STATE, straight_line(None, known), strict=True))
        kick = keras.ops.cast(keras.ops.transpose(self.coefficients) @ self._products(known), "float32")
        qop = signs["qop"] * known["qop"]
        state = [line[name] + signs[name] * (qop * kick[i]) for i, name in enumerate(self.targets)]
        return keras.ops.stack(state, axis=-1)

    def _products(self, known: Mapping[str, Any]) -> Any:
        """Return the products of the basis in float64, (terms, N); rows of Chebyshev polynomials are looked up."""
        centre, half = self.interval
        scaled = keras.ops.transpose((self.space.features(known) - centre) / half)
        powers = np.asarray(exponents(len(half), self.degree), np.int32)
        product = None
        for axis in range(len(half)):
            factor = keras.ops.take(chebyshev(scaled[axis], self.degree), powers[:, axis], axis=0)
            product = factor if product is None else product * factor
        return keras.ops.cast(product, "float64")

    def compute_output_shape(self, shapes: Mapping[str, Any]) -> tuple[int | None, int]:
        """Return (N, T)."""
        return (next(iter(shapes.values()))[0], len(self.targets))


def chebyshev(u: Any, degree: int) -> Any:
    """Return T_0(u) to T_degree(u), (degree + 1, N), by T_(k+1) = 2 u T_k - T_(k-1)."""
    every = [keras.ops.ones_like(u), u]
    for _ in range(degree - 1):
        every.append(2.0 * u * every[-1] - every[-2])
    return keras.ops.stack(every[: degree + 1])


def polynomial_layer(fit: Fit, known: BaselineInputs) -> KickPolynomial:
    """Return the layer that computes a fit."""
    space, basis = fit.space, fit.basis
    interval = basis.centre.tolist(), basis.half.tolist()
    of_fit = (fit.targets, space.names, space.folded, basis.degree, *interval, fit.coefficients)
    return KickPolynomial(known.columns, *of_fit, name=known.name)


@saved
class Extrapolated(keras.layers.Layer):
    """Raw flat inputs {name: (N, C)} to the state at z_start + dz, (N, T) float32, by a formula of the catalogue.

    Args:
        columns: names of the columns of each flat input.
        targets: which of x, y [mm], tx, ty to give.
        extrapolation: JSON of the extrapolation.
        magnet: configuration of the magnet, or None for an extrapolation that needs no field.
        precision: in which the formula is computed, "float32" or "float64".
    """

    def __init__(
        self,
        columns: Mapping[str, Sequence[str]],
        targets: Sequence[str],
        extrapolation: Mapping[str, Any],
        magnet: Mapping[str, Any] | None,
        precision: str = "float32",
        **options: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **options})
        given = {"columns": columns, "targets": list(targets), "extrapolation": dict(extrapolation)}
        self.settings = {**given, "magnet": magnet, "precision": precision}
        self.columns, self.targets, self.precision = columns, tuple(targets), precision
        self.spec = EXTRAPOLATIONS.parse(extrapolation)
        self.magnet = Magnet(**magnet) if magnet else None

    @property
    def description(self) -> str:
        """Its name and its options: 'rk4 steps 5'."""
        options = [f"{name} {value}" for name, value in self.spec.parameters.items()]
        precision = [self.precision] if self.precision != "float32" else []
        return " ".join([self.spec.name.replace("_", " "), *options, *precision])

    def call(self, inputs: Mapping[str, Any]) -> Any:
        """Return the targets, (N, T)."""
        known = {n: keras.ops.cast(v, self.precision) for n, v in split_columns(inputs, self.columns).items()}
        state = dict(zip(STATE, self.spec.build(self.magnet, known), strict=True))
        return keras.ops.cast(keras.ops.stack([state[name] for name in self.targets], axis=-1), "float32")

    def compute_output_shape(self, shapes: Mapping[str, Any]) -> tuple[int | None, int]:
        """Return (N, T)."""
        return (next(iter(shapes.values()))[0], len(self.targets))


def extrapolation_layer(known: BaselineInputs, precision: str = "float32", **extrapolation: Any) -> Extrapolated:
    """Return the layer of a task; without a field where the extrapolation needs none."""
    needs = EXTRAPOLATIONS[extrapolation["name"]].facts.field
    magnet = known.magnet.config() if known.magnet and needs else None
    return Extrapolated(known.columns, known.targets, extrapolation, magnet, precision, name=known.name)
