"""`wirechamber validate`: every mistake of every file at once."""

from __future__ import annotations

import argparse

from app.checks import check_jobs
from app.console import console
from app.core.errors import Problem, UserError
from app.ensemble import every
from app.job_file import load, refuse_equal_names


def execute(options: argparse.Namespace) -> int:
    """Say of each file how many jobs it holds; raises UserError with the mistakes of all files together."""
    jobs, mistakes = [], list[Problem]()
    for path in options.files:
        try:
            found = load(path, options.overrides)
            check_jobs(every(found))
        except UserError as error:
            mistakes += error.problems
        else:
            console.print(f"{path}: {len(found)} job{'s' * (len(found) > 1)}, valid")
            jobs += found
    if mistakes:
        raise UserError(*mistakes)
    refuse_equal_names(every(jobs))
    return 0
