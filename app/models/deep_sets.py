"""Hits as a set: each encoded by itself, then all of them summed."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from app.models import MODELS
from app.models.blocks.hits import dense, take_hits
from app.models.hit_pooling import Hidden, Share
from app.models.mlp import Activation


@MODELS("deep_sets", hits=True)
def deep_sets(
    inputs: Mapping[str, Any],
    *,
    phi: Annotated[Hidden, Field(min_length=1)] = (64, 64, 64),
    rho: Annotated[Hidden, Field(min_length=1)] = (128, 128),
    deviations: bool = True,
    dropout: Share = 0.0,
    activation: Activation = "gelu",
) -> Any:
    """rho(sum over hits of phi(hit)): every function of a set has this form, given layers that are wide enough.

    The sum is divided by 32, a typical number of hits, so that it has the size of its terms and still counts them.
    Noise hits enter the sum like all others: `hit_pooling` keeps them out.

    Args:
        inputs: input tensors by name, of which `hits` (N, h, F) and `mask` (N, h) count.
        phi: sizes of the dense layers for each hit.
        rho: sizes of the dense layers after the sum; the last is the number of features.
        deviations: also give each hit its distance from the median of the event's hits, in every feature.
        dropout: share of the values that are dropped in training after every dense layer.
        activation: of all hidden layers.

    Returns:
        Features (N, rho[-1]).

    Raises:
        UserError: data of another kind.

    References:
        M. Zaheer et al., Deep sets, theorem 2, arXiv:1703.06114; P. Komiske, E. Metodiev, J. Thaler, arXiv:1810.05165.
    """
    from app.models.blocks.hit_layers import HitSum

    hits, mask = take_hits(inputs, "deep_sets", deviations)
    encoded = dense(hits, phi, activation, dropout, "phi")
    return dense(HitSum(name="sum")({"hits": encoded, "mask": mask}), rho, activation, dropout, "rho")
