"""ROOT trees, npz, HDF5, Parquet and CSV files as tables of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from app.core.errors import Problem, UserError, unknown
from datasets.files import npz, root
from datasets.tables.files import Array, TableFile


class RootFile(TableFile):
    """A TTree or an RNTuple."""

    @cached_property
    def tree(self) -> Any:
        """The open tree."""
        return root.open_tree(self.path, self.group)

    @cached_property
    def names(self) -> Sequence[str]:
        """Names of its branches or fields."""
        return [str(name) for name in self.tree.keys()]  # noqa: SIM118  (a tree is no dict)

    @property
    def rows(self) -> int:
        """How many entries it has."""
        return int(self.tree.num_entries)

    def arrays(self, names: Sequence[str], first: int, rows: int) -> dict[str, Any]:
        """Return some entries of branches."""
        return root.read_rows(self.tree, names, first, rows, self.path, root.unpacking_threads(), library="ak")

    def identity(self) -> str:
        """Return the file's own UUID, its size, and the tree."""
        return root.fingerprint([self.path], self.group)


class NpzFile(TableFile):
    """Arrays (N,), (N, M), or structured, of one length."""

    @cached_property
    def headers(self) -> Mapping[str, npz.Header]:
        """Shapes and types of the arrays with the most rows; what is shorter is no column."""
        known = {name: npz.read_header(self.path, name) for name in npz.array_names(self.path)}
        known = {name: header for name, header in known.items() if header.shape and header.dtype.kind in "iufbUSMV"}
        lengths = [header.shape[0] for header in known.values()]
        return {name: header for name, header in known.items() if header.shape[0] == max(lengths)}

    @cached_property
    def names(self) -> Sequence[str]:
        """Names of its arrays; `array.field` of structured ones."""
        fields = {name: header.dtype.names for name, header in self.headers.items()}
        return [f"{name}.{field}" if field else name for name, of in fields.items() for field in of or ("",)]

    @property
    def rows(self) -> int:
        """The length of its arrays."""
        return next((header.shape[0] for header in self.headers.values()), 0)

    def arrays(self, names: Sequence[str], first: int, rows: int) -> dict[str, Any]:
        """Return some rows of arrays."""
        return {name: self._array(name, slice(first, first + rows)) for name in names}

    def _array(self, name: str, part: slice) -> Array:
        if name in self.headers:
            return np.array(npz.load_array(self.path, name)[part])
        array, _, field = name.rpartition(".")
        return np.array(npz.load_array(self.path, array)[field][part])

    def identity(self) -> str:
        """Return a hash of the checksums that it holds."""
        return npz.fingerprint([self.path])


class Hdf5File(TableFile):
    """Datasets (N,), (N, M), or compound ones: in the group that is named, else in the only one that has any."""

    def _open(self) -> Any:
        import h5py

        try:
            return h5py.File(self.path, "r")
        except OSError as error:
            if "unable to lock file" in str(error):
                expected = "a file that is closed"
                raise UserError(Problem("is open for writing elsewhere", (self.place,), expected=expected)) from None
            raise _damaged("HDF5 file", self.path, error) from None

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Rows by the path of each dataset in the file; `dataset.field` of compound ones."""
        import h5py

        found, groups = dict[str, int](), list[str]()

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Group):
                groups.append(name)
            elif item.shape:
                found.update({f"{name}.{field}" if field else name: len(item) for field in item.dtype.names or ("",)})

        with self._open() as file:
            file.visititems(visit)
        group = None if self.group is None else self.group.strip("/")
        if group and group not in groups:
            raise UserError(unknown("group", group, groups, (self.place,)))
        found = {name: rows for name, rows in found.items() if not group or name.startswith(f"{group}/")}
        return {name: rows for name, rows in found.items() if rows == max(found.values())}

    @cached_property
    def folder(self) -> str:
        """The path of the group that holds all datasets, with its slash; empty where it is the file itself."""
        folders = {name.rpartition("/")[0] for name in self.sizes}
        inside = self.group.strip("/") if self.group else folders.pop() if len(folders) == 1 else ""
        return f"{inside}/" if inside else ""

    @property
    def names(self) -> Sequence[str]:
        """Names of its datasets with the most rows."""
        return [name.removeprefix(self.folder) for name in self.sizes]

    @property
    def rows(self) -> int:
        """The length of its datasets."""
        return max(self.sizes.values(), default=0)

    def arrays(self, names: Sequence[str], first: int, rows: int) -> dict[str, Any]:
        """Return some rows of datasets."""
        with self._open() as file:
            try:
                return {name: self._array(file, self.folder + name, slice(first, first + rows)) for name in names}
            except OSError as error:
                raise _damaged("HDF5 file", self.path, error) from None

    def _array(self, file: Any, name: str, part: slice) -> Array:
        if name in file:
            values = file[name]
            return np.asarray(values.asstr()[part].astype(str) if values.dtype.kind == "O" else values[part])
        array, _, field = name.rpartition(".")
        return np.asarray(file[array].fields(field)[part])


class ParquetFile(TableFile):
    """Columns of a Parquet file; those of lists are read by element."""

    @cached_property
    def file(self) -> Any:
        """The open file."""
        import pyarrow
        from pyarrow import parquet

        try:
            return parquet.ParquetFile(self.path)
        except (OSError, pyarrow.ArrowException) as error:
            raise _damaged("Parquet file", self.path, error) from None

    @property
    def names(self) -> Sequence[str]:
        """Names of its columns."""
        return list(self.file.schema_arrow.names)

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return int(self.file.metadata.num_rows)

    def arrays(self, names: Sequence[str], first: int, rows: int) -> dict[str, Any]:
        """Return some rows of columns, of the row groups that hold them."""
        import awkward as ak
        import pyarrow

        sizes = [self.file.metadata.row_group(i).num_rows for i in range(self.file.num_row_groups)]
        ends = np.cumsum(sizes)
        groups = np.flatnonzero((ends > first) & (ends - sizes < first + rows)).tolist()
        try:
            table = self.file.read_row_groups(groups, columns=list(names))
        except (OSError, pyarrow.ArrowException) as error:
            raise _damaged("Parquet file", self.path, error) from None
        table = table.slice(first - int(ends[groups[0]] - sizes[groups[0]]) if groups else 0, rows)
        return {name: ak.from_arrow(table[name].combine_chunks()) for name in names}


class CsvFile(TableFile):
    """A text file with a line of names; it is read as a whole."""

    @cached_property
    def table(self) -> Any:
        """Its columns, with the types that their values have."""
        import pyarrow
        from pyarrow import csv

        try:
            return csv.read_csv(self.path)
        except (OSError, pyarrow.ArrowException) as error:
            raise _damaged("table of comma-separated values", self.path, error) from None

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
        import awkward as ak

        return {name: ak.from_arrow(self.table[name].slice(first, rows).combine_chunks()) for name in names}


def _damaged(kind: str, path: Path, error: Exception) -> UserError:
    return UserError(Problem(f"not a whole {kind} ({str(error).splitlines()[0]})", (str(path),)))


KINDS: dict[str, type[TableFile]] = {
    ".npz": NpzFile,
    ".h5": Hdf5File,
    ".hdf5": Hdf5File,
    ".parquet": ParquetFile,
    ".csv": CsvFile,
}


def open_table(path: Path, group: str | None = None) -> TableFile:
    """Return the file as a table; raises UserError when it is of no kind that is read, or damaged."""
    kind = RootFile if root.is_root(path) else KINDS.get(path.suffix.lower())
    if kind is None:
        expected = f"a name that ends in .root, {', '.join(KINDS)}"
        raise UserError(Problem("not a table of columns", (str(path),), expected=expected))
    file = kind(path, group)
    file.rows, file.names  # noqa: B018  (a damaged file is refused here)
    return file
