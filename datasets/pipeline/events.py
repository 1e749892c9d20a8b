"""Columns with units, blocks of events, and sources that yield them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.physics.magnet import Magnet
from datasets.pipeline.arrays import concatenate
from datasets.pipeline.columns import join_column

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Column:
    """A named quantity with its unit, e.g. Column("x", "mm", "horizontal position")."""

    name: str
    unit: str = ""
    description: str = ""
    classes: tuple[str, ...] = ()
    """Names of the classes 0, 1, ... of a column that holds their numbers."""


@dataclass(frozen=True)
class Input:
    """One input tensor of a model: its columns along the last axis, and the shape of one event.

    Attributes:
        columns: what stands along the last axis.
        shape: of one event; its first number is None where events have different numbers of rows.
        standardize: mean 0 and standard deviation 1 for each column of a flat input, on the training split.
        layer: JSON of the input layer that stands between the raw tensor and the model, instead of standardising.
    """

    columns: tuple[Column, ...]
    shape: tuple[int | None, ...]
    standardize: bool = True
    layer: Mapping[str, Any] | None = None

    @property
    def flat(self) -> bool:
        """Whether an event is one row of columns."""
        return len(self.shape) == 1 and self.shape[0] is not None


@dataclass(frozen=True)
class Events:
    """A block of N events: `inputs[name]` (N, ...), `columns[name]` (N,) in physical units, `key` (N,) uint64.

    `rows` (N,) says from which rows of their file they come, counted from 0, where the loader knows it.

    An input may hold sparse images or a jagged array (`datasets.pipeline.arrays`), made dense or padded when a network
    sees them.
    """

    inputs: Mapping[str, Any]
    columns: Mapping[str, Array]
    key: NDArray[np.uint64]
    rows: NDArray[np.integer] | None = None

    def __len__(self) -> int:
        return len(self.key)

    def __getitem__(self, rows: NDArray[np.generic] | slice) -> Events:
        return Events(
            {name: array[rows] for name, array in self.inputs.items()},
            {name: array[rows] for name, array in self.columns.items()},
            self.key[rows],
            None if self.rows is None else self.rows[rows],
        )

    @staticmethod
    def concatenate(blocks: Sequence[Events]) -> Events:
        """Join blocks of the same source, in order."""
        if len(blocks) == 1:
            return blocks[0]
        first = blocks[0]
        return Events(
            {name: concatenate([b.inputs[name] for b in blocks]) for name in first.inputs},
            {name: join_column(name, [b.columns[name] for b in blocks]) for name in first.columns},
            np.concatenate([b.key for b in blocks]),
            None if any(b.rows is None for b in blocks) else np.concatenate([b.rows for b in blocks]),
        )


Augment = Callable[[Events, NDArray[np.uint64]], Events]
"""Changes N events, given 64 random bits for each of them (N,)."""


@dataclass(frozen=True)
class Source:
    """Where events come from: what they hold, and functions that read one block (a file or a shard) each.

    Attributes:
        inputs: the input tensors that a model sees, by name.
        targets: what may be learned, by name.
        extras: further columns for weights, metrics and predictions.csv, e.g. the momentum.
        blocks: one function per block; a block is read when its function is called.
        files: the file that each block comes from.
        rows: events in all blocks.
        fingerprint: hash of the files' content; their names and times do not matter. The program makes one where it is
            left out.
        description: one line for log and registry; where it is left out, how many events and files there are.
        facts: metadata of the data, e.g. how they were generated.
        magnet: the field that the tracks went through and where they begin; None where it is not known.
        augment: makes other events of the training split that are as good, anew in every pass; None: none.
        truth: arrays that stand among the inputs of its events and that no network sees: what is true of each hit.
        selects: whether `rows` counts what the files hold, of which reading leaves out some or makes several events.
        absent: targets that these files lack, and what was looked for, {"charge": "no branch 'truthMuon_charge'"}.
        shared_keys: whether several events may have one key, which brings all of them into one split.
    """

    inputs: Mapping[str, Input]
    targets: Mapping[str, Column]
    extras: Mapping[str, Column]
    blocks: Sequence[Callable[[], Events]]
    files: Sequence[str]
    rows: int
    fingerprint: str = ""
    description: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    magnet: Magnet | None = None
    augment: Augment | None = None
    truth: Mapping[str, Input] = field(default_factory=dict)
    selects: bool = False
    absent: Mapping[str, str] = field(default_factory=dict)
    shared_keys: bool = False

    def __iter__(self) -> Iterator[Events]:
        return (read() for read in self.blocks)
