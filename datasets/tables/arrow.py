"""Parquet and CSV files as tables of columns, read by Apache Arrow."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from app.core.errors import Problem, UserError
from app.core.remote import Remote, open_binary
from datasets.tables.files import TableFile, damaged

MOST_BLOCKS = 4
"""A row group of Parquet is one block up to so many times the size of a block."""


class ParquetFile(TableFile):
    """Columns of a Parquet file; those of lists are read by element."""

    @cached_property
    def file(self) -> Any:
        """The open file."""
        import pyarrow
        from pyarrow import parquet

        try:
            return parquet.ParquetFile(open_binary(self.path) if isinstance(self.path, Remote) else self.path)
        except (OSError, pyarrow.ArrowException) as error:
            raise damaged("Parquet file", self.path, error) from None

    @property
    def names(self) -> Sequence[str]:
        """Names of its columns."""
        return list(self.file.schema_arrow.names)

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return int(self.file.metadata.num_rows)

    @cached_property
    def groups(self) -> Any:
        """Rows of its row groups, each of which is read as a whole."""
        return np.array([self.file.metadata.row_group(i).num_rows for i in range(self.file.num_row_groups)], int)

    def edges(self, block_size: int) -> list[int]:
        """Return where blocks begin and end: with row groups, which may be `MOST_BLOCKS` times as large."""
        edges, last = [0], 0
        for end in np.cumsum(self.groups).tolist():
            if end - edges[-1] > block_size and last > edges[-1]:
                edges.append(last)
            while end - edges[-1] > MOST_BLOCKS * block_size:
                edges.append(edges[-1] + block_size)
            last = end
        return [*edges, last]

    def arrays(self, names: Sequence[str], first: int, rows: int) -> dict[str, Any]:
        """Return some rows of columns, of the row groups that hold them."""
        import pyarrow

        sizes, ends = self.groups, np.cumsum(self.groups)
        groups = np.flatnonzero((ends > first) & (ends - sizes < first + rows)).tolist()
        try:
            table = self.file.read_row_groups(groups, columns=list(names))
        except (OSError, pyarrow.ArrowException) as error:
            raise damaged("Parquet file", self.path, error) from None
        table = table.slice(first - int(ends[groups[0]] - sizes[groups[0]]) if groups else 0, rows)
        return {name: array_of(table[name]) for name in names}


def array_of(column: Any) -> Any:
    """Return a column of Arrow: numbers as a NumPy array, where none is null, decimal numbers as float64."""
    import awkward as ak
    import pyarrow

    column = column.cast(pyarrow.float64()) if pyarrow.types.is_decimal(column.type) else column
    column = column.combine_chunks()
    numbers = pyarrow.types.is_integer(column.type) or pyarrow.types.is_floating(column.type)
    return column.to_numpy() if numbers and not column.null_count else ak.from_arrow(column)


class CsvFile(TableFile):
    """A text file with a line of names, divided by commas, semicolons or tabs; it is read as a whole."""

    @cached_property
    def table(self) -> Any:
        """Its columns, with the types that their values have."""
        import pyarrow
        from pyarrow import csv

        try:
            with open_binary(self.path) as file:
                line = file.read(1 << 20).partition(b"\n")[0]
            if line[:2] == b"\x1f\x8b" or line[:4] == b"PAR1" or b"\0" in line:
                kind = {b"\x1f\x8b": "gzip", b"PA": "Parquet"}.get(line[:2], "not text")
                raise UserError(Problem(f"is {kind}", (self.place,), expected="text with a line of names"))
            source = open_binary(self.path) if isinstance(self.path, Remote) else self.path
            divider = max((b",", b";", b"\t"), key=line.count).decode()
            table = csv.read_csv(source, parse_options=csv.ParseOptions(delimiter=divider))
        except (OSError, pyarrow.ArrowException) as error:
            raise damaged("table of comma-separated values", self.path, error) from None
        names = [name.strip().removeprefix("#").strip() for name in table.column_names]
        names[:1] = [names[0] or "index"]  # pandas writes the index of its rows first, without a name
        if not all(names) or all(looks_like_number(name) for name in names):
            expected = "a name for each column in the first line"
            raise UserError(Problem("the first line holds no names", (self.place,), expected=expected, received=names))
        return table.rename_columns(names)

    @property
    def names(self) -> Sequence[str]:
        """The names in its first line."""
        return list(self.table.column_names)

    @property
    def rows(self) -> int:
        """Lines but the first."""
        return int(self.table.num_rows)

    def arrays(self, names: Sequence[str], first: int, rows: int) -> dict[str, Any]:
        """Return some rows of columns."""
        return {name: array_of(self.table[name].slice(first, rows)) for name in names}


def looks_like_number(text: str) -> bool:
    """Whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
