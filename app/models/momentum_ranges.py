"""One network for each range of momentum, behind one model."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from app.core.catalog import Spec
from app.core.errors import Problem, UserError
from app.core.libraries import keras
from app.core.types import Positive
from app.models import MODELS, Inputs


def check_ascending(edges: tuple[float, ...]) -> tuple[float, ...]:
    """Return the edges; raises ValueError when they do not ascend."""
    for low, high in pairwise(edges):
        if low >= high:
            raise ValueError(f"edges must ascend, and {high:g} GeV comes after {low:g} GeV")
    return edges


def check_network(network: Spec[Any]) -> Spec[Any]:
    """Return the network of a range; raises UserError unless it is a model of flat inputs without inputs of its own."""
    suitable = [
        model.name
        for model in MODELS
        if model.facts.kind == "features" and not (model.facts.images or model.facts.sensors or model.facts.hits)
    ]
    if network.component.name not in suitable:
        what = f"{network.name!r} cannot be the network of a range"
        raise UserError(Problem(what, ("name",), expected=f"one of [{', '.join(suitable)}]"))
    if network.options.inputs != Inputs():
        expected = "'inputs' of the model itself: all ranges see the same"
        raise UserError(Problem("a range has no inputs of its own", ("inputs",), expected=expected))
    return network


Edges = Annotated[tuple[Positive, ...], Field(min_length=1), AfterValidator(check_ascending)]


@MODELS("momentum_ranges", kind="momentum", light=True)
def momentum_ranges(
    inputs: Mapping[str, Any],
    qop: Any,
    *,
    edges: Edges = (5.0, 20.0),
    network: Annotated[MODELS.spec, AfterValidator(check_network)] = "mlp",
) -> Any:
    """One network for each range of momentum: h(state) = h_k(state) for edges[k-1] <= p < edges[k].

    Soft and stiff tracks share no weight, so that neither is learned at the cost of the other; each range also learns
    from its own tracks alone, and the answer jumps at the edges. The ranges share input and output standardisation and
    the constant of the head. Every track goes through all networks: K ranges cost K times one.

    Args:
        inputs: standardised input tensors (N, features) by name.
        qop: charge over momentum as it is in the data [1/GeV], (N,).
        edges: momenta between the ranges [GeV], ascending; n of them make n + 1 ranges.
        network: the network of each range; all are of this kind and begin at weights of their own.

    Returns:
        Features (N, sum of all ranges' features + number of ranges), of which a linear head makes one head for each
        range with a bias of its own.
    """
    from app.models.blocks.ranges import RangeFeatures

    features = [_of_range(network, inputs, f"range_{number}") for number in range(1, len(edges) + 2)]
    return RangeFeatures(edges, name="ranges")({"qop": qop, "features": features})


def _of_range(network: Spec[Any], inputs: Mapping[str, Any], name: str) -> Any:
    """Return the features of a network of its own, (N, H); layers of equal names need a model around each."""
    own = {n: keras.Input(tensor.shape[1:], name=n, dtype=tensor.dtype) for n, tensor in inputs.items()}
    return keras.Model(own, network.build(own), name=name)(dict(inputs))
