"""One hit in each detector layer: what bends."""

from typing import Annotated, Any

from pydantic import Field

from app.layers.inputs import INPUT_LAYERS

Number = Annotated[int, Field(ge=0)]


@INPUT_LAYERS("layer_differences")
def layer_differences(label: str, *, pairs: bool = True, angles: tuple[Number, ...] = ()) -> Any:
    """Standardised values of layers, differences of all pairs of them, and which are there: (N, L, 2) to (N, F).

    The bend of a muon is a difference of azimuths, which a network would otherwise have to find among much larger
    values. A value without a hit, and a difference without both hits, is 0, the mean of those that are there; constants
    are of those too. F = 2 L + L (L - 1) / 2. Of small and large bends one standard deviation suits the large ones
    alone: a difference d, standardised, becomes asinh(8 d) / 2, linear near 0 and logarithmic far from it.

    Args:
        label: name of the Keras layer.
        pairs: with the differences; without them F = 2 L.
        angles: numbers, from 0, of the layers whose value is a bending angle and no azimuth.

    Returns:
        The layer; it computes in float32 also under mixed precision.
    """
    from app.layers.hits import LayerDifferences

    return LayerDifferences(pairs, angles=angles, name=label)
