"""The keys that every dataset takes besides its own."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from app.core.errors import Problem, UserError
from app.core.types import Fraction, Strict


class Split(Strict):
    """Shares of the three splits. An event's place is a hash of (`seed`, event key), apart from the job's seed."""

    train: Fraction = 0.8
    validation: Fraction = 0.1
    test: Fraction = 0.1
    seed: int = 1

    @model_validator(mode="after")
    def _sums_to_one(self) -> Split:
        total = self.train + self.validation + self.test
        if abs(total - 1.0) > 1e-9:
            raise UserError(Problem("the shares do not add up", expected="train + validation + test = 1", received=total))
        return self


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class DatasetOptions(Strict):
    """`files` or `simulate`, exactly one, and how the events are split and held."""

    files: Annotated[tuple[str, ...] | None, BeforeValidator(_listed)] = None
    simulate: dict[str, Any] | None = None
    split: Split = Split()
    streaming: bool = Field(default=False, description="read shards again in every pass instead of holding all in memory")

    @model_validator(mode="after")
    def _exactly_one_origin(self) -> DatasetOptions:
        if (self.files is None) == (self.simulate is None):
            came = "both" if self.files is not None else "neither"
            raise UserError(Problem("where the data come from is not clear", (), None, "exactly one of 'files' and 'simulate'", came))
        return self
