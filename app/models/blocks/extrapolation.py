"""A classical extrapolation as the only layer of a model. Imported with Keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from app.layers.features import columns_of
from app.models.blocks.classical import STATE, BaselineInputs
from app.physics.extrapolation import EXTRAPOLATIONS
from app.physics.magnet import Magnet


@keras.saving.register_keras_serializable("wirechamber")
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
        known = {n: keras.ops.cast(v, self.precision) for n, v in columns_of(inputs, self.columns).items()}
        state = dict(zip(STATE, self.spec.build(self.magnet, known), strict=True))
        return keras.ops.cast(keras.ops.stack([state[name] for name in self.targets], axis=-1), "float32")

    def compute_output_shape(self, shapes: Mapping[str, Any]) -> tuple[int | None, int]:
        """Return (N, T)."""
        return (next(iter(shapes.values()))[0], len(self.targets))

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), **self.settings}


def extrapolated(known: BaselineInputs, precision: str = "float32", **extrapolation: Any) -> Extrapolated:
    """Return the layer of a task; without a field where the extrapolation needs none."""
    needs = EXTRAPOLATIONS[extrapolation["name"]].facts["field"]
    magnet = known.magnet.config() if known.magnet and needs else None
    return Extrapolated(known.columns, known.targets, extrapolation, magnet, precision, name=known.name)
