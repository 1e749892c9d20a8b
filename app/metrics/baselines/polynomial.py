"""The least-squares polynomial of the momentum kick, which a useful network of track states must beat."""

from collections.abc import Sequence

from app.metrics import BASELINES
from app.metrics.baselines import Baseline, Columns
from app.metrics.statistics.kick_polynomial import best_fit


@BASELINES("polynomial", inputs=("x", "y", "tx", "ty", "qop", "dz"), targets=("x", "y", "tx", "ty"))
def polynomial(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """A polynomial of the kick `(state_out - straight line)/(q/p)`, fitted on the training tracks.

    The deflection is nearly proportional to q/p, so the kick is smooth and a low degree goes far. Tracks are weighted
    by |q/p|, which makes the fit one of the residual itself: minimise `sum |line + (q/p) P(features) - state_out|^2`;
    nothing is divided by q/p. Tried are the features (tx, ty, q/p), enough for a field By(z) between fixed planes, and
    all inputs that vary; each as they are and folded by the mirror symmetries of a dipole even in x and y,
    `(x, tx, q) -> -(x, tx, q)` and `(y, ty) -> -(y, ty)`, into q > 0, ty >= 0; each with total degree 2, 4, 6, 8 while
    there are at least 5 tracks for each of at most 1,000 terms. The validation tracks choose. It must not
    be used outside the range of the training tracks.

    Args:
        train: x, y, dz [mm], tx, ty, qop [1/GeV], any further inputs, and truth under `true_<target>`; all (N,).
        validation: the same; when there are none the training tracks choose.
        targets: which of x, y [mm], tx, ty to predict.

    Returns:
        The baseline; its description names degree, features and folding.

    Raises:
        WirechamberError: there is no training track.
    """
    best = best_fit(train, validation, targets)
    return Baseline(best.description, best.predict)
