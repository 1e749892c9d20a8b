"""Jobs that are held or have failed: which these are, what memory they ask for now, released or submitted again."""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import registry
from app.config.job_file import load
from app.core import interruption
from app.core.errors import Problem, UserError, nearest
from app.core.files import REPOSITORY
from app.runs.existing import damage_of
from app.runtime.provenance import commit_of
from app.submission.submit import Submitted, batches, prepare, send
from jobs.job_state import JobState
from jobs.pool import Pool
from jobs.submission import Index, Submission

logger = logging.getLogger(__name__)

GROWTH = 1.5
"""Factor on the memory that a job used, which was cut off, or asked for."""


def choose_broken(jobs: Sequence[JobState], runs: Sequence[str]) -> list[JobState]:
    """Return the held and failed jobs among `runs`; without names all except those that were removed manually.

    A failed one whose record cannot be read is left as it is, with a warning: its record would be written over.

    Raises:
        UserError: a name was never submitted, or nothing is wrong with its run, or its record cannot be read.
    """
    known = {job.run: job for job in jobs}
    mistakes: list[Problem] = []
    for run in runs:
        if run not in known:
            near, expected = nearest(run, known), "a run of wirechamber status"
            mistakes.append(Problem("never submitted", (run,), nearest=near, expected=expected))
        elif not _is_broken(known[run]):
            history = known[run].history
            phase = "unknown" if history is None else history.phase
            expected = "a run that is held or has failed"
            mistakes.append(Problem("nothing to fix", (run,), expected=expected, received=phase))
        elif known[run].explanation is None:
            mistakes += damage_of(run)
    if mistakes:
        raise UserError(*mistakes)
    if runs:
        return [known[run] for run in dict.fromkeys(runs)]
    broken = [job for job in jobs if _is_broken(job) and not (job.history and job.history.phase == "removed")]
    damage = {job.run: damage_of(job.run) for job in broken if job.explanation is None}
    for run in damage:
        if damage[run]:
            logger.warning("%s is left alone: %s", run, damage[run][0])
    return [job for job in broken if not damage.get(job.run)]


def _is_broken(job: JobState) -> bool:
    return job.explanation is not None or job.failed


def memory_of(job: JobState, wanted: int | None) -> int:
    """Return the MiB to ask for: `wanted`, or more than before where that was the reason, or as before."""
    if wanted is not None:
        return wanted
    if not job.wants_memory:
        return job.asked
    used = job.history.memory if job.history and job.history.memory else 0
    return max(job.asked, math.ceil(GROWTH * max(job.given, used)))


def release(jobs: Sequence[JobState], pool: Pool, wanted: int | None) -> dict[str, int]:
    """Release held jobs and return the MiB that each asks for now."""
    asked = {job.run: memory_of(job, wanted) for job in jobs}
    for job in jobs:
        if asked[job.run] != job.asked:
            pool.edit([job.id], "RequestMemory", str(asked[job.run]))
    if jobs:
        pool.release([job.id for job in jobs], "wirechamber resubmit")
        root = registry.root()
        records = [registry.find_or_warn(root, job.run) for job in jobs]
        registry.follow(root, [(record, {"state": "resubmitted"}) for record in records if record is not None])
    return asked


def submit_again(
    jobs: Sequence[JobState],
    newest: Mapping[str, tuple[Submission, Index, int]],
    pool: Pool,
    wanted: int | None,
    folder: Path,
) -> list[Submitted]:
    """Submit failed jobs again, from the resolved job files of their last submission."""
    again = [job for state in jobs for job in load(newest[state.run][0].job(state.run))]
    memory = {job.run: memory_of(job, wanted) for job in jobs}
    commit = commit_of(REPOSITORY)
    sent = []
    for group in batches(again, memory):
        submission = prepare(group, "resubmitted", folder, pool.version)
        interruption.check()
        sent.append(send(group, submission, pool, submission.path, commit, state="resubmitted"))
    return sent
