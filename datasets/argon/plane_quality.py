"""What `wirechamber inspect` reads of cluster images: matches, classes, energies, and a sample for each plane."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.argon.plane_files import Group, Plane, check_images, clusters_of, find_groups
from datasets.argon.plane_layouts import Clusters, energy_of, moving
from datasets.argon.plane_selection import event_key, join
from datasets.argon.quality import Quality, Sample, Table, common_tables, energies_table, percent, share_of
from datasets.files.damaged import load_readable
from datasets.pipeline.columns import join_column
from datasets.pipeline.event_keys import hash_images, hash_rows, stored_keys
from datasets.pipeline.options import Split

ROWS_AT_ONCE = 4096
Groups = Sequence[tuple[Group, Mapping[str, Plane]]]


def quality(files: Sequence[Path], options: Mapping[str, Any], split: Split | None = None) -> Quality:
    """Look at all clusters in the files, before any of them is dropped.

    Args:
        files: files of the dataset.
        options: parameters of the dataset; `planes`, `width` and `on_bad_file` are used.
        split: how events would be split.
    """
    from datasets.plane_images import open_group

    planes = tuple(options["planes"])
    read = partial(open_group, planes=planes, width=options["width"])
    groups: Groups = load_readable(find_groups(files, planes), read, options["on_bad_file"])
    for _, content in groups:
        check_images(content, next(iter(groups[0][1].values())))
    metadata = [{p: clusters_of(group, p, one) for p, one in content.items()} for group, content in groups]
    matches, shares = count_matches(groups, metadata, planes)
    tables, samples = [matches], []
    for plane in planes:
        sample, clusters = read_plane(groups, metadata, plane, shares[plane])
        if len(sample):
            values = {
                "true energy [MeV]": sample.energy[sample.moving],
                "E(p) [MeV]": sample.by_momentum[sample.moving],
                "E(p) - E_true [MeV]": (sample.by_momentum - sample.energy)[sample.moving],
                "cluster energy [MeV]": clusters.get("cluster_energy", np.empty(0)),
                "neutrino energy [MeV]": clusters.get("neutrino_energy", np.empty(0)),
                "primitives": sample.primitives,
            }
            energies = energies_table(f"energies on {sample.name}", "clusters", values, sample, with_mean=True)
            main = clusters["is_main_track"] == 1
            tables += [classes_table(sample, main), energies, *common_tables(sample, split)]
            samples.append(sample)
    return Quality(tables, samples)


def read_plane(
    groups: Groups, metadata: Sequence[Mapping[str, Clusters]], plane: str, shares: Mapping[str, float]
) -> tuple[Sample, Mapping[str, NDArray[np.float64]]]:
    """Return all clusters of one plane, and the columns of metadata that all files have.

    Cluster energies are tested on main tracks, where there are any.
    """
    keys, pixels, primitives, charge = ([] for _ in range(4))
    for (group, content), one in zip(groups, metadata, strict=True):
        images, key = content[plane], content[plane].beside.get("key")
        rows = images.shape[0]
        size = max(rows if images.whole else ROWS_AT_ONCE, 1)
        for first in range(0, rows, size):
            block = images.images(np.arange(first, min(first + size, rows)))
            pixels.append(hash_images(block))
            primitives.append(count_runs(block))
            charge.append(np.maximum(block, 0).sum(axis=(1, 2), dtype=np.float64))
        place = (str(content[plane].path), "key")
        keys.append(event_key(group.name, one[plane]) if key is None else stored_keys(key, place))
    names = sorted(set.intersection(*(set(one[plane].columns) for one in metadata)))
    columns = {name: join_column(name, [one[plane].columns[name] for one in metadata]) for name in names}
    content_of_pixels = np.concatenate([np.empty(0, np.uint64), *pixels])
    moves, main = moving(columns["momentum"]), columns["is_main_track"] == 1
    sample = Sample(
        name=plane.upper(),
        noun="main tracks" if main.any() else "clusters",
        key=np.concatenate(keys),
        pixels=content_of_pixels,
        content=content_of_pixels ^ hash_rows([*columns.values()]),
        charge=np.concatenate([np.empty(0), *charge]),
        primitives=np.concatenate([np.empty(0, np.int64), *primitives]),
        is_es=columns["is_es"] == 1,
        is_main=main if main.any() else np.ones_like(main),
        energy=columns["energy"],
        by_momentum=np.where(moves, energy_of(columns["momentum"]), np.nan),
        cluster_energy=columns.get("cluster_energy"),
        tested=moves & (main if main.any() else True),
        shares=shares,
    )
    return sample, columns


def count_runs(images: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return how many runs of ticks with charge there are on the channels of images (N, ticks, channels), (N,).

    These are the trigger primitives, about.
    """
    lit = images > 0
    begins = lit & ~np.pad(lit[:, :-1], ((0, 0), (1, 0), (0, 0)))
    return np.asarray(begins.sum(axis=(1, 2)))


def count_matches(
    groups: Groups, metadata: Sequence[Mapping[str, Clusters]], planes: Sequence[str]
) -> tuple[Table, dict[str, dict[str, float]]]:
    """Return how many clusters of each plane have a match_id, and how many all planes see: as a table, as shares.

    Groups whose metadata have nothing to join planes on count as not seen by all.
    """
    every, named, mains, main_named, joined = (Counter[str]() for _ in range(5))
    for (group, content), one in zip(groups, metadata, strict=True):
        for plane, clusters in one.items():
            ids = content[plane].match_ids if group.matched else clusters.columns.get("match_id")
            matched = np.zeros(len(clusters), bool) if ids is None else np.asarray(ids) >= 0
            main = clusters.columns["is_main_track"] == 1
            every[plane] += len(clusters)
            named[plane] += int(matched.sum())
            mains[plane] += int(main.sum())
            main_named[plane] += int((matched & main).sum())
        if len(content) == 1 or group.matched or all("match_id" in clusters.columns for clusters in one.values()):
            joined.update(dict.fromkeys(one, len(join(group, content, one, Counter()))))
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


def classes_table(sample: Sample, main: NDArray[np.bool_]) -> Table:
    """Return how many clusters, main tracks and events there are of each interaction."""
    rows = []
    for name, chosen in (("ES", sample.is_es), ("not ES", ~sample.is_es), ("all", np.ones_like(main))):
        numbers = [f"{n:,}" for n in ((chosen & main).sum(), (chosen & ~main).sum(), chosen.sum())]
        share = percent(share_of(int(chosen.sum()), len(chosen)))
        rows.append([name, *numbers, share, f"{len(np.unique(sample.key[chosen])):,}"])
    return f"classes on {sample.name}", ["", "main tracks", "others", "clusters", "share", "events"], rows
