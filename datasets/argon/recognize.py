"""Files of liquid argon: images of clusters on planes of wires, trigger primitives, and volumes."""

from pathlib import Path
from typing import Any

from datasets.argon.plane_files import PLANE_FILE, PLANES, TICKS
from datasets.argon.plane_layouts import LAYOUTS
from datasets.argon.volume_files import NEEDED
from datasets.files.contents import Contents, Recognized

TRAINING = {"epochs": 10, "batch_size": 128, "optimizer": {"name": "adamw", "learning_rate": 2e-3}}
DIRECTION = {
    "direction": {
        "targets": ["direction_x", "direction_y", "direction_z"],
        "loss": "von_mises_fisher",
        "metrics": "pointing",
    }
}
CLASS = {"loss": "binary_crossentropy", "metrics": "classification"}


def recognize_planes(contents: Contents) -> Recognized | None:
    """Recognise images of clusters with metadata of a known width, or trees of trigger primitives and their truth."""
    names = {tree.rpartition("/")[2] for tree in contents.trees}
    tree = next((tree for tree in contents.trees if "TriggerPrimitives/" in tree), None)
    if tree:
        truth = {"mctruths", "mcparticles"} <= names
        why = f"the tree {tree!r} holds trigger primitives, {'with' if truth else 'without'} the truth about them"
        known = {"without_momentum": "keep"} if truth else {"truth": False}
        return Recognized(why, {**known, "sum_ticks": 4}, planes_job(PLANES, main_track=True) if truth else {})
    arrays = contents.arrays
    metadata = arrays.get("metadata", ())
    if len(metadata) != 2 or metadata[1] not in LAYOUTS:
        return None
    matched = [plane for plane in PLANES if is_image(arrays.get(f"images_{plane}", ()))]
    what = f"with metadata of {metadata[1]} columns"
    if matched:
        dataset = {"planes": matched, "sum_ticks": 4}
        return Recognized(f"images of clusters on matched planes, {what}", dataset, planes_job(matched))
    named = PLANE_FILE.fullmatch(contents.path.name)
    if named is None or not is_image(arrays.get("images", ())):
        return None
    files = partners(contents.path)
    dataset = {"planes": list(files), "sum_ticks": 4, "files": [str(path) for path in files.values()]}
    return Recognized(f"images of clusters on plane {named[2]}, {what}", dataset, planes_job(list(files)))


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether an array has the shape of images of clusters."""
    return len(shape) == 3 and shape[1] == TICKS and shape[2] in (16, 32)


def partners(path: Path) -> dict[str, Path]:
    """Return the files of the same clusters by plane, in the same folder or in U/, V/, X/."""
    named = PLANE_FILE.fullmatch(path.name)
    base, split = named[1] if named else path.stem, path.parent.name in ("U", "V", "X")
    found = {}
    for plane in PLANES:
        name = f"{base}_plane{plane.upper()}{path.suffix}"
        other = path.parent.parent / plane.upper() / name if split else path.with_name(name)
        if other.is_file():
            found[plane] = other
    return found


def planes_job(planes: Any, main_track: bool = False) -> dict[str, Any]:
    """Return a first job for images of some planes: the direction, or which cluster is the main track."""
    three = len(planes) == len(PLANES)
    size = {"filters": 16, "kernel_size": 3, "dense_units": 128, "dropout": 0.2} if three else {}
    return {
        "application": "main_track" if main_track else "electron_direction",
        "model": {"name": "three_plane_cnn" if three else "plane_cnn", **size},
        "tasks": {"main_track": {"targets": ["is_main_track"], **CLASS}} if main_track else DIRECTION,
        "training": TRAINING,
    }


def recognize_volumes(contents: Contents) -> Recognized | None:
    """Recognise shards of sparse volume images."""
    if not set(NEEDED) <= contents.arrays.keys():
        return None
    job = {
        "application": "channel_tagging",
        "model": {"name": "volume_cnn", "stride": [2, 2], "filters": 8, "kernel_size": 3, "dense_units": 64},
        "tasks": {"channel": {"targets": ["is_es"], **CLASS}},
        "training": {**TRAINING, "batch_size": 32},
    }
    return Recognized("pixels of volume images and which interaction each of them shows", {"sum_ticks": 6}, job)
