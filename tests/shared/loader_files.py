"""Small real files for every loader, as npz or TTree, and what the loaders make of them."""

from __future__ import annotations

import awkward as ak
import numpy as np
import uproot
from argon_geometry import channels_at

from app.core.errors import UserError
from app.physics.argon.detector import PEAK_OFFSET
from app.physics.argon.planes import TICKS_PER_CM
from app.physics.xenon_calorimeter import SENSORS
from datasets import DATASETS
from datasets.muons.columns import STANDARD
from datasets.pipeline.checked import open_source


def tracks():
    rng = np.random.default_rng(1)
    start = np.column_stack([rng.uniform(-0.2, 0.2, (20, 4)), np.full(20, 0.1), np.full(20, 5e3)])
    return {"X": start, "Y": start[:, :4] + 0.01, "P": np.full(20, 10.0), "key": np.arange(20, dtype=np.uint64)}


def track_branches():
    arrays = tracks()
    named = dict(zip(("x", "y", "tx", "ty", "qop", "dz"), arrays["X"].T, strict=True))
    named |= dict(zip(("true_x", "true_y", "true_tx", "true_ty"), arrays["Y"].T, strict=True))
    return named | {"p": arrays["P"], "key": np.arange(20)}


def planes():
    rng = np.random.default_rng(1)
    images = {f"images_{p}": rng.uniform(0, 400, (6, 128, 16)).astype(np.float32) for p in "uvx"}
    momentum = rng.normal(size=(6, 3)) * 0.01
    energy = np.sqrt((1e3 * np.linalg.norm(momentum, axis=1)) ** 2 + 0.511**2)
    flags = np.array([np.arange(6), np.ones(6), np.ones(6), np.arange(6) % 2]).T
    table = np.column_stack(
        [flags, rng.uniform(-300, 300, (6, 3)), momentum, energy, energy, np.full(6, 2), np.arange(6)]
    )
    return images | {"metadata": table.astype(np.float32), "match_ids": np.arange(6)}


def volumes():
    rng = np.random.default_rng(1)
    momentum = rng.normal(size=(5, 3)) * 0.01
    return {
        "plane": np.arange(20, dtype="u1") % 3, "row": np.arange(20, dtype="i2"), "column": np.arange(20, dtype="i2"),
        "value": rng.uniform(60, 500, 20).astype("f4"), "offsets": np.arange(6) * 4, "is_es": np.arange(5) % 2,
        "particle_energy": np.linalg.norm(momentum, axis=1), "main_track_momentum": momentum, "event": np.arange(5),
        "source_file": np.array(list("abcde")), "match_id": np.arange(5), "key": np.arange(5, dtype=np.uint64),
    }  # fmt: skip


def layers():
    rng = np.random.default_rng(1)
    return {"hits": rng.uniform(-1, 1, (8, 6)), "pt": rng.uniform(5, 50, 8), "charge": rng.choice([-1.0, 1.0], 8)}


def muons():
    hits = {f"spacePoint_{n}": ak.unflatten(np.arange(24.0), 4) for n in STANDARD[:-4]}
    truth = {"pt": 10.0 + np.arange(6), "eta": np.full(6, 0.5), "phi": np.full(6, 0.1), "q": np.ones(6)}
    return {**hits, **{f"truthMuon_{n}": ak.unflatten(v, 1) for n, v in truth.items()}, "eventNumber": np.arange(6)}


def photons():
    rng = np.random.default_rng(1)
    light = rng.uniform(0, 100, (3, SENSORS)).astype("f4")
    return {
        "npho": light, "relative_time": light * 1e-9, "emiAng": np.full((3, 2), 90.0), "energyTruth": np.full(3, 0.05),
        "timeTruth": np.zeros(3), "uvwTruth": np.ones((3, 3)), "nGamma": np.ones(3, "i4"), "run": np.arange(3),
        "event": np.arange(3),
    }  # fmt: skip


def primitives():
    points = np.array([-150.0, -300.0, 115.0]) + np.linspace(0, 4, 200)[:, None] * np.array([0.6, 0.48, 0.64])
    rows = []
    for plane, wires in enumerate(channels_at(points).T):
        for channel in np.unique(wires):
            x = float(np.abs(points[wires == channel, 0]).mean())
            rows.append((channel, 32 * (TICKS_PER_CM * x + PEAK_OFFSET[plane] - 4), x))
    channel, start, x = np.array(rows).T
    same = {"Run": 1, "SubRun": 0, "Event": 1, "samples_over_threshold": 9, "samples_to_peak": 4}
    same |= {"adc_integral": 900, "adc_peak": 300, "bt_edep": 1, "bt_primary_track_id": 1}
    named = {"channel": channel.astype(int), "time_start": start.astype(int), "bt_x": x}
    return named | {name: np.full(len(rows), value) for name, value in same.items()}


LAYERS = ("hits", "pt", "charge")
FAMILIES = {
    "tracks.npz": ("track_states", tracks, {}),
    "planes.npz": ("plane_images", planes, {}),
    "volumes.npz": ("volume_images", volumes, {}),
    "layers.npz": ("layered_hits", layers, {n: n for n in LAYERS} | {"prefixes": [""], "absent": -9.0}),
    "tracks.root": ("track_states", track_branches, {}),
    "muons.root": ("muon_hits", muons, {}),
    "photons.root": ("photon_sensors", photons, {}),
    "primitives.root": ("plane_images", primitives, {"without_momentum": "keep"}),
}  # fmt: skip
TRUTH = {
    "tracks.npz": ("Y",),
    "planes.npz": ("metadata",),
    "volumes.npz": ("is_es", "particle_energy", "main_track_momentum"),
    "layers.npz": ("pt", "charge"),
    "tracks.root": ("true_x", "true_y", "true_tx", "true_ty"),
    "muons.root": ("truthMuon_pt", "truthMuon_eta", "truthMuon_phi", "truthMuon_q"),
    "photons.root": ("emiAng", "energyTruth", "timeTruth", "uvwTruth", "nGamma"),
    "primitives.root": ("bt_edep", "bt_primary_track_id", "bt_x"),
}
"""Arrays and branches of the truth, without which a file can only be predicted."""
TREES = {
    "photons.root": "tree",
    "muons.root": "MuonHitDump",
    "primitives.root": "triggerAna/TriggerPrimitives/tpmakerTPC",
}


def write(path, arrays, compressed=False):
    """Write arrays as a real npz or TTree."""
    if path.suffix == ".npz":
        (np.savez_compressed if compressed else np.savez)(path, **arrays)
        return
    with uproot.recreate(path, compression=uproot.ZLIB(1) if compressed else None) as file:
        tree = TREES.get(path.name, "t")
        file.mktree(tree, {n: ak.type(ak.Array(v)).content for n, v in arrays.items()}).extend(arrays)


def source_of(path, **more):
    """The source of a file, with the options of its family."""
    name, _, options = FAMILIES[path.name]
    return open_source(DATASETS.parse({"name": name, "files": [str(path)], **options, **more}), [path])


def read(path, **more):
    """All events of a file, or the error."""
    try:
        return list(source_of(path, **more))
    except UserError as error:
        return error
