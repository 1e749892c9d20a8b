"""Heads: layers from the features of a model to the outputs of one task.

A head is called as `name(features, columns, label, *, ...)`; `columns` is how many numbers the task's transform makes
of its targets. Its fact `gives` says what the output holds, which the loss must expect:

* `values` (N, columns);
* `mean_and_log_variance` (N, 2 columns);
* `logits`: of classes (N, K) for one target, or of yes (N, columns);
* `direction_and_concentration` (N, 3): a vector whose length is the concentration.
"""

from typing import Annotated, Any

from pydantic import Field

from app.core.libraries import keras
from app.core.types import Count, Shared
from app.models import HEADS
from app.models.mlp import Activation

Classes = Annotated[int, Field(ge=2, le=100_000)]


class OwnLayers(Shared):
    """The layers of one task between the features and its output.

    Attributes:
        hidden: sizes of the dense layers before the last.
        activation: of these layers.
    """

    hidden: tuple[Count, ...] = ()
    activation: Activation = "gelu"


@HEADS("linear", gives="values")
def linear(features: Any, columns: int, label: str, *, layers: OwnLayers) -> Any:
    """The transformed targets themselves: (N, columns), float32 also under mixed precision.

    Args:
        features: features from the model, (N, F).
        columns: number of transformed targets.
        label: name of the last layer.
        layers: the layers before the last.
    """
    return _dense(features, columns, label, layers)


@HEADS("gaussian", gives="mean_and_log_variance")
def gaussian(features: Any, columns: int, label: str, *, layers: OwnLayers) -> Any:
    """Mean and logarithm of the variance of the transformed targets: (N, 2 columns).

    Predictions then carry `sigma_<target>`, the standard deviation in physical units.

    Args:
        features: features from the model, (N, F).
        columns: number of transformed targets.
        label: name of the last layer.
        layers: the layers before the last.
    """
    return _dense(features, 2 * columns, label, layers)


@HEADS("softmax", gives="logits", classes=True)
def softmax(features: Any, columns: int, label: str, *, classes: Classes, layers: OwnLayers) -> Any:
    """Logits of the classes 0, 1, ..., classes - 1 of one target: (N, classes).

    The model's outputs are the most probable class and `<task>_probability` (N, classes).

    Args:
        features: features from the model, (N, F).
        columns: one.
        label: name of the last layer.
        classes: how many; the target holds their numbers, from 0.
        layers: the layers before the last.
    """
    return _dense(features, classes, label, layers)


@HEADS("sigmoid", gives="logits")
def sigmoid(features: Any, columns: int, label: str, *, layers: OwnLayers) -> Any:
    """Logits of targets that are 0 or 1: (N, columns); the prediction is the probability of 1.

    Args:
        features: features from the model, (N, F).
        columns: of the targets.
        label: name of the last layer.
        layers: the layers before the last.
    """
    return _dense(features, columns, label, layers)


@HEADS("von_mises_fisher", gives="direction_and_concentration")
def von_mises_fisher(features: Any, columns: int, label: str, *, layers: OwnLayers) -> Any:
    """A direction times its concentration k: (N, 3).

    Predictions then carry `kappa_<task>`; for k >> 1 the angle's standard deviation in each of two directions is
    1 / sqrt(k) rad.

    Args:
        features: features from the model, (N, F).
        columns: three.
        label: name of the last layer.
        layers: the layers before the last.
    """
    return _dense(features, columns, label, layers)


def _dense(features: Any, outputs: int, label: str, layers: OwnLayers) -> Any:
    for position, units in enumerate(layers.hidden, start=1):
        features = keras.layers.Dense(units, layers.activation, name=f"{label}_hidden_{position}")(features)
    return keras.layers.Dense(outputs, name=label, dtype="float32")(features)
