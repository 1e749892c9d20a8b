"""Columns of the user's own: where another extrapolator ends the test tracks, and how long it takes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from app.core.errors import Place, Problem, UserError, unknown
from app.predictions import read_table
from datasets.tables.formats import open_table

OPTION = "--column"
SECONDS = "seconds"
"""Column with the time of each track [s], or the same number in each row; it need not be there."""


class UserColumn(NamedTuple):
    """Another extrapolator's answer: `x`, `y` [mm] by `key`, and its `seconds` per track, NaN where it is not given."""

    name: str
    file: Path
    key: Any
    x: Any
    y: Any
    seconds: float


def read_column(text: str) -> UserColumn:
    """Return the columns of `NAME=FILE`: key, x, y and perhaps seconds of a .csv, .npz, .root, .h5 or .parquet file.

    Raises:
        UserError: no `=`, no such file, or a column that it lacks.
    """
    name, _, path = text.partition("=")
    if not name or not path:
        raise UserError(Problem("not NAME=FILE", (OPTION,), expected="as in mine=extrapolated.csv", received=text))
    file = Path(path).expanduser()
    where: Place = (OPTION, name)
    if not file.is_file():
        raise UserError(Problem("no such file", where, received=path))
    values = _read(file, where)
    for column in ("key", "x", "y"):
        if column not in values:
            raise UserError(unknown("column", column, list(values), where))
    for column in {"key", "x", "y", SECONDS} & values.keys():
        if values[column].dtype.kind not in "iuf":
            received = str(values[column].dtype)
            raise UserError(Problem("not a column of numbers", (*where, column), expected="numbers", received=received))
    seconds = float(np.mean(values[SECONDS], dtype=np.float64)) if SECONDS in values else float("nan")
    return UserColumn(name, file, values["key"].astype(np.uint64), values["x"], values["y"], seconds)


def _read(file: Path, where: Place) -> dict[str, Any]:
    """Return the columns of a file by name. A key has 64 bits, which the general reader of CSV files does not keep."""
    if file.suffix.lower() == ".csv":
        try:
            key, values = read_table(file)
        except ValueError as error:
            raise UserError(Problem(f"cannot be read ({error})", where, expected="key,x,y and numbers below")) from None
        return {"key": key, **values}
    table = open_table(file)
    return {name: np.asarray(values) for name, values in table.arrays(table.names, 0, table.rows).items()}


def measure_columns(columns: Sequence[UserColumn], key: Any, end: Any) -> list[dict[str, Any]]:
    """Return a row for each: its position error on the test tracks, and tracks/s where its time is known.

    Args:
        columns: of the user.
        key: of the test tracks, (N,).
        end: x and y [mm] where they end, (N,).

    Raises:
        UserError: a test track is missing in a file.
    """
    rows = []
    for column in columns:
        order = np.argsort(column.key, kind="stable")
        places = np.minimum(np.searchsorted(column.key, key, sorter=order), len(order) - 1)
        missing = int((column.key[order[places]] != key).sum()) if len(order) else len(key)
        if missing:
            what = f"{missing:,} of {len(key):,} test tracks are missing in {column.file.name}"
            expected = "the keys of predictions.csv"
            raise UserError(Problem(what, (OPTION, column.name), expected=expected, received=f"{len(order):,} rows"))
        found = order[places]
        error = np.hypot(column.x[found] - end["x"], column.y[found] - end["y"])
        row = {"engine": column.name, "steps": None, "pos_mean_mm": float(error.mean())}
        row |= {"pos_95_mm": float(np.quantile(error, 0.95)), "tracks": len(key)}
        rows.append(row | ({"throughput": 1 / column.seconds} if column.seconds > 0 else {}))
    return rows
