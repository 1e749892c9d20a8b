"""The least-squares polynomial of the momentum kick: features, degrees, the fit and the choice among several."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.core.errors import Problem, UserError, WirechamberError
from app.metrics.baselines import Columns, Predicted
from app.metrics.baselines.straight_line import line
from app.metrics.statistics.fits import Basis, Matrix, terms
from app.physics import arrays

DEGREES = (0, 2, 4, 6, 8)
MOST_ROWS = 20_000
MOST_TERMS = 1_000
ROWS_PER_TERM = 5
BLOCK = 16_384


@dataclass(frozen=True)
class Space:
    """The features of a polynomial, and whether it treats mirror images as one track; NumPy arrays or tensors."""

    names: tuple[str, ...]
    folded: bool

    def signs(self, columns: Columns) -> dict[str, arrays.Array]:
        """Return the sign (N,) with which each mirrored quantity enters: q/p and ty become positive when folded."""
        horizontal, vertical = (0.0 * columns[name] + 1.0 for name in ("qop", "ty"))
        if self.folded:
            where = arrays.module_of(horizontal).where
            horizontal = where(columns["qop"] < 0, -horizontal, horizontal)
            vertical = where(columns["ty"] < 0, -vertical, vertical)
        return {"x": horizontal, "tx": horizontal, "qop": horizontal, "y": vertical, "ty": vertical}

    def features(self, columns: Columns) -> arrays.Array:
        """Return the features (N, F)."""
        signs = self.signs(columns)
        every = [columns[name] * signs.get(name, 1.0) for name in self.names]
        return arrays.module_of(*every).stack(every, axis=-1)

    def describe(self, degree: int) -> str:
        """Return the description of a polynomial of this degree, e.g. "polynomial degree 4 in tx, ty, qop, folded"."""
        return f"polynomial degree {degree} in {', '.join(self.names)}{', folded' if self.folded else ''}"


@dataclass(frozen=True)
class Fit:
    """Coefficients (terms, targets) of a polynomial in a space."""

    space: Space
    basis: Basis
    coefficients: Matrix
    targets: tuple[str, ...]

    @property
    def description(self) -> str:
        """Degree, features and folding."""
        return self.space.describe(self.basis.degree)

    def predict(self, columns: Columns) -> Predicted:
        """Return the targets, computed in blocks: the products of a million tracks would fill the memory."""
        starts = range(0, max(len(columns["qop"]), 1), BLOCK)
        parts = [self._block({name: values[i : i + BLOCK] for name, values in columns.items()}) for i in starts]
        return {target: np.concatenate([part[target] for part in parts]) for target in self.targets}

    def _block(self, columns: Columns) -> Predicted:
        columns = {name: np.asarray(values, np.float64) for name, values in columns.items()}
        kick = self.coefficients.T @ self.basis(self.space.features(columns))
        signs, state = self.space.signs(columns), line(columns)
        qop = signs["qop"] * columns["qop"]
        return {target: state[target] + signs[target] * qop * kick[i] for i, target in enumerate(self.targets)}


@dataclass(frozen=True)
class Choice:
    """The fits that are tried; None means that the validation tracks decide.

    Attributes:
        degrees: total degrees; those with too few tracks or too many terms are left out.
        features: the one set of features, in place of (tx, ty, q/p) and of all inputs that vary.
        folded: whether mirror images are one track.
    """

    degrees: tuple[int, ...] = DEGREES
    features: tuple[str, ...] | None = None
    folded: bool | None = None


def best_fit(train: Columns, validation: Columns, targets: Sequence[str], choice: Choice = Choice()) -> Fit:
    """Return the fit on the training tracks with the least error on the validation tracks.

    At most 20,000 training tracks are used, drawn at random but always the same ones.

    Args:
        train: x, y, dz [mm], tx, ty, qop [1/GeV], any further inputs, and truth under `true_<target>`; all (N,).
        validation: the same; when there are none the training tracks choose.
        targets: which of x, y [mm], tx, ty to fit.
        choice: what is tried.

    Raises:
        WirechamberError: there is no training track.
        UserError: no degree that is tried has 5 tracks for each of at most 1,000 terms.
    """
    rows = len(train["qop"])
    if not rows:
        raise WirechamberError("no training tracks to fit the polynomial on")
    kept = np.random.default_rng(0).permutation(rows)[:MOST_ROWS]
    fitted = {name: np.asarray(values, np.float64)[kept] for name, values in train.items()}
    judging = validation if len(validation.get("qop", ())) else fitted
    inputs = [name for name in fitted if not name.startswith("true_")]
    varying = tuple(name for name in inputs if np.ptp(fitted[name]) > 0)
    features = [choice.features] if choice.features else [("tx", "ty", "qop"), varying or ("qop",)]
    folds = [folded for folded in (False, True) if choice.folded in (None, folded)]
    spaces = [Space(names, folded) for names in dict.fromkeys(features) for folded in folds]
    fits = [fit for space in spaces for fit in fits_in_space(space, fitted, tuple(targets), choice.degrees)]
    if not fits:
        what = f"no polynomial of this degree can be fitted on {len(kept):,} tracks"
        expected = f"at least {ROWS_PER_TERM} tracks for each of at most {MOST_TERMS:,} terms"
        raise UserError(Problem(what, ("degree",), expected=expected, received=list(choice.degrees)))
    return min(fits, key=lambda fit: validation_error(fit, judging))


def fits_in_space(space: Space, train: Columns, targets: tuple[str, ...], degrees: Sequence[int]) -> Iterator[Fit]:
    """Yield the fit of each degree with enough tracks; all share their products, as the terms are ordered by degree."""
    features, signs, state = space.features(train), space.signs(train), line(train)
    most = max(1, min(MOST_TERMS, len(features) // ROWS_PER_TERM))
    counts = {degree: terms(features.shape[1], degree) for degree in degrees}
    allowed = {degree: count for degree, count in counts.items() if count <= most}
    if not allowed:
        return
    basis = Basis.spanning(features, max(allowed))
    design = basis(features) * (signs["qop"] * train["qop"])
    wanted = np.column_stack([signs[target] * (train[f"true_{target}"] - state[target]) for target in targets])
    products = design @ design.T
    for degree, count in allowed.items():
        solved = least_squares(design[:count], products[:count, :count], wanted)
        yield Fit(space, replace(basis, degree=degree), solved, targets)


def least_squares(design: Matrix, products: Matrix, wanted: Matrix) -> Matrix:
    """Return the coefficients (T, K) that minimise |design.T c - wanted|.

    Normal equations are ten times as fast as a QR decomposition of so tall a matrix, but square its condition number. A
    small ridge keeps them solvable, and solving again for the remaining residual removes the errors of both.
    """
    ridge = np.diag(np.full(len(products), 1e-13 * np.trace(products)))
    inverse = np.linalg.inv(products + ridge)
    solved = np.zeros((len(design), wanted.shape[1]))
    for _ in range(3):
        solved += inverse @ (design @ (wanted - design.T @ solved))
    return solved


def validation_error(fit: Fit, columns: Columns) -> float:
    """Return the mean position error [mm], or without x and y the mean absolute residual in units of the spread."""
    predicted = fit.predict(columns)
    delta = {target: predicted[target] - columns[f"true_{target}"] for target in fit.targets}
    if {"x", "y"} <= set(delta):
        return float(np.hypot(delta["x"], delta["y"]).mean())
    return float(sum(np.abs(d).mean() / (np.std(columns[f"true_{t}"]) or 1.0) for t, d in delta.items()))
