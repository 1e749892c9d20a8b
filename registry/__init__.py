"""The registry: the record of trainings, kept up to date by the runs themselves.

`runs/<run>.json` has one writer, its run. `README.md` is a pure function of `runs/` and `notes/`. People write into
`notes/<application>.md` and, about a run, with `wirechamber registry note RUN "..."` into `notes/runs/<run>.md`.

`reference/` is a registry of its own: the results that ship with the checkout, which no run is compared with or counts
as registered by.

    root = registry.root()
    registry.create(root, registry.Record(run="mlp_v1", application="track_extrapolation", state="running"))
    registry.update(root, "mlp_v1", epoch=3)
    registry.update(root, "mlp_v1", state="done", value=0.083, baselines={"polynomial": 0.114})
"""

from pathlib import Path

from app.core.files import base
from app.core.system import now, roots
from registry.entry import (
    begin,
    check_writable,
    create,
    create_all,
    follow,
    note,
    refresh,
    rename,
    restore,
    settle,
    update,
    update_record,
)
from registry.listing import Listing, list_runs
from registry.record import STATES, Better, Process, Record, Result, State, verdict
from registry.store import Contents, find, find_or_warn, read, read_all
from registry.table import render

__all__ = [
    "STATES",
    "Better",
    "Contents",
    "Listing",
    "Process",
    "Record",
    "Result",
    "State",
    "begin",
    "check_writable",
    "create",
    "create_all",
    "find",
    "find_or_warn",
    "follow",
    "list_runs",
    "note",
    "now",
    "read",
    "read_all",
    "reference",
    "refresh",
    "rename",
    "render",
    "restore",
    "root",
    "settle",
    "update",
    "update_record",
    "verdict",
]


def root() -> Path:
    """Return the folder of the registry: $WIRECHAMBER_REGISTRY, or `registry/` in the repository."""
    return roots().registry


def reference() -> Path:
    """Return the registry of the results that ship with the checkout."""
    return base() / "registry" / "reference"
