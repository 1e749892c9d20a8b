"""Trigger primitives and truth in ROOT files of DUNE's trigger analysis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.physics.argon.detector import split
from datasets.files import root

CLOCK = 32
"""Ticks of 16 ns, in which times are given, in a sample of 0.5 us."""
EVENT = ("Run", "SubRun", "Event")
SHAPE = ("samples_over_threshold", "samples_to_peak", "adc_peak", "adc_integral")
NEEDED = ("channel", "time_start", *SHAPE)
TRACED = ("bt_edep", "bt_primary_track_id", "bt_x")
TRUTH = ("pdg", "status_code", "generator_name", "block_id", "px", "py", "pz", "energy")
PARTICLES = ("pdg", "g4_track_id", "mother", "truth_block_id", "x", "y", "z", "px", "py", "pz", "energy")
MOST_APAS = 4
LIMITS = {
    "samples_over_threshold": (1, 1e6),
    "samples_to_peak": (0, 1e6),
    "adc_peak": (0, 1e6),
    "adc_integral": (0, 1e9),
    "bt_edep": (-1e6, 1e6),
}
"""Least and largest value of what a readout of 14 bits gives; other columns are finite."""
TEXTS = ("generator_name",)
LARGEST = 2.0**62
"""Numbers below it fit into an integer of 64 bits, as most columns become."""
Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Primitives:
    """The P primitives of one file, all (P,).

    Attributes:
        event: number of the event in `events`.
        apa: anode that saw them.
        plane: 0, 1, 2 for U, V, X.
        face: 0 or 1 on X, -1 on U and V.
        number: of the channel within plane and face.
        start: first sample above threshold [ticks].
        over: samples above threshold.
        to_peak: samples from the first to the highest.
        peak: highest sample [ADC].
        integral: sum of the samples [ADC].
        edep: deposited energy that they come from, 0 where it is not known [MeV].
        track: identity of the primary particle.
        x: position where the charge was set free [cm].
        events: Run, SubRun, Event of the events, (E, 3).
        truth: columns of mctruths and mcparticles with the event's number in `event`; {} where the file has none.
    """

    event: NDArray[np.int64]
    apa: NDArray[np.int64]
    plane: NDArray[np.int64]
    face: NDArray[np.int64]
    number: NDArray[np.int64]
    start: NDArray[np.float64]
    over: NDArray[np.float64]
    to_peak: NDArray[np.float64]
    peak: NDArray[np.float64]
    integral: NDArray[np.float64]
    edep: NDArray[np.float64]
    track: NDArray[np.int64]
    x: NDArray[np.float64]
    events: NDArray[np.int64]
    truth: Mapping[str, Columns]

    def __len__(self) -> int:
        return len(self.event)


def read_primitives(path: Path) -> Primitives:
    """Read a file's primitives and truth.

    Args:
        path: `file.root`, or `file.root:tree` where it has several trees of primitives.

    Raises:
        UserError: a damaged file, no tree of primitives, branches that are missing, channels of no known anode.
    """
    tree, place = open_primitives(path), (str(path),)
    known = set(tree.keys())
    for name in (*EVENT, *NEEDED):
        if name not in known:
            raise UserError(Problem(f"has no branch {name!r}", place, expected="a tree of trigger primitives"))
    traced = [name for name in TRACED if name in known]
    columns = read_columns(tree, [*EVENT, *NEEDED, *traced], path)
    events, event = number_events(columns)
    channel = split(columns["channel"].astype(np.int64))
    if len(event) and not (channel.apa.min() >= 0 and channel.apa.max() < MOST_APAS):
        largest = int(columns["channel"][np.argmax(np.abs(channel.apa))])
        expected = f"channels of {MOST_APAS} anodes (1x2x2), below {2560 * MOST_APAS}"
        raise UserError(Problem("channels of a detector that is not known", place, expected=expected, received=largest))
    edep = np.maximum(columns.get("bt_edep", np.zeros(len(event))), 0.0)
    over, to_peak, peak, integral = (columns[name].astype(np.float64) for name in SHAPE)
    return Primitives(
        event, channel.apa, channel.plane, channel.face, channel.number,
        columns["time_start"].astype(np.float64) / CLOCK, over, to_peak, peak, integral,
        edep, columns.get("bt_primary_track_id", np.zeros(len(event))).astype(np.int64),
        columns.get("bt_x", edep * 0.0).astype(np.float64),
        events, read_truth(path, events),
    )  # fmt: skip


def read_columns(tree: Any, branches: Sequence[str], path: Path) -> Columns:
    """Read all rows; raises UserError for what is not one finite number per row, in the range of `LIMITS`."""
    columns = root.read_rows(tree, branches, 0, int(tree.num_entries), path)
    for name, values in columns.items():
        if name in TEXTS:
            continue
        if values.ndim != 1 or values.dtype.kind not in "biuf":
            received = f"{values.dtype} {list(values.shape[1:])}"
            what, expected = "not a column of numbers", "one number per row"
            raise UserError(Problem(what, (str(path), name), expected=expected, received=received))
        low, high = LIMITS.get(name, (-LARGEST, LARGEST))
        bad = np.flatnonzero(~((values >= low) & (values <= high)))
        if len(bad):
            what = f"{len(bad)} of {len(values)} values out of range, the first at row {bad[0]}"
            expected = f"numbers from {low:g} to {high:g}"
            raise UserError(Problem(what, (str(path), name), expected=expected, received=values[bad[0]].item()))
    return columns


def open_primitives(path: Path) -> Any:
    """Return the tree of primitives: the named one, or the only one in a folder TriggerPrimitives."""
    if root.split_name(path)[1]:
        return root.open_tree(path)
    file = root.open_file(path)
    wanted = primitive_trees(file)
    if len(wanted) != 1:
        what = f"the file has {len(wanted)} trees of trigger primitives"
        expected = "one tree in a folder TriggerPrimitives, or file.root:tree"
        raise UserError(Problem(what, (str(path),), expected=expected, received=root.tree_names(file)))
    return root.open_tree(path, wanted[0])


def primitive_trees(file: Any) -> list[str]:
    """Return the trees of an open file that lie in a folder TriggerPrimitives."""
    return [name for name in root.tree_names(file) if "TriggerPrimitives/" in name]


def number_events(columns: Columns) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the events in order of their first row, (E, 3), and the number of each row's event."""
    names = np.stack([columns[name].astype(np.int64) for name in EVENT], axis=-1)
    unique, first, number = np.unique(names, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return unique[order], rank[number.ravel()]


def read_truth(path: Path, events: NDArray[np.int64]) -> dict[str, Columns]:
    """Return the columns of mctruths and mcparticles by name, {} where the file lacks one of them."""
    file = root.split_name(path)[0]
    known = root.tree_names(root.open_file(path))
    truth = {}
    for name, branches in (("mctruths", TRUTH), ("mcparticles", PARTICLES)):
        trees = [tree for tree in known if tree.split("/")[-1] == name]
        if not trees:
            return {}
        columns = read_columns(root.open_tree(file, trees[0]), [*EVENT, *branches], path)
        numbers = {tuple(event): i for i, event in enumerate(events.tolist())}  # -1: an event without a primitive
        rows = np.stack([columns[key].astype(np.int64) for key in EVENT], axis=-1).tolist()
        truth[name] = {**columns, "event": np.array([numbers.get(tuple(row), -1) for row in rows], np.int64)}
    return truth
