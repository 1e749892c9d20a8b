"""Constraints: terms of the loss from knowledge beyond the targets, about a whole track or the hits of an event.

A constraint is called as `name(track, *, ...)` with a `Track` and returns one value per event and term, (N, S): squares
of residuals in the units in which the task's loss is computed, so that both have equal weights at weight 1. The facts
of its registration say what a model must offer (`needs`), and the names of its terms in the history (`terms`), of which
the option `stages` takes the first ones. One that needs "scores" is called with `Hits` instead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from app.core.catalog import Catalog, Spec
from app.core.types import Facts, NonNegative, Strict
from app.physics.lorentz import State
from app.physics.magnet import Magnet


class ConstraintOptions(Strict):
    """The keys that every constraint takes in addition to its own."""

    weight: NonNegative = Field(0.1, description="of the term relative to the tasks' losses: lambda_pde, lambda_ic")
    warmup_epochs: Annotated[float, Field(ge=0)] = Field(0, description="epochs over which the weight grows from 0")


class ConstraintFacts(Facts):
    """The facts of a constraint, explained above."""

    needs: Literal["along", "stages", "scores"]
    terms: tuple[str, ...]


@dataclass(frozen=True)
class Track:
    """A batch of predicted tracks, as a constraint sees it.

    Attributes:
        columns: x, y, dz [mm], tx, ty, qop [1/GeV] of the start states, each (N,).
        magnet: field and start plane.
        std: standard deviation of the kick of x, y [mm GeV], tx, ty [GeV], (4,).
        zeta: collocation points in [0, 1], (P,).
        along: zeta (P,) to states and their derivatives by zeta, four (N, P) each; None where the model has none.
        stages: states, derivatives by zeta, four (N, S) each, and the nodes (S,); None where the model has none.
        positions_are_exact: whether dx/dz = tx and dy/dz = ty hold identically.
    """

    columns: Mapping[str, Any]
    magnet: Magnet
    std: Any
    zeta: Any
    along: Callable[[Any], tuple[State, State]] | None
    stages: Callable[[], tuple[State, State, Any]] | None
    positions_are_exact: bool = False


Tensor = Any
ASSIGNED = "assigned"
"""The array of a batch with the truth of each hit: whether it belongs to the muon, (N, h)."""


@dataclass(frozen=True)
class Hits:
    """The hits of a batch of events, as a constraint sees them; all (N, h).

    Attributes:
        scores: the logit of the model's probability that a hit belongs to the muon.
        assigned: the truth, 0 or 1.
        mask: whether there is a hit.
    """

    scores: Tensor
    assigned: Tensor
    mask: Tensor


CONSTRAINTS = Catalog[Any, ConstraintFacts](
    "constraint", "losses.constraints", ConstraintOptions, facts=ConstraintFacts
)


def terms_of(spec: Spec[Any]) -> tuple[str, ...]:
    """Return the names of a constraint's terms in the history, in the order of its values."""
    names: tuple[str, ...] = spec.component.facts.terms
    return names[: spec.parameters.get("stages")]
