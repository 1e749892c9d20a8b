"""`wirechamber resubmit`: release held jobs and submit failed ones again."""

import argparse

from app.commands._parser import add_logs
from app.core.errors import Problem, UserError
from app.runs import directory
from app.runtime.console import console
from app.submission.again import choose_broken, release, submit_again
from app.submission.status import TO_FIX, follow_registry, gather, one_for_each_run
from jobs.connection import connect
from jobs.resources import megabytes
from jobs.submission import find_submissions, newest_of, submissions_root


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("names", nargs="*", metavar="RUN", help="all that are held or have failed without it")
    parser.add_argument("--memory", metavar="SIZE", help='ask for this, e.g. "4GB"; else for an estimate')
    add_logs(parser)


def execute(options: argparse.Namespace) -> int:
    """Resubmit the named runs, or all that are held or have failed."""
    folder = options.logs or submissions_root(directory.runs_root())
    memory = None
    if options.memory is not None:
        try:
            memory = megabytes(options.memory)
        except (AttributeError, ValueError):
            expected, received = '"4GB" or "800MB"', options.memory
            raise UserError(Problem("not a size", ("--memory",), expected=expected, received=received)) from None
    pool = connect()
    jobs = gather(folder, pool)
    follow_registry(jobs, asked=True)
    broken = choose_broken(one_for_each_run(jobs, TO_FIX), options.names)
    named = {job.run for job in broken}
    held = [job for job in jobs if job.explanation is not None and job.run in named]
    failed = [job for job in broken if job.explanation is None]
    for run, asked in release(held, pool, memory).items():
        console.print(f"{run}: released, asks for {asked} MB")
    for sent in submit_again(failed, newest_of(find_submissions(folder)), pool, memory, folder):
        console.print(f"cluster {sent.cluster}: {', '.join(dict.fromkeys(sent.runs))} from the last checkpoint")
    if not broken:
        console.print("nothing is held or has failed")
    return 0
