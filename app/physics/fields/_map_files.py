"""Field maps as files: ASCII tables of nodes, and npz grids."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.core.files import expand

LENGTHS = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
FIELDS_IN_TESLA = {"T": 1.0, "kG": 0.1, "G": 1e-4}
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Values (nx, ny, nz, 3) [T] at the nodes of three evenly spaced axes [mm]; `sha256` is that of the file."""

    axes: tuple[Floats, Floats, Floats]
    values: Floats
    sha256: str


def read_map(file: str, length_unit: str | None, field_unit: str | None) -> Grid:
    """Read a field map.

    An npz holds `x_mm`, `y_mm`, `z_mm` (or `_cm`, `_m`) and `B_T` (or `B_kG`, `B_G`) of shape (nx, ny, nz, 3). Any
    other file is a table `x y z Bx By Bz`, one node a line in any order; lines that do not begin with a number are
    comments, in which `Length unit: cm` and `Bx (kG)` are understood.

    Args:
        file: path; `${VARIABLE}` is expanded.
        length_unit: unit of the coordinates; by default what the file says, else mm.
        field_unit: unit of the field; by default what the file says, else T.

    Raises:
        UserError: no such file, an unset variable, not a full grid, uneven spacing, values that are not finite.
    """
    path = expand(file, ("file",))
    read = _from_npz if path.suffix.lower() == ".npz" else _from_table
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            Problem(f"cannot read the field map ({error.strerror})", ("file",), received=str(path))
        ) from None
    axes, values = read(path, length_unit, field_unit)
    for name, axis in zip("xyz", axes, strict=True):
        _check_axis(path, name, axis)
    if not np.isfinite(values).all():
        raise UserError(Problem("the field map has values that are not finite", ("file",), received=str(path)))
    return Grid(axes, values, hashlib.sha256(content).hexdigest())


def _check_axis(path: Path, name: str, axis: Floats) -> None:
    spacing = np.diff(axis)
    even = len(axis) >= 2 and spacing.min() > 0 and np.ptp(spacing) < 1e-3 * spacing.mean()
    if not even:
        what = f"the {name} nodes of the field map are not evenly spaced"
        raise UserError(Problem(what, ("file",), expected="at least two nodes with one distance", received=str(path)))


def _from_npz(path: Path, length_unit: str | None, field_unit: str | None) -> tuple[Any, Floats]:
    with np.load(path, allow_pickle=False) as content:
        axes = [_quantity(content, path, name, LENGTHS, length_unit) for name in "xyz"]
        values = _quantity(content, path, "B", FIELDS_IN_TESLA, field_unit)
    if values.shape != (*(len(axis) for axis in axes), 3):
        shape = f"B of shape {(*(len(axis) for axis in axes), 3)}"
        raise UserError(
            Problem("the field map does not fit its axes", (str(path),), expected=shape, received=values.shape)
        )
    return tuple(axes), values


def _quantity(content: Any, path: Path, name: str, units: dict[str, float], unit: str | None) -> Floats:
    """Return array `name_<unit>` of the npz in mm or T; `unit` overrules the name."""
    key = next((f"{name}_{suffix}" for suffix in units if f"{name}_{suffix}" in content.files), None)
    if key is None:
        expected = f"one of [{', '.join(f'{name}_{suffix}' for suffix in units)}]"
        raise UserError(
            Problem(f"the field map has no {name}", (str(path),), expected=expected, received=list(content.files))
        )
    values: Floats = np.asarray(content[key], np.float64) * units[unit or key.rpartition("_")[2]]
    return values


def _from_table(path: Path, length_unit: str | None, field_unit: str | None) -> tuple[Any, Floats]:
    lines = path.read_text(errors="replace").replace(",", " ").splitlines()
    data = [line for line in lines if re.match(r"\s*[-+.]?\d", line) and len(line.split()) >= 6]
    header = "\n".join(line for line in lines if not re.match(r"\s*[-+.]?\d", line))
    try:
        if not data:
            raise ValueError("no line has six of them")
        table = np.loadtxt(data, ndmin=2)[:, :6]
    except ValueError as error:
        problem = Problem(f"the field map is not a table of numbers ({error})", (str(path),), expected="x y z Bx By Bz")
        raise UserError(problem) from None
    length = length_unit or _stated(header, LENGTHS, r"length unit:?\s*(\w+)") or "mm"
    field = field_unit or _stated(header, FIELDS_IN_TESLA, r"B\w?\s*[(\[]\s*(\w+)\s*[)\]]") or "T"
    table *= [LENGTHS[length]] * 3 + [FIELDS_IN_TESLA[field]] * 3
    return _grid(path, table)


def _stated(header: str, units: dict[str, float], pattern: str) -> str | None:
    match = re.search(pattern, header, re.IGNORECASE)
    return next((unit for unit in units if match and unit.lower() == match[1].lower()), None)


def _grid(path: Path, table: Floats) -> tuple[Any, Floats]:
    """Sort nodes in any order into a full grid."""
    axes, places = zip(*(np.unique(table[:, axis], return_inverse=True) for axis in range(3)), strict=True)
    shape = tuple(len(axis) for axis in axes)
    values = np.full((*shape, 3), np.nan)
    values[places] = table[:, 3:]
    missing = int(np.isnan(values[..., 0]).sum())
    if len(table) != np.prod(shape) or missing:
        expected = f"{' x '.join(map(str, shape))} = {np.prod(shape)} nodes"
        received = f"{len(table)} nodes, {missing} places empty"
        raise UserError(Problem("the field map is not a full grid", (str(path),), expected=expected, received=received))
    return axes, values
