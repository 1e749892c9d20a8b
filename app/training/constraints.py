"""The constraints of a job on the tracks, or the hits, of a batch. Needs Keras."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np

from app.core.catalog import Spec
from app.core.errors import Problem, UserError
from app.physics.magnet import Magnet
from datasets.transforms.chain import Mirror
from losses.constraints import ASSIGNED, Hits, Track, terms_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Collocation:
    """Points along the tracks: `points` of them, evenly from 0 to 1, or drawn anew in every step."""

    points: int
    random: bool

    def zeta(self, generator: Any, training: bool) -> Any:
        """Return the points (P,); validation always uses the even ones, so that epochs compare."""
        if self.random and training:
            return keras.random.uniform((self.points,), seed=generator)
        return np.linspace(0.0, 1.0, self.points, dtype=np.float32) if self.points > 1 else np.ones(1, np.float32)


@dataclass(frozen=True)
class ActiveConstraints:
    """The constraints that act: those of weight 0 are left out.

    Attributes:
        specs: the constraints.
    """

    specs: Sequence[Spec[Any]]

    def terms(self) -> list[str]:
        """Return the names of all terms, in order."""
        return [name for spec in self.specs for name in terms_of(spec)]

    def weights(self) -> dict[str, float]:
        """Return the weight of each term; those of one constraint share its weight."""
        return {name: spec.options.weight / len(terms_of(spec)) for spec in self.specs for name in terms_of(spec)}

    def warmup(self, epoch: Any) -> dict[str, Any]:
        """Return the share of its weight that each term has in an epoch; 1 where there is no warm-up."""
        shares: dict[str, Any] = {}
        for spec in self.specs:
            epochs = spec.options.warmup_epochs
            share = keras.ops.minimum(epoch / epochs, 1.0) if epochs else 1.0
            shares |= dict.fromkeys(terms_of(spec), share)
        return shares

    def values(self, looked_at: Any) -> dict[str, Any]:
        """Return each term's value per event, (N,), of what the constraints look at."""
        found: dict[str, Any] = {}
        for spec in self.specs:
            values = spec.build(looked_at)
            found |= {name: values[:, i] for i, name in enumerate(terms_of(spec))}
        return found


@dataclass(frozen=True)
class HitConstraints(ActiveConstraints):
    """Constraints on the scores of hits."""

    def __call__(self, scores: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return each term's value per event, (N,), from the scores (N, h) and the arrays of the batch."""
        return self.values(Hits(scores, inputs[ASSIGNED], inputs["mask"]))


@dataclass(frozen=True)
class Constraints(ActiveConstraints):
    """Constraints on whole tracks; where none acts no field is evaluated.

    Attributes:
        path: layer that gives states along the way.
        magnet: field and start plane.
        collocation: where the equations are tested.
        mirror: of the network's inputs, or None.
    """

    path: Any
    magnet: Magnet
    collocation: Collocation
    mirror: Mirror | None

    def __call__(self, code: Any, columns: Mapping[str, Any], generator: Any, training: bool) -> dict[str, Any]:
        """Return each term's value per event, (N,).

        Args:
            code: the network's codes of the tracks.
            columns: their raw input columns, (N,) each.
            generator: seed generator of random points.
            training: whether points may be random.
        """
        columns = self.mirror.fold(columns) if self.mirror else columns
        return self.values(self._track(code, columns, self.collocation.zeta(generator, training)))

    def _track(self, code: Any, columns: Mapping[str, Any], zeta: Any) -> Track:
        staged = hasattr(self.path, "stages")
        return Track(
            columns,
            self.magnet,
            self.path.std,
            zeta,
            None if staged else partial(self.path.along, code, columns),
            (lambda: (*self.path.stages(code, columns), np.asarray(self.path.nodes, np.float32))) if staged else None,
            self.path.positions_are_exact,
        )


def make_constraints(
    specs: Sequence[Spec[Any]], path: Any, magnet: Magnet | None, collocation: Collocation, mirror: Mirror | None
) -> Constraints:
    """Return the constraints `specs`, all of which act, on a model's tracks."""
    if magnet is None:
        expected = "'field' in the dataset, or data of 'simulate'"
        raise UserError(Problem("the field of the data is not known", ("constraints",), expected=expected))
    scales = ", ".join(f"{n} {s:.4g}" for n, s in zip(("x", "y", "tx", "ty"), path.std, strict=True))
    logger.info("residuals are in units of (q/p) times the spread of the kick: %s", scales)
    return Constraints(specs, path, magnet, collocation, mirror)
