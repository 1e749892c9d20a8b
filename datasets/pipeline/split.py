"""Which events of a source are for training, validation and test: by a hash of their key, or by their file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError, nearest, unknown
from datasets.pipeline.event_hash import hash_rows, part_of
from datasets.pipeline.events import Array, Events, Source
from datasets.pipeline.options import PARTS, Split

Places = NDArray[np.intp]


def assignments(source: Source, options: Split) -> list[Callable[[Events], Places]]:
    """Return for each block the function that gives 0, 1 or 2 (train, validation, test) for each of its events."""
    if options.files is None:
        return [partial(_by_hash, source=source, options=options)] * len(source.blocks)
    place = {file: _part_of(file, options.files) for file in dict.fromkeys(source.files)}
    _require_used(options.files, place)
    return [partial(_all_in, part=place[file]) for file in source.files]


def _by_hash(events: Events, source: Source, options: Split) -> Places:
    key = events.key if options.key is None else hash_rows(_key_columns(events, source, options.key))
    return part_of(key, options.seed, options.train, options.validation)


def _all_in(events: Events, part: int) -> Places:
    return np.full(len(events), part, np.intp)


def _part_of(file: str, patterns: Mapping[str, Sequence[str]]) -> int:
    """Every file belongs to exactly one split: one that nobody uses, or that two use, is a mistake."""
    found = [part for part in PARTS if any(_matches(file, pattern) for pattern in patterns.get(part, ()))]
    if len(found) != 1:
        what = f"{file} is in the splits {' and '.join(found)}" if found else f"{file} is in no split"
        raise UserError(Problem(what, ("dataset", "split", "files"), expected="each file to be in one split"))
    return PARTS.index(found[0])


def _require_used(patterns: Mapping[str, Sequence[str]], files: Iterable[str]) -> None:
    for part, position, pattern in [(p, i, text) for p, texts in patterns.items() for i, text in enumerate(texts)]:
        if not any(_matches(file, pattern) for file in files):
            where = ("dataset", "split", "files", part, position)
            names = [PurePath(file).name for file in files]
            near = nearest(pattern, names)
            raise UserError(
                Problem(
                    "the pattern matches no file",
                    where,
                    nearest=near,
                    expected=f"files among {names}",
                    received=pattern,
                )
            )


def _matches(file: str, pattern: str) -> bool:
    return PurePath(file).match(os.path.expandvars(pattern))


def _key_columns(events: Events, source: Source, names: Sequence[str]) -> list[Array]:
    """Return the columns of the key: targets and extras by name, then input columns that are none of those."""
    inputs = {
        column.name: events.inputs[name][..., i]
        for name, tensor in source.inputs.items()
        if tensor.flat
        for i, column in enumerate(tensor.columns)
    }
    known = {**inputs, **events.columns}
    for position, name in enumerate(names):
        if name not in known:
            raise UserError(unknown("column", name, sorted(known), ("dataset", "split", "key", position)))
    return [known[name] for name in names]
