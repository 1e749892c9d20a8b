"""ROOT trees, npz and HDF5 files as tables of columns, and the kind of a file by its name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from app.core.errors import Problem, UserError, unknown
from app.core.libraries import uproot
from app.core.remote import Remote, open_binary
from datasets.files import npz, root
from datasets.tables.arrow import CsvFile, ParquetFile
from datasets.tables.files import Array, TableFile, damaged


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

    @cached_property
    def branches(self) -> dict[str, Any]:
        """Its branches by name: a name that begins with a slash is not found otherwise."""
        return dict(self.tree.iteritems())

    @property
    def rows(self) -> int:
        """How many entries it has."""
        return int(self.tree.num_entries)

    def arrays(self, names: Sequence[str], first: int, rows: int) -> dict[str, Any]:
        """Return some entries of branches."""
        flat = [name for name in names if self.is_flat(name)]
        span = (first, rows, self.path, root.unpacking_threads())
        read = root.read_rows(self.tree, flat, *span) if flat else {}
        others = [name for name in names if name not in read]
        return read | (root.read_rows(self.tree, others, *span, library="ak") if others else {})

    def is_flat(self, name: str) -> bool:
        """Whether a branch is read as a NumPy array: numbers, as many in each entry."""
        if self.tree.classname != root.TREES[0]:
            return False
        kind = self.branches[name].interpretation
        return isinstance(kind, uproot.AsDtype) and kind.to_dtype.base.names is None

    def identity(self) -> str:
        """Return the file's own UUID, its size, and the tree."""
        return root.fingerprint([self.path], self.group)


def longest(headers: Iterable[npz.Header]) -> int:
    """Return the largest number of rows among arrays."""
    return max((header.shape[0] for header in headers), default=0)


class NpzFile(TableFile):
    """Arrays (N,), (N, M), or structured, of one length."""

    @cached_property
    def headers(self) -> Mapping[str, npz.Header]:
        """Shapes and types of the arrays with the most rows; what is shorter is no column."""
        known = self._all_headers
        rows = longest(header for header in known.values() if header.dtype.kind != "c")
        return {name: header for name, header in known.items() if header.shape[0] == rows}

    @cached_property
    def _all_headers(self) -> Mapping[str, npz.Header]:
        found = {}
        for name in npz.array_names(self.path):
            with contextlib.suppress(UserError):  # pickled objects are no column
                header = npz.read_header(self.path, name)
                if header.shape and header.dtype.kind in "iufbUSMVc":
                    found[name] = header
        return found

    @property
    def lengths(self) -> Mapping[str, int]:
        """Rows of arrays that are shorter."""
        return {name: h.shape[0] for name, h in self._all_headers.items() if name not in self.headers}

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
            return h5py.File(open_binary(self.path) if isinstance(self.path, Remote) else self.path, "r")
        except OSError as error:
            if "unable to lock file" in str(error):
                expected = "a file that is closed"
                raise UserError(Problem("is open for writing elsewhere", (self.place,), expected=expected)) from None
            raise damaged("HDF5 file", self.path, error) from None

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Rows by the path of each dataset in the group; `dataset.field` of compound ones."""
        import h5py

        found, groups = dict[str, int](), list[str]()

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Group):
                groups.append(name)
            elif isinstance(item, h5py.Dataset) and item.shape:
                found.update({f"{name}.{field}" if field else name: len(item) for field in item.dtype.names or ("",)})

        with self._open() as file:
            file.visititems(visit)
        group = None if self.group is None else self.group.strip("/")
        if group and group not in groups:
            raise UserError(unknown("group", group, groups, (self.place,)))
        return {name: rows for name, rows in found.items() if not group or name.startswith(f"{group}/")}

    @cached_property
    def folder(self) -> str:
        """The path of the group that holds all datasets, with its slash; empty where it is the file itself."""
        folders = {name.rpartition("/")[0] for name in self.sizes}
        inside = self.group.strip("/") if self.group else folders.pop() if len(folders) == 1 else ""
        return f"{inside}/" if inside else ""

    @cached_property
    def names(self) -> Sequence[str]:
        """Names of its datasets with the most rows."""
        return [name.removeprefix(self.folder) for name, rows in self.sizes.items() if rows == self.rows]

    @cached_property
    def lengths(self) -> Mapping[str, int]:
        """Rows of datasets that are shorter."""
        return {name.removeprefix(self.folder): rows for name, rows in self.sizes.items() if rows < self.rows}

    @cached_property
    def rows(self) -> int:
        """The length of its datasets."""
        return max(self.sizes.values(), default=0)

    def arrays(self, names: Sequence[str], first: int, rows: int) -> dict[str, Any]:
        """Return some rows of datasets."""
        with self._open() as file:
            try:
                return {name: self._array(file, self.folder + name, slice(first, first + rows)) for name in names}
            except OSError as error:
                raise damaged("HDF5 file", self.path, error) from None

    def _array(self, file: Any, name: str, part: slice) -> Array:
        values = file.get(name)
        if values is not None:
            return np.asarray(values.asstr()[part].astype(str) if values.dtype.kind == "O" else values[part])
        array, _, field = name.rpartition(".")
        return np.asarray(file[array].fields(field)[part])


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
