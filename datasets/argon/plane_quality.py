"""What `wirechamber inspect` says about cluster images: matches, classes, energies that contradict, duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.argon.plane_files import PLANES, Group, Plane, check_images, groups, table
from datasets.argon.plane_layouts import MISMATCH, Clusters, energy_of, mismatched, moving
from datasets.argon.plane_selection import Joined, event_key, join
from datasets.argon.quality import Quality, Sample, Table, common_tables, percent, share_of
from datasets.files.damaged import load_readable
from datasets.pipeline.event_keys import hash_images, hash_rows
from datasets.pipeline.options import Split

ROWS_AT_ONCE = 4096
PER_IMAGE = ("key", "pixels", "primitives", "charge")


@dataclass(frozen=True)
class Stack:
    """All clusters of one plane: metadata, key of the event, hash of the pixels, number of primitives, ADC, (N,)."""

    clusters: Clusters
    key: NDArray[np.uint64]
    pixels: NDArray[np.uint64]
    primitives: NDArray[np.int64]
    charge: NDArray[np.float64]


def quality(files: Sequence[Path], options: Mapping[str, Any], split: Split | None = None) -> Quality:
    """Look at all clusters in the files, before any of them is dropped.

    Args:
        files: as of the dataset.
        options: parameters of the dataset; `planes`, `width` and `on_bad_file` are used.
        split: how events would be split.
    """
    from datasets.plane_images import open_group

    planes = tuple(options["planes"])
    read = partial(open_group, planes=planes, width=options["width"])
    found = load_readable(groups(files, planes), read, options["on_bad_file"])
    for _, content in found:
        check_images(content, next(iter(found[0][1].values())))
    tables = [{p: table(one, _number(group, p)) for p, one in content.items()} for group, content in found]
    matches, shares = _matches(found, tables, planes)
    made, samples = [matches], []
    for plane in planes:
        stack = _together(
            [_stack(group, content[plane], one[plane]) for (group, content), one in zip(found, tables, strict=True)]
        )
        if len(stack.key):
            sample = _sample(stack, plane, shares[plane])
            made += [_classes(stack, plane), _energies(stack, plane), *common_tables(sample, split)]
            samples.append(sample)
    return Quality(made, samples)


def _number(group: Group, plane: str) -> int | None:
    return PLANES.index(plane) if group.kind == "planes" else None


def _stack(group: Group, plane: Plane, clusters: Clusters) -> Stack:
    size = plane.shape[0] if plane.whole else ROWS_AT_ONCE
    seen = [_seen(np.empty((0, *plane.shape[1:]), np.float32))]
    for first in range(0, plane.shape[0], max(size, 1)):
        seen.append(_seen(plane.images(np.arange(first, min(first + size, plane.shape[0])))))
    key = plane.beside.get("key")
    key = event_key(group.name, clusters) if key is None else np.asarray(key, np.uint64)
    return Stack(clusters, key, *(np.concatenate(one) for one in zip(*seen, strict=True)))


def _seen(images: NDArray[np.float32]) -> tuple[Any, Any, Any]:
    """Return what is known of images (N, ticks, channels): hash of the pixels, primitives, sum of positive ADC."""
    return hash_images(images), runs(images), np.maximum(images, 0).sum(axis=(1, 2), dtype=np.float64)


def _together(stacks: Sequence[Stack]) -> Stack:
    names = set.intersection(*(set(stack.clusters.columns) for stack in stacks))
    columns = {name: np.concatenate([s.clusters.columns[name] for s in stacks]) for name in sorted(names)}
    clusters = Clusters(columns, stacks[0].clusters.width)
    return Stack(clusters, *(np.concatenate([getattr(s, n) for s in stacks]) for n in PER_IMAGE))


def _sample(stack: Stack, plane: str, shares: Mapping[str, float]) -> Sample:
    """Return what all kinds of images have; cluster energies are tested on main tracks, where there are any."""
    columns, some = stack.clusters.columns, moving(stack.clusters)
    main = columns["is_main_track"] == 1
    return Sample(
        name=plane.upper(),
        noun="main tracks" if main.any() else "clusters",
        key=stack.key,
        pixels=stack.pixels,
        content=stack.pixels ^ hash_rows([*columns.values()]),
        charge=stack.charge,
        primitives=stack.primitives,
        is_es=columns["is_es"] == 1,
        is_main=main if main.any() else np.ones_like(main),
        energy=columns["energy"],
        by_momentum=np.where(some, energy_of(columns["momentum"]), np.nan),
        cluster_energy=columns.get("cluster_energy"),
        tested=some & (main if main.any() else True),
        shares=shares,
    )


def runs(images: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return how many runs of ticks with charge the channels of images (N, ticks, channels) have: primitives, about."""
    lit = images > 0
    begins = lit & ~np.pad(lit[:, :-1], ((0, 0), (1, 0), (0, 0)))
    return np.asarray(begins.sum(axis=(1, 2)))


def _matches(
    found: Sequence[Any], tables: Sequence[Mapping[str, Clusters]], planes: Sequence[str]
) -> tuple[Table, dict[str, dict[str, float]]]:
    """How many clusters of each plane have a match_id, and how many are seen by all wanted planes: printed, drawn."""
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
    wanted = ", ".join(p.upper() for p in planes)
    shares = {
        p: {
            "with a match_id": share_of(named[p], every[p]),
            "of main tracks": share_of(main_named[p], mains[p]),
            f"seen by {wanted}": share_of(joined[p], every[p]),
        }
        for p in planes
    }
    rows = [[p.upper(), f"{every[p]:,}", *map(percent, shares[p].values())] for p in planes]
    return ("matches", ["plane", "clusters", *shares[planes[0]]], rows), shares


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
        rows.append(
            [name, *(f"{n:,}" for n in numbers), percent(share_of(int(chosen.sum()), len(chosen))), f"{events:,}"]
        )
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
    share = percent(share_of(int(mismatched(clusters).sum()), int(some.sum())))
    rows.append([f"|E(p) - E_true| > {MISMATCH:g} MeV", share, *[""] * 6])
    return f"energies on {plane.upper()}", ["", "clusters", "least", "10 %", "median", "90 %", "largest", "mean"], rows
