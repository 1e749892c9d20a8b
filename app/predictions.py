"""Predictions on a set of events beside truth and baselines, in physical units; written as and read from CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.core.files import write_bytes

Values = NDArray[np.floating]


@dataclass(frozen=True)
class Predictions:
    """`true[target]`, `predicted[target]`, `baselines[name][target]`, `columns[extra]`: arrays (N,), physical units."""

    key: NDArray[np.uint64]
    true: Mapping[str, Values]
    predicted: Mapping[str, Values]
    baselines: Mapping[str, Mapping[str, Values]] = field(default_factory=dict)
    columns: Mapping[str, Values] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.key)

    def of_baseline(self, name: str) -> Predictions:
        """Return the same events with the baseline's values as the predictions."""
        return Predictions(self.key, self.true, self.baselines[name], {}, self.columns)

    def only(self, targets: Sequence[str]) -> Predictions:
        """Return the predictions of some targets, with the baselines that know all of them."""

        def chosen(values: Mapping[str, Values]) -> dict[str, Values]:
            return {name: values[name] for name in targets}

        known = {name: chosen(v) for name, v in self.baselines.items() if set(targets) <= set(v)}
        return Predictions(self.key, chosen(self.true), chosen(self.predicted), known, self.columns)

    def select(self, rows: NDArray[np.generic]) -> Predictions:
        """Return the chosen events."""

        def chosen(values: Mapping[str, Values]) -> dict[str, Values]:
            return {name: array[rows] for name, array in values.items()}

        baselines = {name: chosen(values) for name, values in self.baselines.items()}
        return Predictions(self.key[rows], chosen(self.true), chosen(self.predicted), baselines, chosen(self.columns))

    def _flat(self) -> dict[str, Values]:
        flat = dict(self.columns)
        flat |= {f"true_{name}": values for name, values in self.true.items()}
        flat |= {f"pred_{name}": values for name, values in self.predicted.items()}
        for baseline, values in self.baselines.items():
            flat |= {f"{baseline}.{name}": array for name, array in values.items()}
        return flat

    def write(self, path: Path) -> None:
        """Write `key`, extra columns, `true_<target>`, `pred_<target>` and `<baseline>.<target>` atomically as CSV."""
        flat = self._flat()
        table = np.column_stack([np.asarray(v, np.float64) for v in flat.values()])
        form = "%d," + ",".join(["%.9g"] * len(flat)) + "\n"

        def write(file: BinaryIO) -> None:
            file.write(("key," + ",".join(flat) + "\n").encode())
            for first in range(0, len(table), 4096):
                rows = zip(self.key[first : first + 4096].tolist(), table[first : first + 4096].tolist(), strict=True)
                file.write("".join(form % (key, *row) for key, row in rows).encode())

        write_bytes(path, write)

    @classmethod
    def read(cls, path: Path) -> Predictions:
        """Read what `write` wrote; raises UserError when the file is missing or damaged."""
        try:
            names, key, table = _read_table(path)
        except (OSError, ValueError) as error:
            raise UserError(Problem(f"cannot be read as predictions ({error})", (str(path),))) from None
        flat = dict(zip(names, table.T, strict=True))
        baselines: dict[str, dict[str, Values]] = {}
        for name in [n for n in flat if "." in n]:
            baseline, _, target = name.partition(".")
            baselines.setdefault(baseline, {})[target] = flat.pop(name)
        true = {n.removeprefix("true_"): flat.pop(n) for n in list(flat) if n.startswith("true_")}
        predicted = {n.removeprefix("pred_"): flat.pop(n) for n in list(flat) if n.startswith("pred_")}
        return cls(key, true, predicted, baselines, flat)


def _read_table(path: Path) -> tuple[list[str], NDArray[np.uint64], Values]:
    """Return the column names, the keys (N,) and the values (N, columns); the keys do not fit into a float."""
    with path.open(encoding="utf-8") as file:
        first, *names = file.readline().strip().split(",")
        if first != "key" or not names:
            raise ValueError("the first line does not begin with 'key,'")
        lines = file.readlines()
    if not lines:
        return names, np.empty(0, np.uint64), np.empty((0, len(names)))
    if not lines[-1].endswith("\n"):
        raise ValueError("the last line is cut off")
    key = np.loadtxt(lines, delimiter=",", usecols=0, dtype=np.uint64, ndmin=1)
    table = np.loadtxt(lines, delimiter=",", ndmin=2)[:, 1:]
    if table.shape[1] != len(names):
        raise ValueError(f"{len(names) + 1} columns are named, {table.shape[1] + 1} are there")
    return names, key, table
