"""Where a run comes from: commit, versions, host and time."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from app.core.files import REPOSITORY

PACKAGES = ("tensorflow", "keras", "numpy", "uproot", "awkward", "pydantic", "matplotlib")


def provenance(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what made this run: commit, versions, host, and the given facts."""
    commit, dirty = commit_of(REPOSITORY)
    return {
        "commit": commit,
        "dirty": dirty,
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "host": socket.gethostname(),
        "cpus": os.cpu_count(),
        **facts,
    }


def commit_of(repository: Path) -> tuple[str | None, bool]:
    """Return the commit and whether tracked files outside registry/ differ from it; (None, False) without git."""
    commit = _git(repository, "rev-parse", "--short=12", "HEAD")
    status = (
        _git(repository, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!registry") if commit else None
    )
    return commit, bool(status)


def _git(repository: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *words], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
