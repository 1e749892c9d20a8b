"""Where a run comes from: commit, versions, host and time."""

import contextlib
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
    versions: dict[str, str | None] = {"python": platform.python_version(), **dict.fromkeys(PACKAGES)}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {
        "commit": commit,
        "dirty": dirty,
        "versions": versions,
        "host": socket.gethostname(),
        "cpus": os.cpu_count(),
        **facts,
    }


def commit_of(repository: Path) -> tuple[str | None, bool]:
    """Return the commit and whether tracked files outside registry/ differ from it; (None, False) without git."""

    def git(*arguments: str) -> str | None:
        command = ["git", "-C", str(repository), *arguments]
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            return None

    commit = git("rev-parse", "--short=12", "HEAD")
    return commit, bool(commit and git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!registry"))
