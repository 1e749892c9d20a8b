"""The least-squares polynomial of the momentum kick: what a network must beat to have earned its keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.core.errors import WirechamberError
from app.metrics import BASELINES
from app.metrics.baselines import Baseline, Columns, Predicted
from app.metrics.baselines._basis import Basis, Matrix, terms
from app.metrics.baselines.straight_line import line

DEGREES = (0, 2, 4, 6, 8)
MOST_ROWS = 20_000
MOST_TERMS = 1_000
ROWS_PER_TERM = 5
BLOCK = 16_384


@BASELINES("polynomial", inputs=("x", "y", "tx", "ty", "qop", "dz"), targets=("x", "y", "tx", "ty"))
def polynomial(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """A polynomial of the kick `(state_out - straight line)/(q/p)`, fitted on the training tracks.

    The deflection is nearly proportional to q/p, so the kick is smooth and a low degree goes far. Tracks are weighted
    by |q/p|, which makes the fit one of the residual itself: minimise `sum |line + (q/p) P(features) - state_out|^2`;
    nothing is divided by q/p. Tried are the features (tx, ty, q/p), enough for a field By(z) between fixed planes, and
    all inputs that vary; each as they are and folded by the mirror symmetries of a dipole even in x and y,
    `(x, tx, q) -> -(x, tx, q)` and `(y, ty) -> -(y, ty)`, into q > 0, ty >= 0; each with total degree 2, 4, 6, 8 while
    there are at least 5 tracks for each of at most 1,000 terms. The validation tracks choose. Outside the range of the
    training tracks it is worth nothing.

    Args:
        train: x, y, dz [mm], tx, ty, qop [1/GeV], any further inputs, and truth under `true_<target>`; all (N,).
        validation: the same; when there are none the training tracks choose.
        targets: which of x, y [mm], tx, ty to predict.

    Returns:
        The baseline; its description names degree, features and folding.

    Raises:
        WirechamberError: there is no training track.
    """
    rows = len(train["qop"])
    if not rows:
        raise WirechamberError("no training tracks to fit the polynomial baseline on")
    kept = np.random.default_rng(0).permutation(rows)[:MOST_ROWS]
    fitted = {name: np.asarray(values, np.float64)[kept] for name, values in train.items()}
    judging = validation if len(validation.get("qop", ())) else fitted
    fits = [fit for space in _spaces(fitted) for fit in _fits(space, fitted, tuple(targets))]
    best = min(fits, key=lambda fit: _error(fit, judging))
    return Baseline(best.description, best.predict)


@dataclass(frozen=True)
class _Space:
    """Which features a polynomial sees, and whether mirror images are one track to it."""

    names: tuple[str, ...]
    folded: bool

    def signs(self, columns: Columns) -> dict[str, Matrix]:
        """Return the sign (N,) with which each mirrored quantity enters: q/p and ty become positive when folded."""
        ones = np.ones(len(columns["qop"]))
        horizontal = np.where(columns["qop"] < 0, -ones, ones) if self.folded else ones
        vertical = np.where(columns["ty"] < 0, -ones, ones) if self.folded else ones
        return {"x": horizontal, "tx": horizontal, "qop": horizontal, "y": vertical, "ty": vertical}

    def features(self, columns: Columns) -> Matrix:
        """Return the features (N, F)."""
        signs = self.signs(columns)
        every = [np.asarray(columns[name], np.float64) * signs.get(name, 1.0) for name in self.names]
        return np.column_stack(every)


@dataclass(frozen=True)
class _Fit:
    """Coefficients (terms, targets) of a polynomial in a space."""

    space: _Space
    basis: Basis
    coefficients: Matrix
    targets: tuple[str, ...]

    @property
    def description(self) -> str:
        """Degree, features and folding."""
        folded = ", folded" if self.space.folded else ""
        return f"polynomial degree {self.basis.degree} in {', '.join(self.space.names)}{folded}"

    def predict(self, columns: Columns) -> Predicted:
        """Return the targets block by block: the products of a million tracks would fill the memory."""
        starts = range(0, max(len(columns["qop"]), 1), BLOCK)
        parts = [self._block({name: values[i : i + BLOCK] for name, values in columns.items()}) for i in starts]
        return {target: np.concatenate([part[target] for part in parts]) for target in self.targets}

    def _block(self, columns: Columns) -> Predicted:
        kick = self.coefficients.T @ self.basis(self.space.features(columns))
        signs, state = self.space.signs(columns), line(columns)
        qop = signs["qop"] * columns["qop"]
        return {target: state[target] + signs[target] * qop * kick[i] for i, target in enumerate(self.targets)}


def _spaces(train: Columns) -> Iterator[_Space]:
    inputs = [name for name in train if not name.startswith("true_")]
    varying = tuple(name for name in inputs if np.ptp(train[name]) > 0)
    for names in dict.fromkeys([("tx", "ty", "qop"), varying or ("qop",)]):
        yield from (_Space(names, folded) for folded in (False, True))


def _fits(space: _Space, train: Columns, targets: tuple[str, ...]) -> Iterator[_Fit]:
    """Yield the fit of each allowed degree; they share their products, as the terms are ordered by degree."""
    features, signs, state = space.features(train), space.signs(train), line(train)
    most = max(1, min(MOST_TERMS, len(features) // ROWS_PER_TERM))
    counts = {degree: terms(features.shape[1], degree) for degree in DEGREES}
    allowed = {degree: count for degree, count in counts.items() if count <= most}
    basis = Basis.spanning(features, max(allowed))
    design = basis(features) * (signs["qop"] * train["qop"])
    wanted = np.column_stack([signs[target] * (train[f"true_{target}"] - state[target]) for target in targets])
    products = design @ design.T
    for degree, count in allowed.items():
        solved = _least_squares(design[:count], products[:count, :count], wanted)
        yield _Fit(space, replace(basis, degree=degree), solved, targets)


def _least_squares(design: Matrix, products: Matrix, wanted: Matrix) -> Matrix:
    """Return the coefficients (T, K) that minimise |design.T c - wanted|.

    Normal equations are ten times as fast as a QR of so tall a matrix and square its condition number; a small ridge
    keeps them solvable and the repeated solution for what is left over takes both errors out again.
    """
    ridge = np.diag(np.full(len(products), 1e-13 * np.trace(products)))
    inverse = np.linalg.inv(products + ridge)
    solved = np.zeros((len(design), wanted.shape[1]))
    for _ in range(3):
        solved += inverse @ (design @ (wanted - design.T @ solved))
    return solved


def _error(fit: _Fit, columns: Columns) -> float:
    """Return the mean position error [mm], or without x and y the mean absolute residual in units of the spread."""
    predicted = fit.predict(columns)
    delta = {target: predicted[target] - columns[f"true_{target}"] for target in fit.targets}
    if {"x", "y"} <= set(delta):
        return float(np.hypot(delta["x"], delta["y"]).mean())
    return float(sum(np.abs(d).mean() / (np.std(columns[f"true_{t}"]) or 1.0) for t, d in delta.items()))
