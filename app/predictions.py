"""Predictions on a set of events with truth and baselines, in physical units; written to and read from CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.core.files import write_bytes
from app.core.keyed_csv import read_keyed_csv
from datasets.pipeline.columns import is_single, join_column

PURITY, EFFICIENCY = "hit_purity", "hit_efficiency"
"""Columns with the quality of the model's assignment of hits in each event; baselines do not assign hits."""
Values = NDArray[np.floating]
VALUE, SIGMA, PROBABILITY, CONCENTRATION, SPREAD = "value", "sigma", "probability", "concentration", "spread"
TASK_OUTPUTS = {VALUE: "pred_", SIGMA: "sigma_", PROBABILITY: "prob_", CONCENTRATION: "kappa_", SPREAD: "spread_"}
"""The outputs that a deployed model can have for a task, and the prefix of their columns in predictions.csv.

All but the value are there only where the head or the ensemble knows them. T is the number of targets.

* `value`, called <task>: (N, T), the targets in physical units, of a class the most probable one; `pred_<target>`.
* `<task>_sigma`: (N, T), standard deviations in the units of the targets; `sigma_<target>`.
* `<task>_probability`: (N, K), the probabilities of K classes of one target; `prob_<target>_<class>`.
* `<task>_concentration`: (N, 1), kappa of the von Mises-Fisher distribution of a direction; `kappa_<task>`.
* `<task>_spread`: the standard deviation of an ensemble's members: (N, T) of values, `spread_<target>`; (N, K) of
  probabilities, `spread_<target>_<class>`; (N, 1) of directions, the angle to the mean [rad], `spread_<task>`.
"""
EXTRAS = ("columns", *list(TASK_OUTPUTS)[1:])
"""Fields of predictions that have one array for each name."""
TRUE = "true_"
PREFIXES = (TRUE, *TASK_OUTPUTS.values())
"""Prefixes of the columns of the CSV: of the truth, and of what the model predicts."""


def output_name(task: str, output: str) -> str:
    """Return what an output of `TASK_OUTPUTS` is called among the outputs of a deployed model."""
    return task if output == VALUE else f"{task}_{output}"


def task_outputs(outputs: Mapping[str, Any], task: str) -> dict[str, Any]:
    """Return what a deployed model says of one task, by the names of `TASK_OUTPUTS`."""
    names = {output: output_name(task, output) for output in TASK_OUTPUTS}
    return {output: outputs[name] for output, name in names.items() if name in outputs}


def output_columns(output: str, task: str, targets: Sequence[str], width: int) -> list[str]:
    """Return what each of the `width` columns of an output is called behind the prefix of `TASK_OUTPUTS`."""
    if output == PROBABILITY or (output == SPREAD and width > len(targets)):
        return [f"{targets[0]}_{k}" for k in range(width)]
    return [task] if output == CONCENTRATION or width < len(targets) else list(targets)


@dataclass(frozen=True)
class Predictions:
    """Predictions on N events; every array has the shape (N,) and physical units.

    Attributes:
        key: of the events.
        true: by target.
        predicted: by target; the most probable value of a class.
        baselines: predictions by baseline, then target, with probabilities of several classes by `<target>_<class>`.
        columns: further columns of the events, by name; integers, like numbers of events, stay integers.
        sigma: predicted standard deviations by target, where the head gives them.
        probability: predicted probabilities by `<target>_<class>`, where the head gives them.
        concentration: kappa of the von Mises-Fisher distribution of a direction by task, where the head gives it.
        spread: spread of an ensemble's members by target, by `<target>_<class>`, or by task as an angle [rad].
    """

    key: NDArray[np.uint64]
    true: Mapping[str, Values]
    predicted: Mapping[str, Values]
    baselines: Mapping[str, Mapping[str, Values]] = field(default_factory=dict)
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    sigma: Mapping[str, Values] = field(default_factory=dict)
    probability: Mapping[str, Values] = field(default_factory=dict)
    concentration: Mapping[str, Values] = field(default_factory=dict)
    spread: Mapping[str, Values] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.key)

    def of_baseline(self, name: str) -> Predictions:
        """Return the same events with the baseline's values as the predictions."""
        columns = {column: values for column, values in self.columns.items() if column not in (PURITY, EFFICIENCY)}
        known = self.baselines[name]
        classes = {n: v for n, v in known.items() if n not in self.true}
        last = {target: int(np.max(true, initial=0)) for target, true in self.true.items()}
        # A baseline that has never seen a class has no figures of probabilities.
        classes = {n: v for n, v in classes.items() if f"{(t := n.rpartition('_')[0])}_{last.get(t)}" in classes}
        predicted = {n: v for n, v in known.items() if n in self.true}
        return Predictions(self.key, self.true, predicted, {}, columns, probability=classes)

    def only(self, targets: Sequence[str]) -> Predictions:
        """Return the predictions of some targets, with the baselines that know all of them.

        The truth of the other targets is kept among the columns: residuals of one target may be binned in another.
        """

        def choose(values: Mapping[str, Values]) -> dict[str, Values]:
            return {name: values[name] for name in targets if name in values}

        def of_classes(values: Mapping[str, Values]) -> dict[str, Values]:
            return {n: v for n, v in values.items() if n not in self.true and n.rpartition("_")[0] in targets}

        known = {name: choose(v) | of_classes(v) for name, v in self.baselines.items() if set(targets) <= set(v)}
        others = {name: values for name, values in self.true.items() if name not in targets}
        return Predictions(
            self.key,
            choose(self.true),
            choose(self.predicted),
            known,
            {**self.columns, **others},
            choose(self.sigma),
            of_classes(self.probability),
            self.concentration,
            self.spread,
        )

    def select(self, rows: NDArray[np.generic]) -> Predictions:
        """Return the chosen events."""

        def choose(values: Mapping[str, Values]) -> dict[str, Values]:
            return {name: array[rows] for name, array in values.items()}

        baselines = {name: choose(values) for name, values in self.baselines.items()}
        own = [getattr(self, name) for name in EXTRAS]
        return Predictions(
            self.key[rows], choose(self.true), choose(self.predicted), baselines, *(choose(values) for values in own)
        )

    @staticmethod
    def concatenate(parts: Sequence[Predictions]) -> Predictions:
        """Join predictions of the same job on several blocks of events, in order."""

        def join(values: Sequence[Mapping[str, Values]]) -> dict[str, Values]:
            return {name: join_column(name, [part[name] for part in values]) for name in values[0]}

        return Predictions(
            np.concatenate([part.key for part in parts]),
            join([part.true for part in parts]),
            join([part.predicted for part in parts]),
            {name: join([part.baselines[name] for part in parts]) for name in parts[0].baselines},
            *(join([getattr(part, name) for part in parts]) for name in EXTRAS),
        )

    def flat(self) -> dict[str, Values]:
        """Return all columns of the CSV but `key`, by name."""
        flat = dict(self.columns)
        parts = (self.true, self.predicted, *(getattr(self, name) for name in EXTRAS[1:]))
        for prefix, values in zip(PREFIXES, parts, strict=True):
            flat |= {f"{prefix}{name}": array for name, array in values.items()}
        return flat | {f"{b}.{name}": array for b, known in self.baselines.items() for name, array in known.items()}

    def write(self, path: Path) -> None:
        """Write the CSV as `write_blocks` does."""
        write_blocks(path, [self])

    @classmethod
    def read(cls, path: Path) -> Predictions:
        """Read what `write` wrote; raises UserError when the file is missing or damaged."""
        try:
            key, flat = read_table(path)
        except (OSError, ValueError, csv.Error) as error:
            raise UserError(Problem(f"cannot be read as predictions ({error})", (str(path),))) from None
        columns = {name: flat.pop(name) for name in _further_columns(list(flat))}
        parts = [{n.removeprefix(p): flat.pop(n) for n in list(flat) if n.startswith(p)} for p in PREFIXES]
        baselines: dict[str, dict[str, Values]] = {}
        for name, values in flat.items():
            baseline, _, target = name.partition(".")
            baselines.setdefault(baseline, {})[target] = values
        return cls(key, parts[0], parts[1], baselines, columns, *parts[2:])


def write_blocks(path: Path, blocks: Iterable[Predictions]) -> None:
    """Write blocks of predictions with the same columns as one CSV, atomically.

    They are `key`, the extra ones, `true_<target>`, what TASK_OUTPUTS names, and `<baseline>.<target>`. Integers, and
    extra columns and truth that float32 does not hold, keep all digits. Extra columns may be texts.
    """

    def write(file: BinaryIO) -> None:
        for number, block in enumerate(blocks):
            flat = {n: v if v.dtype.kind in "iubU" else np.asarray(v, np.float64) for n, v in block.flat().items()}
            head = (",".join(map(_quote, ("key", *flat))) + "\n").encode("utf-8", "surrogateescape")
            file.write(b"" if number else head)
            prefixes = (TRUE, TASK_OUTPUTS[VALUE], *(f"{baseline}." for baseline in block.baselines))
            exact = set(block.columns) | {p + t for t, v in block.true.items() if not is_single(v) for p in prefixes}
            long = {n for n, v in flat.items() if n in exact and v.dtype.kind == "f" and not is_single(v)}
            kinds = {"f": "%.9g", "U": "%s"}
            forms = ["%r" if n in long else kinds.get(v.dtype.kind, "%d") for n, v in flat.items()]
            flat = {n: np.array([*map(_quote, v.tolist())]) if v.dtype.kind == "U" else v for n, v in flat.items()}
            form = ",".join(["%d", *forms]) + "\n"
            for first in range(0, len(block), 4096):
                rows = zip(*(v[first : first + 4096].tolist() for v in (block.key, *flat.values())), strict=True)
                file.writelines((form % row).encode() for row in rows)

    write_bytes(path, write)


def _quote(name: str) -> str:
    """Return a name as a cell of a CSV: in quotes where it holds what divides cells or lines, or a blank at an end."""
    plain = name == name.strip() and not set(name) & set(',"\r\n')
    return name if plain and name else '"' + name.replace('"', '""') + '"'


def _further_columns(names: Sequence[str]) -> list[str]:
    """Return the names of the further columns, which stand before the truth and may look like any other."""
    of_truth = [n for n in names if n.startswith(TRUE) and f"{TASK_OUTPUTS[VALUE]}{n.removeprefix(TRUE)}" in names]
    first = next(iter(of_truth or [n for n in names if n.startswith(PREFIXES)]), None)
    return list(names) if first is None else list(names[: names.index(first)])


def read_table(path: Path) -> tuple[NDArray[np.uint64], dict[str, NDArray[Any]]]:
    """Return the keys (N,) and the other columns (N,) by name; raises ValueError where the file is no such table."""
    return read_keyed_csv(path, _further_columns)
