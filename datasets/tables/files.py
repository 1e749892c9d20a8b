"""A file of columns, whatever its kind: its names, its rows, and some rows of columns as one value each."""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError, unknown
from app.core.remote import refusal
from datasets.files.identity import hash_content

ELEMENT = re.compile(r"(.+)\[(\d+)\]")
Array = NDArray[Any]


@dataclass(frozen=True)
class TableFile(ABC):
    """One file: `group` is the tree of a ROOT file or the group of an HDF5 file, where it has to be said."""

    path: Path
    group: str | None = None

    @property
    @abstractmethod
    def names(self) -> Sequence[str]:
        """Names of its columns, and of its arrays of several numbers per row."""

    @property
    @abstractmethod
    def rows(self) -> int:
        """How many rows it has."""

    @abstractmethod
    def arrays(self, names: Sequence[str], first: int, rows: int) -> dict[str, Any]:
        """Return some rows of columns and arrays, as NumPy or Awkward arrays."""

    def edges(self, block_size: int) -> list[int]:
        """Return where blocks of about `block_size` rows begin and end."""
        return [*range(0, self.rows, block_size), self.rows]

    @property
    def place(self) -> str:
        """Its name in messages."""
        return str(self.path)

    def identity(self) -> str:
        """Return a hash of its content."""
        return hash_content(self.path)

    def find(self, name: str) -> tuple[str, int | None]:
        """Return the array, and the element of it, that a name means; raises UserError with the nearest."""
        match = None if name in self.names else ELEMENT.fullmatch(name)
        array, element = (match[1], int(match[2])) if match else (name, None)
        if array in self.lengths:
            what = f"has {self.lengths[array]:,} rows, and the table {self.rows:,}"
            raise UserError(Problem(what, (self.place, array), expected="columns of one length"))
        if array not in self.names:
            raise UserError(unknown("column", array, sorted(self.names), (self.place,)))
        if list(self.names).count(array) > 1:
            raise UserError(Problem("a column occurs twice", (self.place, array), expected="each name once"))
        return array, element

    @property
    def lengths(self) -> Mapping[str, int]:
        """Rows of arrays that are not as long as the table."""
        return {}

    def read(self, names: Sequence[str], first: int, rows: int) -> dict[str, Array]:
        """Return one number or text per row of each of the columns, of fewer rows at the end of the file.

        Raises:
            UserError: no such column, several numbers per row, a file that is damaged.
        """
        found, rows = {name: self.find(name) for name in names}, min(rows, self.rows - first)
        arrays = self.arrays(list(dict.fromkeys(array for array, _ in found.values())), first, rows)
        return {name: self._column(name, arrays[array], element) for name, (array, element) in found.items()}

    def _column(self, name: str, array: Any, element: int | None) -> Array:
        """Return one column (N,); an element that a row does not have is NaN."""
        values: Array | None
        try:
            if not isinstance(array, np.ndarray) or array.dtype == object:
                values = flat(array, element)
            else:
                values = array if element is None else self._element(name, array, element)
            if values is not None and values.dtype.kind == "S":
                values = np.char.decode(values, "utf-8")
        except (ValueError, TypeError) as error:  # text of another encoding, types that NumPy does not have
            if isinstance(error, UserError):
                raise
            reason = str(error).strip().splitlines()[0]
            raise UserError(Problem(f"cannot be read as a column ({reason})", (self.place, name))) from None
        if values is not None and values.dtype.kind == "c":
            raise UserError(Problem("complex numbers", (self.place, name), expected="one real number per row"))
        if values is None or values.ndim != 1 or values.dtype.kind not in "iufbUSM":
            shape = "several per row" if values is None or values.ndim != 1 else str(values.dtype)
            expected = f"one number per row, as '{name}[0]'"
            raise UserError(Problem("not a column", (self.place, name), expected=expected, received=shape))
        if values.dtype.kind == "M":  # times in ns since 1970
            return values.astype("datetime64[ns]").astype(np.int64)
        return values

    def _element(self, name: str, array: Array, element: int) -> Array:
        if array.ndim < 2 or element >= array.shape[1]:
            expected = f"at least {element + 1} numbers per row"
            raise UserError(
                Problem("too few elements", (self.place, name), expected=expected, received=array.shape[1:])
            )
        return array[:, element]


def flat(array: Any, element: int | None) -> Array | None:
    """Return a jagged or nullable array as one value per row, NaN where there is none; None where there are several."""
    import awkward as ak

    array = ak.from_iter(array) if isinstance(array, np.ndarray) else array
    if "string" in str(array.type):
        return (
            np.array(["" if value is None else value for value in ak.to_list(array)], str) if array.ndim == 1 else None
        )
    if array.ndim != (1 if element is None else 2) or array.fields:
        return None
    there = np.asarray(ak.to_numpy(~ak.is_none(array)))
    if element is not None:
        there &= np.asarray(ak.to_numpy(ak.fill_none(ak.num(array), 0))) > element
        found = array[there][:, element]
        inner = np.asarray(ak.to_numpy(~ak.is_none(found)))
        there[there], array = inner, found[inner]
    else:
        array = array[there]
    values = np.asarray(ak.to_numpy(ak.drop_none(array, axis=0)))
    if there.all():
        return values
    padded = np.full(len(there), np.nan)
    padded[there] = values
    return padded


def damaged(kind: str, path: Path, error: Exception) -> UserError:
    """Return the error of a file that cannot be read as what it is."""
    return UserError(
        refusal(path, error) or Problem(f"not a whole {kind} ({str(error).splitlines()[0]})", (str(path),))
    )


def fingerprint(files: Sequence[TableFile], choice: Mapping[str, Any]) -> str:
    """Return a hash of the content of files, and of what a job chooses in them."""
    digest = hashlib.sha256(json.dumps(sorted(choice.items()), default=str).encode())
    for file in files:
        digest.update(f"{file.identity()};".encode())
    return digest.hexdigest()[:16]
