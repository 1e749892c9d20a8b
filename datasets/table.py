"""Any table of columns: ROOT trees, npz, HDF5, Parquet and CSV files with one row per event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from app.core.errors import Mistakes, Place, Problem, UserError
from app.core.types import Count, Listed
from datasets import DATASETS
from datasets.files.damaged import OnBadFile, load_readable
from datasets.pipeline.event_keys import Duplicates
from datasets.pipeline.events import Input, Source
from datasets.tables.columns import Quantities, columns_of_files, wanted
from datasets.tables.expressions import parsed
from datasets.tables.files import ELEMENT, TableFile, fingerprint
from datasets.tables.formats import open_table
from datasets.tables.friends import Friend, with_friends
from datasets.tables.reader import Missing, Reader, further_columns


@DATASETS("table")
def table(
    files: Sequence[Path],
    *,
    inputs: Annotated[Quantities, Field(min_length=1)],
    targets: Annotated[Quantities, Field(min_length=1)],
    extras: Quantities = (),
    tree: str | None = None,
    select: Annotated[str, AfterValidator(parsed)] | None = None,
    key: Listed | None = None,
    friends: tuple[Friend, ...] = (),
    missing: Missing = "stop",
    block_size: Count = 2**18,
    on_bad_file: OnBadFile = "stop",
    truth: bool = True,
) -> Source:
    """Columns of ROOT trees, npz, HDF5, Parquet or CSV files, one row per event, as inputs and targets.

    `inputs`, `targets` and `extras` are lists of names of columns, or say more of each: `{"pt": "GeV"}` its unit,
    `{"pt": {"column": "Muons.pt[0]", "unit": "MeV"}}` where it is, `{"mass": {"expression": "sqrt(E**2 - p**2)"}}`
    how it follows from others, `{"label": {"classes": ["background", "signal"]}}` which values become 0, 1, ...
    Energies in other units become GeV. `name[0]` is the first number of a row that has several; a row without it lacks
    that value.

    Args:
        files: ROOT files (`file.root:tree`), npz (structured arrays as `array.field`), HDF5, Parquet, CSV with a line
            of names.
        inputs: what the network sees, the input `features`.
        targets: what may be learned.
        extras: what else predictions.csv, weights and metrics get.
        tree: the tree of ROOT files, the group of HDF5 files.
        select: rows to take, e.g. `(pt > 5) & (abs(eta) < 2.5)`, of inputs, targets, extras and columns of the files.
        key: columns that identify an event, for the split and the search for duplicates; else all inputs and targets.
        friends: other trees or files, of which each row takes the columns of the row with the same key.
        missing: at rows that lack a value (NaN, infinite, null): "stop", "drop" them and log how many, or "mask": a
            missing input is 0 and has a further input `NAME_missing` that is 1; without a target a row is dropped.
        block_size: rows that are read at a time; of Parquet whole row groups of up to four times as many.
        on_bad_file: "stop" at a file that cannot be read, or "skip" it.
        truth: false for files without the targets, which can only be predicted.

    Raises:
        UserError: a damaged file, a column that is not there, text in place of numbers, a unit or an expression that is
            not understood, rows that lack values, duplicates.
    """
    tables = load_readable(files, partial(open_table, group=tree), on_bad_file)
    tables = with_friends(tables, friends, block_size)
    parts = {"inputs": inputs, "targets": targets if truth else (), "extras": extras}
    named = {part: wanted(quantities, part) for part, quantities in parts.items()}
    if not truth:  # what is not there cannot be handed on; the network needs the inputs alone
        known = set.intersection(*({*file.names} for file in tables))
        named["extras"] = [w for w in named["extras"] if {ELEMENT.sub(r"\1", name) for name in w.sources} <= known]
        key = key if key and {*key} <= known else None
    asked = columns_of_files([w for part in named.values() for w in part], further_columns(select, key))
    mistakes = Mistakes()
    for file in tables:
        with mistakes.noted():
            check_columns(file, asked)
        mistakes.report()
    edges = [(t, a, b - a) for t in tables for a, b in pairwise(t.edges(block_size)) if b > a]
    if not edges:
        raise UserError(Problem("no rows in these files", ("dataset", "files"), received=[t.place for t in tables[:3]]))
    rows = sum(number for _, _, number in edges)
    reader = Reader(named["inputs"], named["targets"], named["extras"], select, key, missing, Duplicates(rows, truth))
    choice: dict[str, object] = {"select": select}
    choice |= {"columns": [(w.name, w.quantity.model_dump()) for part in named.values() for w in part]}
    choice |= {"friends": [friend.model_dump(exclude={"files"}) for friend in friends]} if friends else {}
    return Source(
        inputs={"features": Input(reader.features, (len(reader.features),))},
        targets={w.name: w.column for w in named["targets"]},
        extras={w.name: w.column for w in named["extras"]},
        blocks=[partial(reader, number, *edge) for number, edge in enumerate(edges)],
        files=[file.place for file, _, _ in edges],
        rows=rows,
        fingerprint=fingerprint(tables, choice | {"missing": missing}),
        description=f"{rows:,} rows of {len(reader.features)} columns in {len(tables)} file{'s' * (len(tables) > 1)}",
        selects=True,
    )


def check_columns(file: TableFile, asked: Mapping[str, Place]) -> None:
    """Raise UserError with all columns that a file does not have, each at its place in the job."""
    mistakes: list[Problem] = []
    for name, place in asked.items():
        try:
            file.find(name)
        except UserError as error:
            mistakes += [replace(p, what=f"{p.what} in {file.place}", where=place) for p in error.problems]
    if mistakes:
        raise UserError(*mistakes)
