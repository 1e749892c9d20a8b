"""What a run was evaluated on, when it was not its test split: beside the metrics, for whoever compares them."""

from collections.abc import Sequence
from pathlib import Path

from app.core.errors import Problem, UserError
from app.core.files import read_json, write_json

NAME = "evaluated.json"


def write_evaluated(folder: Path, files: Sequence[Path], events: int, trained_on: int) -> None:
    """Write which files a folder's metrics are of, and how many of their events the network was trained on."""
    write_json(folder / NAME, {"files": [str(path) for path in files], "events": events, "trained_on": trained_on})


def read_trained_on(folder: Path, run: str) -> int:
    """Return how many of the events a network was trained on; raises UserError where it was not evaluated there."""
    if not (folder / NAME).exists():
        what, expected = f"{run} was not evaluated on other files", f"`wirechamber evaluate {run} --data FILES` first"
        raise UserError(Problem(what, (str(folder),), expected=expected))
    return int(read_json(folder / NAME).get("trained_on", 0))
