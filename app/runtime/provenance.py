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

SOURCES = ("app", "datasets", "jobs", "losses", "registry/*.py")


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
        **({"xla_flags": os.environ["XLA_FLAGS"]} if "XLA_FLAGS" in os.environ else {}),
        **facts,
    }


def commit_of(repository: Path) -> tuple[str | None, bool]:
    """Return the commit and whether the files of the program differ from it; (None, False) without one.

    A file outside registry/ that was changed counts, and one that was added to the packages, where components lie.

    A repository around the program that does not track it, such as that of an analysis with its own site-packages, says
    nothing about the program.
    """
    tracked = _git(repository, "ls-files", "--error-unmatch", "--", "app/__init__.py")
    commit = _git(repository, "rev-parse", "--short=12", "HEAD") if tracked else None
    changed = commit and _git(repository, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!registry")
    return commit, bool(commit and (changed or _added(repository)))


def files_outside(repository: Path) -> list[str]:
    """Return the sources that were added to the program or differ from its commit; none where it has no commit."""
    commit, dirty = commit_of(repository)
    if commit is None or not dirty:
        return []
    changed = _git(repository, "diff", "--name-only", "--relative", "HEAD", "--", *SOURCES) or ""
    return sorted({*changed.splitlines(), *_added(repository)})


def _added(repository: Path) -> list[str]:
    return (_git(repository, "ls-files", "--others", "--exclude-standard", "--", *SOURCES) or "").splitlines()


def _git(repository: Path, *arguments: str) -> str | None:
    others = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")  # git sets them in its hooks, for a repository of the user
    environment = {name: value for name, value in os.environ.items() if name not in others}
    command = ["git", "-C", str(repository), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True, env=environment)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
