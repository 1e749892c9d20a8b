"""Models and heads: functions that turn input tensors into features, and features into the outputs of a task.

A model is called in one of four ways, which a fact of its registration tells apart:

* `name(inputs)` with the standardised input tensors by name returns features (N, F), from which the heads go on
  (`images=True` says that it needs an image (N, H, W, channels) among them);
* `momentum=True`: `name(inputs, qop)` does the same and gets q/p as it is in the data besides, (N,) in 1/GeV;
* `path=True`: `name(features, scale)` returns a layer that knows the whole track, and the features it takes;
* `classical=True`: `name(known)` needs no training: it returns a layer from raw inputs to the physical targets of one
  task. Further facts say which `inputs` and `targets` it is for and whether it needs the `field` of the data.

A model with `sensors=True` is called in the first way and looks at the channels of photon sensors, one with `hits=True`
at the hits of an event; `scores=True`: it returns {"features": (N, F), "scores": (N, h)}, one score for each hit.
"""

from typing import Any

from pydantic import Field

from app.core.catalog import Catalog
from app.core.types import Listed, Strict


class Inputs(Strict):
    """What a network sees of the flat inputs."""

    mirror: bool = Field(
        False,
        description="fold charge and vertical sign out by the mirror symmetries of the field, and back at the end",
    )
    features: Listed | None = Field(
        None, description="input columns and derived features in place of all columns, e.g. tx, ty, qop, lens_tx"
    )


class ModelOptions(Strict):
    """The keys that every model takes besides its own."""

    inputs: Inputs = Inputs()


TRACK_CODE = "path"
"""Output of the network of a model with `path=True`, beside those of its tasks: what the layer knows a track by."""

SCORES = "scores"
"""Output of the network of a model with `scores=True`: of each hit the logit of its belonging to the muon, (N, h)."""
HIT_PROBABILITY = "hit_probability"
"""Output of the deployed model: of each hit the probability of its belonging to the muon, 0 in the padding, (N, h)."""

MODELS = Catalog[Any]("model", "app.models", ModelOptions)
HEADS = Catalog[Any]("head", "app.models.heads")
