"""Clusters in a liquid-argon detector as its wire planes see them: images, direction, energy, class."""

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field

from app.core.errors import Problem, UserError
from app.core.types import Range
from datasets import DATASETS
from datasets.argon.plane_files import (
    PLANES,
    TICKS,
    Group,
    Plane,
    check_images,
    clusters_of,
    find_groups,
    open_planes,
    read_facts,
)
from datasets.argon.plane_layouts import mismatched, moving
from datasets.argon.plane_mirrors import Mirror, Mirrors
from datasets.argon.plane_reader import DIRECTIONS, TARGETS, Block, Reader, known_columns, stored_columns
from datasets.argon.plane_selection import Balance, Interaction, Joined, Selection, balance_clusters, join
from datasets.argon.recognize import recognize_planes
from datasets.files import npz, root
from datasets.files.damaged import OnBadFile, load_readable
from datasets.pipeline.arrays import cuts
from datasets.pipeline.event_keys import Duplicates
from datasets.pipeline.events import Column, Input, Source

logger = logging.getLogger(__name__)

ROWS_PER_BLOCK = 2048
Normalization = Literal["raw", "log", "asinh", "per_image"]


def _each_once(planes: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(planes)) < len(planes):
        raise ValueError("a plane is named twice")
    return tuple(name for name in PLANES if name in planes)


Wanted = Annotated[tuple[Literal["u", "v", "x"], ...], Field(min_length=1), AfterValidator(_each_once)]


@DATASETS("plane_images", quality="datasets.argon.plane_quality", reads=(".npz", ".root"), recognize=recognize_planes)
def plane_images(
    files: Sequence[Path],
    *,
    planes: Wanted = ("u", "v", "x"),
    main_track: bool | None = None,
    interaction: Interaction | None = None,
    energy: Range | None = None,
    balance: Balance | None = None,
    without_momentum: Literal["drop", "keep"] = "drop",
    normalization: Normalization = "asinh",
    sum_ticks: Literal[1, 2, 4, 8] = 1,
    augmentation: tuple[Mirror, ...] = (),
    width: Literal[16, 32] = 16,
    on_bad_file: OnBadFile = "stop",
    truth: bool = True,
) -> Source:
    """Clusters of charge in liquid argon as images of time and wire on the planes U, V, X, and the particle of each.

    Inputs `plane_u`, `plane_v`, `plane_x` (128, channels) hold raw ADC counts, rows ticks and columns channels; they
    are scaled by the model's first layer, `adc`, and stay with the model. Files are `<base>_planeU.npz`, `_planeV`,
    `_planeX` in one folder or in U/, V/, X/, or npz files with matched planes, or ROOT files of trigger primitives.
    What the columns of their metadata are follows from how many there are (11, 12, 13, 14, 18) and is checked: flags
    are 0 or 1, momenta agree with energies. Planes are joined on file, event and match_id. All clusters of an event
    share a key, so that no event lies in two splits.

    Directions are those of the files' frame: of simulated and converted files the canonical one, see
    app/physics/argon/planes.py. For baselines each event has its `charge_u`, `_v`, `_x` and `axis_x`, `_y`, `_z`, the
    principal axis of the images' moments with the sign of its skewness, which more often than not is the tail's.

    Args:
        files: npz or ROOT files, or a folder of them.
        planes: which planes a model sees.
        main_track: only main tracks, or (false) only other clusters.
        interaction: only elastic scatters on electrons, "es", or only charged currents, "cc".
        energy: only particles of these true energies [GeV].
        balance: equal numbers of both classes of "is_es" or "is_main_track", by dropping some of the larger one; a
            job's "weighting" keeps all events, and changes their weights.
        without_momentum: "drop" clusters whose particle is not known, or "keep" them, and have no direction to learn.
        normalization: "raw" counts, "log" ln(1 + n), "asinh", or each image over its largest pixel, "per_image".
        sum_ticks: so many ticks are added before the model sees them; 4 are 0.32 cm, near the pitch of the wires.
        augmentation: mirror training events and their labels at random, anew in every pass: in "time", in the "wires".
        width: channels of images that are made of ROOT files.
        on_bad_file: "stop" at damaged or missing files, or "skip" them and say how many.
        truth: false for files whose truth is not read, which can only be predicted; all of their clusters are taken.

    Raises:
        UserError: damaged or missing files, other arrays, images of other sizes or without a hit, metadata of unknown
            width or of other content, nothing left of a selection, duplicates.
    """
    groups = load_readable(
        find_groups(files, planes), partial(open_group, planes=planes, width=width, truth=truth), on_bad_file
    )
    for _, content in groups:
        check_images(content, next(iter(groups[0][1].values())))
    facts = [read_facts(group.path) for group, _ in groups]
    frame = facts[0].get("frame")
    for (group, _), other in zip(groups, facts, strict=True):
        if (
            other.get("frame") != frame
        ):  # directions of two frames cannot be learned together, and nothing else shows it
            what = f"another frame of directions than in {groups[0][0].path}"
            raise UserError(Problem(what, (str(group.path),), expected=repr(frame), received=other.get("frame")))
    if frame is None:
        logger.info("the files do not say in which frame their directions are: they are taken as they are")
    selection = Selection(main_track, interaction, energy, without_momentum == "keep") if truth else None
    chosen = select_clusters(groups, selection, balance)
    blocks = [block for (_, content), one in zip(groups, chosen, strict=True) for block in cut_blocks(content, one)]
    rows = sum(len(one) for one in chosen)
    channels = next(iter(groups[0][1].values())).shape[2]
    targets = {**(DIRECTIONS if without_momentum == "drop" else {}), **TARGETS} if truth else {}
    made = {f"charge_{p}" for p in planes} | {f"axis_{a}" for a in "xyz"}
    names = (set.intersection(*(set(stored_columns(one)) for one in chosen)) | made) - set(targets) - set(DIRECTIONS)
    extras = {name: column for name, column in known_columns(planes).items() if name in names}
    reader = Reader(list(targets), list(extras), Duplicates(rows, truth), on_bad_file)
    layer = {"name": "adc", "normalization": normalization, "sum_ticks": sum_ticks}
    return Source(
        inputs={f"plane_{p}": Input((Column("adc", "ADC"),), (TICKS, channels), layer=layer) for p in planes},
        targets=targets,
        extras=extras,
        blocks=[partial(reader, number, block) for number, block in enumerate(blocks)],
        files=[block.place[0].split("[")[0] for block in blocks],
        rows=rows,
        fingerprint=fingerprint([group for group, _ in groups]),
        description=f"{rows:,} clusters on {', '.join(p.upper() for p in planes)} from {len(groups)} groups of files",
        facts=facts[0],
        augment=Mirrors(planes, augmentation) if augmentation else None,
        selects=True,
        shared_keys=True,
    )


def fingerprint(groups: Sequence[Group]) -> str:
    """Return a hash of the content of the files of all groups."""
    digest = hashlib.sha256()
    for group in groups:
        for path in sorted(set(group.paths.values())):
            digest.update((primitives_fingerprint(path) if root.is_root(path) else npz.fingerprint([path])).encode())
    return digest.hexdigest()[:16]


def primitives_fingerprint(path: Path) -> str:
    """Return the fingerprint of a ROOT file of primitives: its trees of truth are no choice."""
    from datasets.primitives.files import primitive_trees

    return root.fingerprint([path], choices=lambda file: primitive_trees(file) or root.tree_names(file))


def open_group(
    group: Group, planes: Sequence[str], width: int, truth: bool = True
) -> tuple[Group, Mapping[str, Plane]]:
    """Return a group with its planes, of npz files or made of primitives."""
    if group.kind == "primitives":
        from datasets.primitives.images import primitive_planes

        return group, primitive_planes(group.path, planes, width)
    return group, open_planes(group, planes, truth)


def select_clusters(
    groups: Sequence[tuple[Group, Mapping[str, Plane]]], selection: Selection | None, balance: Balance | None
) -> list[Joined]:
    """Return the wanted clusters of each group, and log how many are dropped and how many energies disagree.

    Without a selection all of them are wanted, and their truth is not read.

    Raises:
        UserError: no cluster is left.
    """
    count, kept, widths = Counter[str](), list[Joined](), Counter[int]()
    every = moved = wrong = 0
    for group, content in groups:
        tables = {p: clusters_of(group, p, one, selection is not None) for p, one in content.items()}
        widths.update({one.width: len(one) for one in tables.values()})
        joined = join(group, content, tables, count)
        every += len(joined)
        if selection is None:
            kept.append(joined)
            continue
        moved += int(moving(joined.clusters.columns["momentum"]).sum())
        wrong += int(mismatched(joined.clusters).sum())
        kept.append(selection.apply(joined, count))
    if balance and selection is not None and any(map(len, kept)):
        kept = balance_clusters(kept, balance, count)
    logger.info("metadata: %s", ", ".join(f"{n:,} rows of {width} columns" for width, n in sorted(widths.items())))
    if moved:
        share = f"{100 * wrong / moved:.1f} %"
        logger.info("|E(p) - E_true| > 5 MeV: %s of %d clusters with a momentum", share, moved)
    for reason, dropped in count.items():
        if dropped:
            logger.info("dropped: %d clusters %s", dropped, reason)
    if not any(map(len, kept)):
        reasons = {reason: dropped for reason, dropped in count.items() if dropped}
        what = "no cluster is left" if every or reasons else "no clusters in these files"
        raise UserError(Problem(what, ("dataset",), expected="clusters that the selection keeps", received=reasons))
    return kept


def cut_blocks(content: Mapping[str, Plane], chosen: Joined) -> list[Block]:
    """Return blocks of bounded size; compressed files can only be read as a whole."""
    size = max(len(chosen), 1) if any(plane.whole for plane in content.values()) else ROWS_PER_BLOCK
    return [Block(content, chosen[np.arange(cut.start, cut.stop)]) for cut in cuts(len(chosen), size)]
