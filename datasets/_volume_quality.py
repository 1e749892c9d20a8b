"""What `wirechamber inspect` says about shards of volume images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datasets._bad_files import readable
from datasets._plane_layouts import MISMATCH, energy_of
from datasets._plane_quality import Table
from datasets._volume_files import PLANES, Shard, opened


def quality(files: Sequence[Path], options: Mapping[str, Any]) -> Iterator[Table]:
    """Yield tables about all events in the shards, before any of them is dropped."""
    shards = readable(list(files), opened, options["on_bad_file"])
    names = set.intersection(*(set(shard.columns) for shard in shards)) - {"source_file"}
    columns = {name: np.concatenate([shard.columns[name] for shard in shards]) for name in sorted(names)}
    yield _classes(columns)
    yield _figures(columns, shards)


def _classes(columns: Mapping[str, Any]) -> Table:
    elastic, energy = columns["is_es"] == 1, columns["particle_energy"]
    rows = []
    for name, chosen in (("ES", elastic), ("CC", ~elastic), ("all", np.ones_like(elastic))):
        middle = f"{1e3 * np.median(energy[chosen]):.4g}" if chosen.any() else "-"
        rows.append([name, f"{chosen.sum():,}", f"{100 * chosen.mean():.1f} %", middle])
    return "classes", ["", "events", "share", "median energy [MeV]"], rows


def _figures(columns: Mapping[str, Any], shards: Sequence[Shard]) -> Table:
    values = {
        "true energy [MeV]": 1e3 * columns["particle_energy"],
        "cluster energy [MeV]": columns.get("cluster_energy", np.empty(0)),
        "clusters": columns.get("n_clusters", np.empty(0)),
        f"pixels on {', '.join(p.upper() for p in PLANES)}": np.concatenate([np.diff(s.offsets) for s in shards]),
    }
    rows = [
        [name, f"{len(v):,}", *(f"{q:.4g}" for q in np.quantile(v, [0, 0.1, 0.5, 0.9, 1]))]
        for name, v in values.items()
        if len(v)
    ]
    momentum = columns.get("main_track_momentum")
    if momentum is not None:
        some = momentum.any(axis=1)
        wrong = np.abs(energy_of(momentum) - 1e3 * columns["particle_energy"])[some] > MISMATCH
        share = f"{100 * wrong.mean():.1f} %" if some.any() else "-"
        rows += [["without a momentum", f"{(~some).sum():,}", *[""] * 5]]
        rows += [[f"|E(p) - E_true| > {MISMATCH:g} MeV", share, *[""] * 5]]
    return "figures", ["", "events", "least", "10 %", "median", "90 %", "largest"], rows
