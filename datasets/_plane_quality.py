"""What `wirechamber inspect` says about cluster images: matches, classes, energies that contradict, duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets._bad_files import readable
from datasets._event_hash import hash_images, hash_rows, part_of
from datasets._options import Split
from datasets._plane_files import PLANES, Group, Plane, check_images, groups, table
from datasets._plane_join import Joined, event_key, join
from datasets._plane_layouts import MISMATCH, Clusters, energy_of, mismatched, moving

ROWS_AT_ONCE = 4096
PER_PRIMITIVE = 0.7
"""Energy that was once added for each trigger primitive, to see whether it explains the mismatch [MeV]."""
Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""Title, names of the columns, rows as text."""


@dataclass(frozen=True)
class Stack:
    """All clusters of one plane: metadata, key of the event, pixels' hash and number of primitives, (N,)."""

    clusters: Clusters
    key: NDArray[np.uint64]
    content: NDArray[np.uint64]
    primitives: NDArray[np.int64]


def quality(files: Sequence[Path], options: Mapping[str, Any]) -> Iterator[Table]:
    """Yield tables about all clusters in the files, before any of them is dropped.

    Args:
        files: as of the dataset.
        options: parameters of the dataset; `planes`, `width` and `on_bad_file` are used.
    """
    from datasets.plane_images import open_group

    planes = tuple(options["planes"])
    read = partial(open_group, planes=planes, width=options["width"])
    found = readable(groups(files, planes), read, options["on_bad_file"])
    for _, content in found:
        check_images(content, next(iter(found[0][1].values())))
    tables = [{p: table(one, _number(group, p)) for p, one in content.items()} for group, content in found]
    yield _matches(found, tables, planes)
    for plane in planes:
        stacks = [
            _stack(group, content[plane], one[plane]) for (group, content), one in zip(found, tables, strict=True)
        ]
        stack = _together(stacks)
        if len(stack.key):
            yield _classes(stack, plane)
            yield _energies(stack, plane)
            yield _correction(stack, plane)
            yield _duplicates(stack, plane)


def _number(group: Group, plane: str) -> int | None:
    return PLANES.index(plane) if group.kind == "planes" else None


def _stack(group: Group, plane: Plane, clusters: Clusters) -> Stack:
    contents, primitives = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    size = plane.shape[0] if plane.whole else ROWS_AT_ONCE
    for first in range(0, plane.shape[0], max(size, 1)):
        images = plane.images(np.arange(first, min(first + size, plane.shape[0])))
        contents.append(hash_images(images))
        primitives.append(runs(images))
    columns = [c for values in clusters.columns.values() for c in np.atleast_2d(values.T)]
    content = np.concatenate(contents) ^ hash_rows(columns)
    key = plane.beside.get("key")
    key = event_key(group.name, clusters) if key is None else np.asarray(key, np.uint64)
    return Stack(clusters, key, content, np.concatenate(primitives))


def _together(stacks: Sequence[Stack]) -> Stack:
    names = set.intersection(*(set(stack.clusters.columns) for stack in stacks))
    columns = {name: np.concatenate([s.clusters.columns[name] for s in stacks]) for name in sorted(names)}
    clusters = Clusters(columns, stacks[0].clusters.width)
    key, content, primitives = (
        np.concatenate([getattr(s, n) for s in stacks]) for n in ("key", "content", "primitives")
    )
    return Stack(clusters, key, content, primitives)


def runs(images: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return how many runs of ticks with charge the channels of images (N, ticks, channels) have: primitives, about."""
    lit = images > 0
    begins = lit & ~np.pad(lit[:, :-1], ((0, 0), (1, 0), (0, 0)))
    return np.asarray(begins.sum(axis=(1, 2)))


def _matches(found: Sequence[Any], tables: Sequence[Mapping[str, Clusters]], planes: Sequence[str]) -> Table:
    """How many clusters of each plane have a match_id, and how many are seen by all wanted planes."""
    joined = Counter[str]()
    every, named, mains, main_named = (Counter[str]() for _ in range(4))
    for (group, content), one in zip(found, tables, strict=True):
        for plane, clusters in one.items():
            ids = content[plane].match_ids if group.matched else clusters.columns.get("match_id")
            matched = np.zeros(len(clusters), bool) if ids is None else np.asarray(ids) >= 0
            main = clusters.columns["is_main_track"] == 1
            every[plane] += len(clusters)
            named[plane] += int(matched.sum())
            mains[plane] += int(main.sum())
            main_named[plane] += int((matched & main).sum())
        whole = _join_all(group, content, one)
        if whole is not None:
            joined.update({plane: len(whole) for plane in one})
    rows = [
        [
            p.upper(),
            f"{every[p]:,}",
            _share(named[p], every[p]),
            _share(main_named[p], mains[p]),
            _share(joined[p], every[p]),
        ]
        for p in planes
    ]
    columns = [
        "plane",
        "clusters",
        "with a match_id",
        "of main tracks",
        f"seen by {', '.join(p.upper() for p in planes)}",
    ]
    return "matches", columns, rows


def _join_all(group: Group, content: Mapping[str, Plane], tables: Mapping[str, Clusters]) -> Joined | None:
    """Return the joined clusters, None where the metadata have nothing to join them on."""
    joinable = len(content) == 1 or group.matched or all("match_id" in one.columns for one in tables.values())
    return join(group, content, tables, Counter()) if joinable else None


def _classes(stack: Stack, plane: str) -> Table:
    columns = stack.clusters.columns
    elastic, main = columns["is_es"] == 1, columns["is_main_track"] == 1
    rows = []
    for name, chosen in (("ES", elastic), ("not ES", ~elastic), ("all", np.ones_like(elastic))):
        numbers = [(chosen & main).sum(), (chosen & ~main).sum(), chosen.sum()]
        events = len(np.unique(stack.key[chosen]))
        rows.append([name, *(f"{n:,}" for n in numbers), _share(int(chosen.sum()), len(chosen)), f"{events:,}"])
    return f"classes on {plane.upper()}", ["", "main tracks", "others", "clusters", "share", "events"], rows


def _energies(stack: Stack, plane: str) -> Table:
    clusters, some = stack.clusters, moving(stack.clusters)
    values = {
        "true energy [MeV]": clusters.columns["energy"][some],
        "E(p) [MeV]": energy_of(clusters.columns["momentum"])[some],
        "E(p) - E_true [MeV]": (energy_of(clusters.columns["momentum"]) - clusters.columns["energy"])[some],
        "cluster energy [MeV]": clusters.columns.get("cluster_energy", np.empty(0)),
        "neutrino energy [MeV]": clusters.columns.get("neutrino_energy", np.empty(0)),
        "primitives": stack.primitives,
    }
    rows = [
        [name, f"{len(v):,}", *(f"{q:.4g}" for q in np.quantile(v, [0, 0.1, 0.5, 0.9, 1])), f"{v.mean():.4g}"]
        for name, v in values.items()
        if len(v)
    ]
    rows.append(["without a momentum", f"{(~some).sum():,}", *[""] * 6])
    share = _share(int(mismatched(clusters).sum()), int(some.sum()))
    rows.append([f"|E(p) - E_true| > {MISMATCH:g} MeV", share, *[""] * 6])
    return f"energies on {plane.upper()}", ["", "clusters", "least", "10 %", "median", "90 %", "largest", "mean"], rows


def _correction(stack: Stack, plane: str) -> Table:
    """Whether cluster energies follow the truth better with something added for each primitive: once they did not."""
    columns, rows = stack.clusters.columns, []
    main = columns["is_main_track"] == 1
    some = moving(stack.clusters) & (main if main.any() else True)
    if "cluster_energy" in columns and some.any():
        truth = columns["energy"][some]
        for added in (0.0, PER_PRIMITIVE):
            energy = (columns["cluster_energy"] + added * stack.primitives)[some]
            spread = energy.std() * truth.std()
            correlation = ((energy - energy.mean()) * (truth - truth.mean())).mean() / spread if spread else np.nan
            wrong = int((np.abs(energy - truth) > MISMATCH).sum())
            rows.append([f"+ {added:g} MeV", f"{correlation:.4f}", _share(wrong, len(truth))])
    names = ["per primitive", "correlation with E_true", f"|difference| > {MISMATCH:g} MeV"]
    kind = "main tracks" if main.any() else "clusters"
    return f"energy of {kind} on {plane.upper()}, corrected for each primitive", names, rows


def _duplicates(stack: Stack, plane: str) -> Table:
    """Equal images with equal metadata, and how many of them a split would put on both sides."""
    _, number, counts = np.unique(stack.content, return_inverse=True, return_counts=True)
    usual = Split()
    part = part_of(stack.key, usual.seed, usual.train, usual.validation)
    lowest, highest = np.full(len(counts), 9), np.full(len(counts), -1)
    np.minimum.at(lowest, number.ravel(), part)
    np.maximum.at(highest, number.ravel(), part)
    across = int((highest > lowest).sum())
    rows = [["clusters that repeat others", f"{(counts - 1).sum():,}"], ["of them in two splits", f"{across:,}"]]
    return f"duplicates on {plane.upper()}", ["", "clusters"], rows


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"
