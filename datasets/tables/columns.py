"""What a job says of the columns of a table: where each is, its unit, its classes, or the expression that gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from app.core.errors import Mistakes, Place, Problem, UserError, unknown
from app.core.types import Strict
from datasets.pipeline.events import Column
from datasets.tables.expressions import evaluate, names_in, parsed
from datasets.tables.units import conversion

Array = NDArray[Any]


class Quantity(Strict):
    """A column of the files, or an expression of columns, under the name that the job gives it."""

    column: str | None = Field(None, description="its name in the files, `name[i]` for one element; else its own name")
    expression: Annotated[str, AfterValidator(parsed)] | None = Field(
        None, description="of other columns, e.g. `sqrt(px**2 + py**2)`"
    )
    unit: str = Field("", description="in the files; energies become GeV")
    to: str | None = Field(None, description="the unit to convert to")
    classes: Annotated[tuple[str | int, ...], Field(min_length=2)] | None = Field(
        None, description="values in the files that become 0, 1, 2, ..."
    )

    @model_validator(mode="after")
    def _is_understood(self) -> Quantity:
        conversion(self.unit, self.to, ("unit",))
        if self.column is not None and self.expression is not None:
            raise UserError(Problem("give 'column' or 'expression', not both", received=self.expression))
        if self.classes is not None and len(set(self.classes)) < len(self.classes):
            raise UserError(Problem("a class occurs twice", ("classes",), received=list(self.classes)))
        return self


Quantities = dict[str, str | Quantity] | tuple[str, ...]
"""Names of columns, or for each name its unit, or where it comes from."""


@dataclass(frozen=True)
class Wanted:
    """One quantity, ready to be read: what it is multiplied by, and the columns of the files that it takes."""

    name: str
    place: Place
    quantity: Quantity
    factor: float
    unit: str

    @property
    def column(self) -> Column:
        """Its name and unit for the program."""
        origin = self.quantity.expression or self.quantity.column
        return Column(self.name, self.unit, origin or "", tuple(map(str, self.quantity.classes or ())))

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns that it takes: of the files, in an expression also those that the job names."""
        if self.quantity.expression is not None:
            return names_in(self.quantity.expression, (*self.place, "expression"))
        return (self.quantity.column or self.name,)

    @property
    def is_plain(self) -> bool:
        """Whether it is a column of the files, converted, which expressions may take."""
        return self.quantity.expression is None

    def compute(self, read: Mapping[str, Array], place: Place) -> Array:
        """Return the quantity (N,) from columns; raises UserError where these are no numbers."""
        if self.quantity.expression is not None:
            values = evaluate(self.quantity.expression, read, (*self.place, "expression"))
        else:
            values = read[self.sources[0]]
        if self.quantity.classes is not None:
            return classes_of(values, self.quantity.classes, (*place, self.name))
        if values.dtype.kind not in "iufb":
            expected = 'numbers, or "classes": [...] in the dataset'
            received = first_text(values)
            raise UserError(
                Problem("not a column of numbers", (*place, *self.sources), expected=expected, received=received)
            )
        return values if self.factor == 1.0 else values * self.factor


def first_text(values: Array) -> str:
    """Return the first value that is no number, with its row; the type where there is none."""
    for row, value in enumerate(values.tolist()):
        try:
            float(value)
        except (TypeError, ValueError):
            return f"{value!r} in row {row}"
    return str(values.dtype)


def wanted(quantities: Quantities, key: str) -> list[Wanted]:
    """Return the quantities that a job names under `key` of its dataset.

    Args:
        quantities: what the job says.
        key: where in its dataset.

    Raises:
        UserError: a name that occurs twice.
    """
    named = quantities if isinstance(quantities, dict) else {name: Quantity() for name in quantities}
    if len(named) < len(quantities):
        raise UserError(Problem("a column occurs twice", ("dataset", key), received=list(quantities)))
    found = []
    for name, text in named.items():
        quantity, place = Quantity(unit=text) if isinstance(text, str) else text, ("dataset", key, name)
        found.append(Wanted(name, place, quantity, *conversion(quantity.unit, quantity.to, place)))
    return found


def given_targets(inputs: Sequence[Wanted], targets: Sequence[Wanted]) -> list[tuple[str, str]]:
    """Return the inputs that are the column of a target, also by an expression that is nothing else, and the target."""
    plain = {w.name: w.sources[0] for w in (*inputs, *targets) if w.is_plain}

    def column_of(w: Wanted) -> str | None:
        (name, *others) = w.sources or ("",)
        is_name = w.is_plain or (not others and (w.quantity.expression or "").strip("() ") == name)
        return (name if w.is_plain else plain.get(name, name)) if is_name else None

    columns = {target.name: column_of(target) for target in targets}
    return [(w.name, name) for w in inputs for name, column in columns.items() if column and column == column_of(w)]


def columns_of_files(quantities: Sequence[Wanted], further: Mapping[str, Place]) -> dict[str, Place]:
    """Return the columns that must be read from the files, and where in the job each is asked for.

    Args:
        quantities: inputs, targets and extras.
        further: other names, of the selection and the key, which may mean one of these.
    """
    plain = {w.name for w in quantities if w.is_plain}
    asked = {w.sources[0]: w.place for w in quantities if w.is_plain}
    for w in quantities:
        asked |= {name: w.place for name in w.sources if not w.is_plain and name not in plain}
    given = {w.name for w in quantities}
    return asked | {name: place for name, place in further.items() if name not in given}


def compute_all(quantities: Sequence[Wanted], read: Mapping[str, Array], place: Place) -> dict[str, Array]:
    """Return all quantities (N,) by name; expressions take columns as the job names and converts them."""
    mistakes, found = Mistakes(), dict[str, Array]()
    for w in quantities:
        with mistakes.noted():
            if w.is_plain:
                found[w.name] = w.compute(read, place)
    mistakes.report()
    columns = {**read, **found}
    for w in quantities:
        with mistakes.noted():
            if not w.is_plain:
                found[w.name] = w.compute(columns, place)
    mistakes.report()
    return found


def classes_of(values: Array, classes: Sequence[str | int], place: Place) -> Array:
    """Return the number of the class of each value, (N,) int64; raises UserError for a value that is no class."""
    texts = values.astype(str)
    numbers = np.full(len(values), -1, np.int64)
    for number, name in enumerate(classes):
        numbers[texts == str(name)] = number
    if (numbers < 0).any():
        row = int(np.flatnonzero(numbers < 0)[0])
        raise UserError(unknown("class", str(texts[row]), [str(name) for name in classes], (*place, f"row {row}")))
    return numbers
