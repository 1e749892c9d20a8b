"""The jobs of a file, after everything that can be said about them before one of them starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.checks import check_jobs
from app.config import Job
from app.config.derived_jobs import every
from app.config.job_file import load, refuse_equal_names


def validated(path: Path, overrides: Sequence[str]) -> list[Job]:
    """Read a job or sweep file and check its jobs, the members of ensembles too; raises UserError with all mistakes."""
    jobs = load(path, overrides)
    check_jobs(every(jobs))
    refuse_equal_names(every(jobs))
    return jobs
