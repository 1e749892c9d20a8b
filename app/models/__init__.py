"""Models and heads: functions that turn input tensors into features, and features into the outputs of a task.

A model is called in one of four ways; `kind=` in its decorator says which:

* "features", the default: `name(inputs)` with the standardised input tensors by name returns features (N, F), from
  which the heads continue;
* "momentum": `name(inputs, qop)` does the same and also gets q/p as it is in the data, (N,) in 1/GeV;
* "track": `name(features, scale)` returns a layer that knows the whole track, and the features it takes; `stages=` is
  the number of its Runge-Kutta stages, if it has them;
* "classical": `name(known)` needs no training: it returns a layer from raw inputs to the physical targets of one task.
  `inputs=` and `targets=` are the columns it is for, `field=True` says that it needs the field of the data.

A model of the kind "features" that looks at more than flat rows says at what: `images=True` at images
(N, H, W, channels), `sensors=True` at the channels of photon sensors, `hits=True` at the hits of an event. One with
`scores=True` returns {"features": (N, F), "scores": (N, h)}, one score for each hit. `light=True` says that a step is
short, so that many of them run in one call, compiled by XLA.
"""

from typing import Any, Literal

from pydantic import Field

from app.core.catalog import Catalog
from app.core.types import Facts, Listed, Strict


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
    """The keys that every model takes in addition to its own."""

    inputs: Inputs = Inputs()


class ModelFacts(Facts):
    """The facts of a model, explained above."""

    kind: Literal["features", "momentum", "track", "classical"] = "features"
    light: bool = False
    images: bool = False
    sensors: bool = False
    hits: bool = False
    scores: bool = False
    stages: int | None = None
    field: bool = False
    inputs: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


class HeadFacts(Facts):
    """The facts of a head: the meaning of its output, and whether it has one column for each class."""

    gives: Literal["values", "mean_and_log_variance", "logits", "direction_and_concentration"]
    classes: bool = False


TRACK_CODE = "path"
"""The output of a network of the kind "track" from which the layer computes the whole track."""

SCORES = "scores"
"""The output of a network with `scores=True`: the logit of each hit's probability to belong to the muon, (N, h)."""
HIT_PROBABILITY = "hit_probability"
"""The output of the deployed model: the probability of each hit to belong to the muon, 0 in the padding, (N, h)."""

MODELS = Catalog[Any, ModelFacts]("model", "app.models", ModelOptions, facts=ModelFacts)
HEADS = Catalog[Any, HeadFacts]("head", "app.models.heads", facts=HeadFacts)
