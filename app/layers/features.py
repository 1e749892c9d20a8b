"""The features of track states: some columns, mirrored, and features that physics derives. Imported with Keras."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from app.core.errors import Problem, UserError, unknown
from app.layers.saving import saved
from app.physics.extrapolation.thin_lens import thin_lens
from app.physics.magnet import Magnet
from app.physics.momentum_slopes import to_momentum
from datasets.transforms.chain import Mirror

SLOPES = ("u", "v")
LENS = ("lens_x", "lens_y", "lens_tx", "lens_ty", "lens_u", "lens_v")
"""The state behind a thin lens of the data's own field, calculated from the start state of each track."""


def split_columns(inputs: Mapping[str, Any], names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the columns (N,) of flat input tensors by name: {"state": (N, 6)} -> {"x": (N,), ...}."""
    return {
        column: inputs[name][..., position]
        for name, columns in names.items()
        for position, column in enumerate(columns)
    }


def check_features(features: Sequence[str], columns: Sequence[str], magnet: Magnet | None) -> None:
    """Raise UserError for a feature that the data cannot give."""
    for position, name in enumerate(features):
        where = ("model", "inputs", "features", position)
        if name not in (*columns, *SLOPES, *LENS):
            raise UserError(unknown("feature", name, [*columns, *SLOPES, *LENS], where))
        if name in LENS and magnet is None:
            expected = "'field' in the dataset, or data of 'simulate'"
            raise UserError(
                Problem(f"{name!r} needs the field of the data, which is not known", where, expected=expected)
            )
        if name in columns:
            continue
        if name in LENS and magnet:
            _ = magnet.field  # what cannot be read is named here: Keras adds words to what a layer raises
        start = ("z_start",) if magnet and magnet.z_start is None else ()
        for column in ("tx", "ty") if name in SLOPES else ("x", "y", "tx", "ty", "qop", "dz", *start):
            if column not in columns:
                what = f"{name!r} needs the input column {column!r}"
                raise UserError(Problem(what, where, received=list(columns)))


@saved
class Features(keras.layers.Layer):
    """Raw flat inputs {name: (N, C)} to the features (N, F) that a network sees, in float32.

    Args:
        columns: names of the columns of each flat input.
        features: names of the features, in order: columns, u = tx/N, v = ty/N, and the state behind a thin lens.
        mirror: look at every track as one of positive charge that goes upward.
        magnet: configuration of the magnet; None where no feature needs it.
    """

    def __init__(
        self,
        columns: Mapping[str, Sequence[str]],
        features: Sequence[str],
        mirror: bool,
        magnet: Mapping[str, Any] | None,
        **options: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **options})
        self.settings = {"columns": columns, "features": list(features), "mirror": mirror, "magnet": magnet}
        self.columns, self.features = columns, tuple(features)
        self.mirror = Mirror() if mirror else None
        self.magnet = Magnet(**magnet) if magnet else None

    def call(self, inputs: Mapping[str, Any]) -> Any:
        """Return the features, (N, F)."""
        known = split_columns(inputs, self.columns)
        if self.mirror:
            known = self.mirror.fold(known)
        if set(SLOPES) & set(self.features):
            known["u"], known["v"] = to_momentum(known["tx"], known["ty"])
        if set(LENS) & set(self.features):
            x, y, tx, ty = thin_lens(self.magnet, known)  # type: ignore[arg-type]
            known |= dict(zip(LENS, (x, y, tx, ty, *to_momentum(tx, ty)), strict=True))
        return keras.ops.stack([known[name] for name in self.features], axis=-1)

    def compute_output_shape(self, shapes: Mapping[str, Any]) -> tuple[int | None, int]:
        """Return (N, F)."""
        return (next(iter(shapes.values()))[0], len(self.features))
