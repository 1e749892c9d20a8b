"""Tracks for a fit of the field: from data files, or from the training and validation tracks of a job."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.config.derived_jobs import changed
from app.config.job_file import assign, load, parse_override
from app.core.errors import Problem, UserError
from app.core.files import find_files
from app.data.files_read import files_read
from app.data.first_job import recognize
from app.data.loading import load_data
from app.field_fit.transport import TrackPairs
from datasets import DATASETS
from datasets.pipeline.checked import open_source
from datasets.pipeline.events import Events

START = ("x", "y", "tx", "ty", "qop", "z_start", "dz")
END = ("x", "y", "tx", "ty")
SHORTEST = 1.0
"""Least distance between the two planes of a track [mm]."""
LEAST = 50
"""Fewest tracks from which something can be left out to choose by."""


def read_tracks(
    files: Sequence[str], overrides: Sequence[str], left_out: float, seed: int
) -> tuple[TrackPairs, TrackPairs]:
    """Return the tracks to fit, and those that are left out to choose by.

    Args:
        files: data files, of which a random share is left out; or one job file, whose training tracks are fitted and
            whose validation tracks are left out: its test tracks stay unseen.
        overrides: `path=value`, as for `inspect`.
        left_out: share of the tracks of data files.
        seed: of the choice.

    Raises:
        UserError: not track states, too few of them, planes that do not differ.
    """
    if files[0].endswith(".json"):
        return _of_job(files, overrides)
    content: dict[str, Any] = {}
    paths = find_files(files, ("fit-field",), Path.cwd())
    for text in overrides:
        keys, value = parse_override(text)
        assign(content, keys[1:] if keys[0] == "dataset" else keys, value)
    known = recognize(paths[0])
    guessed = known.recognized.dataset if known and known.loader == "track_states" else {}
    dataset = {**guessed, "name": "track_states", "z_start": True, **content, "files": list(files)}
    source = open_source(DATASETS.parse(dataset), paths)
    tracks = track_pairs([read() for read in source.blocks])
    order = np.random.default_rng(seed).permutation(len(tracks))
    count = round(left_out * len(tracks))
    return tracks.take(np.sort(order[count:])), tracks.take(np.sort(order[:count]))


def files_of(files: Sequence[str], overrides: Sequence[str]) -> list[Path]:
    """Return the files that `read_tracks` reads, as far as they are there."""
    if not files[0].endswith(".json"):
        return find_files(files, ("fit-field",), Path.cwd())
    return [path for job in load(Path(files[0]), list(overrides)) for path in files_read(job.dump(passwords=True))]


def _of_job(files: Sequence[str], overrides: Sequence[str]) -> tuple[TrackPairs, TrackPairs]:
    jobs = load(Path(files[0]), list(overrides))
    if len(files) > 1 or len(jobs) > 1:
        expected = "one job, or data files"
        raise UserError(Problem("one job at a time", ("fit-field",), expected=expected, received=list(files)))
    if jobs[0].dataset.name != "track_states":
        expected, name = "a job with the dataset 'track_states'", jobs[0].dataset.name
        raise UserError(Problem("not track states", (files[0], "dataset"), expected=expected, received=name))
    splits = load_data(changed(jobs[0], {"dataset.z_start": True})).splits
    return track_pairs(list(splits.train)), track_pairs(list(splits.validation))


def track_pairs(blocks: Sequence[Events]) -> TrackPairs:
    """Return the states at both planes of all events, in blocks with the columns of `track_states` and z_start.

    Raises:
        UserError: too few tracks, or states whose planes do not differ.
    """
    count = sum(len(block) for block in blocks)
    if count < LEAST:
        raise UserError(Problem("too few tracks", ("fit-field",), expected=f"at least {LEAST}", received=count))
    events = Events.concatenate(list(blocks))
    columns = ("x", "y", "tx", "ty", "qop", "dz", "z_start")
    state = dict(zip(columns, np.asarray(events.inputs["state"], np.float64).T, strict=True))
    short = np.abs(state["dz"]) < SHORTEST
    if short.any():
        what, expected = f"the two planes of {short.sum()} tracks do not differ", f"|dz| of at least {SHORTEST:g} mm"
        raise UserError(Problem(what, ("fit-field", "dz"), expected=expected, received=float(state["dz"][short][0])))
    start = np.stack([state[name] for name in START], axis=1)
    return TrackPairs(start, np.stack([np.asarray(events.columns[name], np.float64) for name in END], axis=1))
