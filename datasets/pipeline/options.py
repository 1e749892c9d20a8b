"""The keys that every dataset takes in addition to its own."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from app.core.errors import Problem, UserError, unknown
from app.core.types import Fraction, Listed, Strict
from datasets.simulate import SIMULATORS
from datasets.tables.expressions import parsed

PARTS = ("train", "validation", "test")


class Split(Strict):
    """Which events train, validate and test.

    An event's place is a hash of (`seed`, event key), apart from the job's seed, so that it stays the same when data
    are added or merged and when the job's seed changes. With `folds` the test split is one of so many equal parts:
    each event is in the test split of exactly one of them, and `validation` is what follows the fold.
    """

    train: Fraction = 0.8
    validation: Fraction = 0.1
    test: Fraction = 0.1
    seed: int = 1
    key: Annotated[Listed, Field(min_length=1)] | None = Field(
        None, description="columns that make the event key, in place of the file's own key"
    )
    folds: Annotated[int, Field(ge=2, le=1000)] | None = Field(
        None, description="of a k-fold cross-validation: test is 1/folds, train what validation leaves"
    )
    fold: Annotated[int, Field(ge=0)] = Field(0, description="which one is the test split, from 0; sweep over it")
    files: dict[str, Listed] | None = Field(None, description='file patterns by split: {"train": [...], "test": [...]}')

    @model_validator(mode="before")
    @classmethod
    def _shares_of_folds(cls, content: Any) -> Any:
        """Fill in the shares that follow from the number of folds."""
        folds = content.get("folds") if isinstance(content, dict) else None
        validation = content.get("validation", 0.1) if folds else None
        if not (isinstance(folds, int) and folds > 1 and isinstance(validation, int | float)):
            return content  # what is wrong is reported where the field itself is validated
        if validation >= 1 - 1 / folds:
            what, expected = "nothing is left to train on", f"below {1 - 1 / folds:g}"
            raise UserError(Problem(what, ("validation",), expected=expected, received=validation))
        return {"train": 1 - 1 / folds - validation, "test": 1 / folds, **content}

    @model_validator(mode="after")
    def _one_of_the_folds(self) -> Split:
        if self.folds is None and self.fold:
            raise UserError(Problem("no number of folds is given", ("fold",), expected="'folds' next to it"))
        if self.folds is not None:
            if self.fold >= self.folds:
                expected = f"0 to {self.folds - 1}"
                raise UserError(Problem("no such fold", ("fold",), expected=expected, received=self.fold))
            if self.files is not None:
                what = "the files say which events test"
                raise UserError(Problem(what, ("folds",), expected="either 'folds' or 'files'", received=self.folds))
            if abs(self.test - 1 / self.folds) > 1e-9:
                expected = f"1/{self.folds}, or only 'validation'"
                raise UserError(Problem("not the share of a fold", ("test",), expected=expected, received=self.test))
        return self

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
    """Give a `simulate` block the name of its dataset: the first of its simulators is called so."""
    simulate = content.get("simulate")
    return {**content, "simulate": {"name": content["name"], **simulate}} if isinstance(simulate, dict) else content


class DatasetOptions(Strict):
    """`files` or `simulate`, exactly one, and how the events are split and held."""

    files: Annotated[Listed, Field(min_length=1)] | None = None
    simulate: SIMULATORS.spec | None = None
    split: Split = Split()
    selection: Annotated[str, AfterValidator(parsed)] | None = Field(
        None, description="events to take: an expression of inputs, extras and `true_TARGET`, e.g. `(p > 5) & (p < 50)`"
    )
    streaming: bool = Field(False, description="read shards again in every pass instead of holding all in memory")

    @model_validator(mode="after")
    def _exactly_one_origin(self) -> DatasetOptions:
        if (self.files is None) == (self.simulate is None):
            came = "both" if self.files is not None else "neither"
            raise UserError(Problem("give exactly one of 'files' and 'simulate'", received=came))
        return self
