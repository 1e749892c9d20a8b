"""The least-squares polynomial of the kick as a model, which a useful network of track states must beat."""

from typing import Annotated, Any

from pydantic import Field

from app.core.errors import UserError, unknown
from app.core.types import Listed, OneOrMore
from app.models import MODELS
from app.models.blocks.classical import STATE, TRACK_INPUTS, BaselineInputs
from datasets.transforms.chain import check_mirror

Degrees = Annotated[tuple[Annotated[int, Field(ge=0, le=20)], ...], OneOrMore(), Field(min_length=1)]


@MODELS("polynomial", kind="classical", field=False, inputs=TRACK_INPUTS, targets=STATE)
def polynomial(
    known: BaselineInputs,
    *,
    degree: Degrees = (0, 2, 4, 6, 8),
    features: Listed | None = None,
    folded: bool | None = None,
) -> Any:
    """A polynomial of the kick `(state_out - straight line)/(q/p)`, fitted by least squares; nothing is trained.

    With its defaults it is the baseline `polynomial` itself: products of Chebyshev polynomials up to a total degree,
    fitted to the residual on at most 20,000 training tracks. The validation tracks choose the degree, the features
    ((tx, ty, q/p), enough for a field By(z) between fixed planes, or all inputs that vary) and whether charge and
    vertical sign are folded out. It must not be used outside the range of the training tracks, and its number of
    terms grows fast with features and degree: 165 of three features at degree 8, 924 of six at degree 6.

    The blocks of a job that concern training, and a task's transform, head, loss and weight, are not used; the log says
    so. `inputs`, `constraints` and `unlabelled` are refused.

    Args:
        known: columns, targets (of x, y, tx, ty), training and validation tracks.
        degree: total degree, or several of which the validation tracks choose one; a degree with fewer than 5 training
            tracks for each term, or more than 1,000 terms, is left out.
        features: input columns that the polynomial sees; null lets the validation tracks choose.
        folded: look at every track as one of positive charge that goes upward; true needs a field with these
            symmetries, null lets the validation tracks choose.

    Returns:
        The layer from raw inputs to the targets (N, T), x and y in mm.

    Raises:
        UserError: no degree can be fitted on so few tracks, an unknown feature, a field without the symmetries.
    """
    from app.metrics.statistics.kick_polynomial import Choice, best_fit
    from app.models.blocks.classical_layers import polynomial_layer

    columns = [column for names in known.columns.values() for column in names]
    for position, name in enumerate(features or ()):
        if name not in columns:
            raise UserError(unknown("feature", name, columns, ("features", position)))
    if folded:
        check_mirror(known.magnet, columns, known.targets, ("folded",))
    train, validation = known.tables()
    return polynomial_layer(best_fit(train, validation, known.targets, Choice(degree, features, folded)), known)
