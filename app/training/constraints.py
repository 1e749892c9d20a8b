"""The constraints of a job on the tracks, or the hits, of a batch."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from app.config import Job
from app.core.catalog import Spec
from app.core.errors import Problem, UserError
from app.core.libraries import keras
from app.data.loading import Data
from app.physics.magnet import Magnet
from datasets.transforms.chain import Mirror
from losses.constraints import ASSIGNED, Hits, Track, terms_of

logger = logging.getLogger(__name__)

HIT_METRIC = "hit_assignment"
"""The metric that needs to know which hits are the muon's."""


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

    def values(self, subject: Any) -> dict[str, Any]:
        """Return each term's value per event, (N,), from the tracks or the hits."""
        terms: dict[str, Any] = {}
        for spec in self.specs:
            values = spec.build(subject)
            terms |= {name: values[:, i] for i, name in enumerate(terms_of(spec))}
        return terms


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
        zeta, staged = self.collocation.zeta(generator, training), hasattr(self.path, "stages")
        along = None if staged else partial(self.path.along, code, columns)
        nodes = (
            (lambda: (*self.path.stages(code, columns), np.asarray(self.path.nodes, np.float32))) if staged else None
        )
        exact = self.path.positions_are_exact
        return self.values(Track(columns, self.magnet, self.path.std, zeta, along, nodes, exact))


def make_constraints(
    specs: Sequence[Spec[Any]], path: Any, magnet: Magnet | None, collocation: Collocation, mirror: Mirror | None
) -> Constraints:
    """Return the constraints `specs`, all of which act, on a model's tracks.

    Raises:
        UserError: the field of the data is not known, or cannot be read.
    """
    if magnet is None:
        expected = "'field' in the dataset, or data of 'simulate'"
        raise UserError(Problem("the field of the data is not known", ("constraints",), expected=expected))
    _ = magnet.field  # a file that cannot be read is named before the training
    scales = ", ".join(f"{n} {s:.4g}" for n, s in zip(("x", "y", "tx", "ty"), path.std, strict=True))
    logger.info("residuals are in units of (q/p) times the spread of the kick: %s", scales)
    return Constraints(specs, path, magnet, collocation, mirror)


def make_track_constraints(job: Job, data: Data, path: Any) -> Constraints | None:
    """Return the constraints of a job that act on whole tracks, or None; `path` is the layer that knows these.

    Settings that cannot do what they look like are warned of: an ablation may want them all the same.
    """
    acting = [spec for spec in job.constraints if spec.options.weight > 0]
    if path is None or not acting:
        if job.unlabelled is not None:
            logger.warning("no constraint acts, so the unlabelled states have no part in the training")
        return None
    names, model, collocation = {spec.name for spec in acting}, job.model.parameters, job.collocation
    if "initial_condition" in names and model.get("initial_condition") == "hard":
        logger.warning("'initial_condition' is 0 by construction: the model's own initial_condition is \"hard\"")
    if "stage_residual" in names and model.get("nodes") == "quarters":
        logger.warning(
            'stage_residual at the nodes "quarters": exact derivatives there end 114 mm off (2-100 GeV through the '
            'LHCb magnet) with the weights [1, 2, 2, 1] / 6, at "rk4" 2.5 mm'
        )
    # A series has room between the points: with 10 of them 12 coefficients met the equation and missed the track.
    coefficients, uniform = model.get("coefficients", 0), collocation.placement == "uniform"
    if model.get("derivative") == "spectral" and uniform and collocation.points < coefficients:
        logger.warning(
            "%d collocation points leave %d coefficients undetermined: between the points the equation may be broken; "
            'give as many points as coefficients at least, or "placement": "random"',
            collocation.points, coefficients,
        )  # fmt: skip
    points = Collocation(collocation.points, collocation.placement == "random")
    mirror = Mirror() if job.model.options.inputs.mirror else None
    return make_constraints(acting, path, data.source.magnet, points, mirror)


def make_hit_constraints(job: Job, data: Data) -> HitConstraints | None:
    """Return the constraints of a job that act on the scores of hits, or None.

    Raises:
        UserError: a constraint or a metric needs to know which hits are the muon's, and the data do not say so.
    """
    acting = [spec for spec in job.constraints if spec.options.weight > 0]
    measured = [metric for task in job.tasks.values() for metric in task.metrics if metric.name == HIT_METRIC]
    if (acting or measured) and ASSIGNED not in data.source.truth:
        what = f"{(*acting, *measured)[0].name!r} needs to know which hits are the muon's"
        expected = '"assignment": true, of data that know it'
        raise UserError(Problem(what, ("dataset", "assignment"), expected=expected))
    return HitConstraints(acting) if acting else None
