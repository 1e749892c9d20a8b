"""The keys that every dataset takes in addition to its own."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from app.core.errors import Problem, UserError, unknown
from app.core.types import Fraction, Listed, Strict
from datasets.simulate import SIMULATORS

PARTS = ("train", "validation", "test")


class Split(Strict):
    """Which events train, validate and test.

    An event's place is a hash of (`seed`, event key), apart from the job's seed, so that it stays the same when data
    are added or merged and when the job's seed changes.
    """

    train: Fraction = 0.8
    validation: Fraction = 0.1
    test: Fraction = 0.1
    seed: int = 1
    key: Annotated[Listed, Field(min_length=1)] | None = Field(
        None, description="columns that make the event key, in place of the file's own key"
    )
    files: dict[str, Listed] | None = Field(None, description='file patterns by split: {"train": [...], "test": [...]}')

    @model_validator(mode="after")
    def _sums_to_one(self) -> Split:
        total = self.train + self.validation + self.test
        if abs(total - 1.0) > 1e-9:
            expected = "train + validation + test = 1"
            raise UserError(Problem("the shares do not add up", expected=expected, received=round(total, 9)))
        return self

    @model_validator(mode="after")
    def _known_parts(self) -> Split:
        for part in self.files or {}:
            if part not in PARTS:
                raise UserError(unknown("split", part, PARTS, ("files", part)))
        return self


def name_the_simulator(content: dict[str, Any]) -> dict[str, Any]:
    """Give a `simulate` block the name of its dataset: every simulator is called as the loader of its files."""
    simulate = content.get("simulate")
    return {**content, "simulate": {"name": content["name"], **simulate}} if isinstance(simulate, dict) else content


class DatasetOptions(Strict):
    """`files` or `simulate`, exactly one, and how the events are split and held."""

    files: Annotated[Listed, Field(min_length=1)] | None = None
    simulate: SIMULATORS.spec | None = None
    split: Split = Split()
    streaming: bool = Field(False, description="read shards again in every pass instead of holding all in memory")

    @model_validator(mode="after")
    def _exactly_one_origin(self) -> DatasetOptions:
        if (self.files is None) == (self.simulate is None):
            came = "both" if self.files is not None else "neither"
            raise UserError(Problem("give exactly one of 'files' and 'simulate'", received=came))
        return self
