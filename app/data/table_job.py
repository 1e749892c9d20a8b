"""A first job for any table of columns: inputs and targets guessed from the names and values of a file's columns."""

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.data.columns import kind_of_array
from app.data.guesses import has_track_states, last_column
from datasets.tables.arrow import looks_like_number
from datasets.tables.files import TableFile
from datasets.tables.formats import open_table
from datasets.tables.reader import loses_resolution

logger = logging.getLogger(__name__)
SAMPLE = 20_000
"""Rows that a guess looks at."""
MOST_CLASSES = 20
WIDEST = 32
"""An array (N, M) with more columns is an image or a waveform, not a table."""
KEYS = ("run", "lumi", "luminosityblock", "event", "evt", "entry", "id", "key", "index")
EVENT = re.compile(rf"({'|'.join(KEYS)})(_?(number|num|no|nr|id|block))?", re.IGNORECASE)
"""Columns that identify an event, in the order in which they make its key, whatever the order in the file."""
LEAST_ROWS = 3
WEIGHT = re.compile(r"(.*[_.])?(weight|wgt)s?", re.I)
TRUTH = re.compile(r"(.*[_.])?(target|label|class|truth|true|gen|mc|y|signal|is_?signal|mass|m)([_.].*)?", re.I)
TRACK_STATES = (
    "these columns look like states of tracks at two planes: the loader track_states reads such tracks, with their "
    "physics, from ROOT trees and npz arrays; wirechamber list datasets track_states"
)
Columns = dict[str, NDArray[Any]]


def table_job(path: Path, tree: str | None, inputs: Sequence[str], targets: Sequence[str]) -> dict[str, Any]:
    """Return the dataset and the tasks of a job for a table, with what is not given guessed from its columns.

    Args:
        path: the file.
        tree: the tree of a ROOT file, the group of an HDF5 file.
        inputs: columns, none to guess them.
        targets: columns, none to guess them.

    Raises:
        UserError: a damaged file, no such column, nothing left for the inputs.
    """
    file = open_rows(path, tree)
    columns, left = readable_columns(file, [*inputs, *targets])
    for name in inputs:
        check_number(name, columns[name])
    short = short_names([*columns, *left])
    columns = {short[name]: values for name, values in columns.items()}
    inputs, targets = [short[name] for name in inputs], [short[name] for name in targets]
    key = key_of(columns)
    is_guess, targets = not targets, targets or guess_targets(columns, {*inputs, *key})
    weights = [name for name in columns if WEIGHT.fullmatch(name) and name not in targets]
    free = {name: values for name, values in columns.items() if name not in (*targets, *key, *weights)}
    left |= {} if inputs else {name: reason for name, values in free.items() if (reason := no_input(name, values))}
    if not inputs:
        inputs = [name for name in free if name not in left]
        for name, reason in left.items():
            logger.info("left out: %s (%s)", name, reason)
    if not inputs:
        raise UserError(Problem("no column is left for the inputs", (str(path),), received=list(columns)))
    if is_guess and not any(map(TRUTH.fullmatch, targets)):
        logger.warning(last_column(targets[0], inputs))
    if has_track_states(short):
        logger.warning(TRACK_STATES)
    lacking = [n for n in (*inputs, *targets) if columns[n].dtype.kind == "f" and not np.isfinite(columns[n]).all()]
    if lacking:
        logger.warning("rows without a value of %s are dropped (missing: drop)", ", ".join(lacking))
    classes = {name: classes_of(columns[name]) for name in targets}
    if weights:
        logger.info('the loss uses a weight with "weighting": {"name": "column", "column": "%s"}', weights[0])
    long = {name: column for column, name in short.items() if column != name}
    dataset = {
        "name": "table",
        "files": [str(path)],
        **({"tree": tree} if tree else {}),
        "inputs": listed(quantities(dict.fromkeys(inputs, ()), long)),
        "targets": quantities(classes, long),
        **({"extras": listed(quantities(dict.fromkeys([*key, *weights], ()), long))} if key or weights else {}),
        **({"key": key} if key else {}),
        **({"missing": "drop"} if lacking else {}),
    }
    return {"dataset": dataset, "tasks": tasks_of(classes)}


def open_rows(path: Path, tree: str | None) -> TableFile:
    """Open a table; raises UserError where it has too few rows to guess from."""
    file = open_table(path, tree)
    if file.rows < LEAST_ROWS:
        expected = f"at least {LEAST_ROWS} rows to guess from"
        raise UserError(Problem("too few rows", (str(path),), expected=expected, received=file.rows))
    return file


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Return what a job calls each column: the last part of its path in groups, where no other ends so.

    >>> short_names(["events/pt", "events/eta", "truth/eta"])
    {'events/pt': 'pt', 'events/eta': 'events/eta', 'truth/eta': 'truth/eta'}
    """
    last = {name: name.rpartition("/")[2] for name in names}
    ends = Counter(last.values())
    return {name: end if end and ends[end] == 1 else name for name, end in last.items()}


def quantities(classes: Mapping[str, Sequence[Any]], long: Mapping[str, str]) -> dict[str, Any]:
    """Return what a job says of columns: where each is, where it has another name there, and its classes."""
    named = {}
    for name, of in classes.items():
        column = {"column": long[name]} if name in long else {}
        named[name] = {**column, **({"classes": of} if of and of != [0, 1] else {})} or ""
    return named


def listed(named: dict[str, Any]) -> list[str] | dict[str, Any]:
    """Return a list of names where nothing more is said of any."""
    return named if any(named.values()) else list(named)


def readable_columns(file: TableFile, asked: Sequence[str]) -> tuple[Columns, dict[str, str]]:
    """Return the first rows of each column that has one value per row, and why others are left out.

    Raises:
        UserError: a column that was asked for cannot be read.
    """
    columns = file.read(list(asked), 0, SAMPLE)
    left = {name: f"{rows:,} rows, the table has {file.rows:,}" for name, rows in file.lengths.items()}
    for name in file.names:
        if name in columns:
            continue
        try:
            columns |= file.read([name], 0, SAMPLE)
        except UserError as error:
            elements = [f"{name}[{i}]" for i in range(width_of(file, name))]
            columns |= file.read(elements, 0, SAMPLE)
            if not elements:
                problem = error.problems[0]
                several = problem.received == "several per row"
                first = "" if " x " in kind_of_array(file, name) else f"; {name}[0] is the first"
                left[name] = f"several values per row{first}" if several else problem.what
    return columns, left


def width_of(file: TableFile, name: str) -> int:
    """Return how many columns an array (N, M) is that is narrow enough for a table; 0 for anything else."""
    try:
        first = file.arrays([file.find(name)[0]], 0, 1)[name]
    except UserError:
        return 0
    narrow = isinstance(first, np.ndarray) and first.ndim == 2 and first.shape[1] <= WIDEST
    return int(first.shape[1]) if narrow and first.dtype.kind in "iufb" else 0


def key_of(columns: Columns) -> list[str]:
    """Return the integer columns that identify an event by their names and values, or none."""
    named = [name for name, values in columns.items() if values.dtype.kind in "iu" and EVENT.fullmatch(name)]
    named.sort(key=lambda name: (KEYS.index(EVENT.fullmatch(name)[1].lower()), name))  # type: ignore[index]
    rows = np.stack([columns[name].astype(np.int64) for name in named], axis=-1) if named else np.empty((0, 0))
    return named if named and len(np.unique(rows, axis=0)) == len(rows) else []


def guess_targets(columns: Columns, taken: set[str]) -> list[str]:
    """Return the columns whose names say that they are the truth, and say so, else the last one."""
    free = [name for name, values in columns.items() if name not in taken and not WEIGHT.fullmatch(name)]
    free = [name for name in free if is_number(columns[name]) or classes_of(columns[name])]
    if not free:
        raise UserError(
            Problem("no column to learn", expected="a column of numbers or classes", received=list(columns))
        )
    if found := [name for name in free if TRUTH.fullmatch(name)]:
        logger.warning("targets are guessed from the names: %s; --targets says which", ", ".join(found))
        return found
    return free[-1:]


def no_input(name: str, values: NDArray[Any]) -> str:
    """Return why a column is not taken as an input without being asked for; empty where it is."""
    if EVENT.fullmatch(name):
        return "a number of the event"
    if not is_number(values):
        numbers = sum(looks_like_number(text) for text in values)
        mixed = f", though {numbers:,} of {len(values):,} values look like numbers" if numbers else ""
        return f"text, as {str(first_text(values))!r}{mixed}"
    different = np.unique(values[np.isfinite(values)])
    if len(different) < 2:
        return "the same value in every row" if len(different) else "no finite value"
    if values.dtype.kind in "iu" and len(values) > LEAST_ROWS and (np.diff(values) == 1).all():
        return "it counts the rows"
    return "float32 cannot tell its values apart" if loses_resolution(values) else ""


def first_text(values: NDArray[Any]) -> Any:
    """Return the first value that is no number, else the first value."""
    return next((value for value in values if not looks_like_number(value)), values[0])


def check_number(name: str, values: NDArray[Any]) -> None:
    """Raise UserError where a column that was asked for as an input holds no numbers."""
    if not is_number(values):
        expected, received = "a column of numbers", str(first_text(values))
        raise UserError(Problem("not a column of numbers", ("--inputs", name), expected=expected, received=received))


def is_number(values: NDArray[Any]) -> bool:
    """Whether a column holds numbers."""
    return values.dtype.kind in "iufb"


def classes_of(values: NDArray[Any]) -> list[Any]:
    """Return the classes of a column of texts, truth values or a few integers from 0 on; [] for a measurement."""
    if values.dtype.kind == "f":
        return []
    different = np.unique(values)
    if values.dtype.kind == "b":
        return [0, 1]
    if values.dtype.kind in "US":
        return [str(v) for v in different.astype(str)] if 2 <= len(different) <= MOST_CLASSES else []
    few = 2 <= len(different) <= MOST_CLASSES and different[0] == 0 and different[-1] == len(different) - 1
    return [int(v) for v in different] if few else []


def tasks_of(classes: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Return a task for all measurements together, and one for each target of classes."""
    measured = [name for name, of in classes.items() if not of]
    tasks: dict[str, Any] = {}
    if measured:
        tasks[task_name(measured[0]) if len(measured) == 1 else "values"] = {"targets": measured, "loss": "mse"}
    for name, of in classes.items():
        if len(of) == 2:
            tasks[task_name(name)] = {"targets": [name], "loss": "binary_crossentropy"}
        elif of:
            head = {"name": "softmax", "classes": len(of)}
            tasks[task_name(name)] = {"targets": [name], "head": head, "loss": "categorical_crossentropy"}
    return tasks


def task_name(column: str) -> str:
    """Return the name of the task that learns a column."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", column).strip("_-") or "target"
