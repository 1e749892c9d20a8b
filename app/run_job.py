"""One job from its file to its registered result."""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import registry
from app import run_directory
from app.checkpoint import Progress
from app.config import Job
from app.console import logged_to
from app.core.errors import Interrupted, Problem, UserError, WirechamberError
from app.core.files import REPOSITORY, write_json
from app.core.lock import LockTaken, locked
from app.job_in_words import facts_of
from app.run_directory import RunDirectory

logger = logging.getLogger(__name__)

SAME_TRAINING = {"rationale": "", "plots": None, "tracking": None, "export": None}
"""Keys of a job that may change when it is resumed."""


@dataclass(frozen=True)
class Options:
    """How a job is run, apart from what it says itself."""

    config: Path
    resume: bool = False
    overwrite: bool = False
    deterministic: bool = False
    limit: int | None = None


def run_job(job: Job, options: Options, progress: Callable[[Progress], None] = lambda _: None) -> RunDirectory:
    """Train, measure and register one job.

    Raises:
        UserError: the run exists and neither resume nor overwrite was asked for, or another process works on it.
        Interrupted: SIGTERM or Ctrl-C came; the last checkpoint stands.
    """
    run = run_directory.of(job.name)
    run_directory.make(run)
    with _only_process(run), _signals():
        _begin(job, run, options)
        with logged_to(run.log), _registered(job, run, options):
            _work(job)(job, run, options, progress)
    return run


def _work(job: Job) -> Callable[[Job, RunDirectory, Options, Callable[[Progress], None]], None]:
    """Return what makes the result: a training, or those of an ensemble's members and their mean."""
    if job.ensemble is None:
        return _train_and_measure
    from app.ensemble import train_and_combine

    return train_and_combine


@contextlib.contextmanager
def _only_process(run: RunDirectory) -> Iterator[None]:
    try:
        with locked(run.lock, wait=0.0):
            yield
    except LockTaken as error:
        raise UserError(Problem(f"another process works on this run ({error})", (str(run.path),))) from None


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """Turn SIGTERM and Ctrl-C into Interrupted, once; a second one ends the process at once."""

    def interrupt(number: int, _frame: Any) -> None:
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, signal.SIG_DFL)
        raise Interrupted(signal.Signals(number).name)

    before = {one: signal.signal(one, interrupt) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _begin(job: Job, run: RunDirectory, options: Options) -> None:
    """Decide whether the run may begin, and write job.json."""
    refuse_existing(run, options.resume, options.overwrite)
    if options.overwrite:
        run.clear()
    if run.exists:
        check_same_job(job, run)
    else:
        run.provenance.unlink(missing_ok=True)
    write_json(run.job, job.dump())


def refuse_existing(run: RunDirectory, resume: bool, overwrite: bool) -> None:
    """Raise UserError when the run exists and nobody said what to do with it."""
    if run.exists and not (resume or overwrite):
        expected = "another name, --resume to continue it or --overwrite to replace it"
        raise UserError(Problem("the run exists already", (str(run.path),), expected=expected, received=run.name))


def check_same_job(job: Job, run: RunDirectory) -> None:
    """Raise UserError when `run` was made by another job, naming the first difference."""
    try:
        old = json.loads(run.job.read_text())
    except (OSError, ValueError) as error:
        expected = "the job of the run that is resumed, or --overwrite"
        raise UserError(Problem(f"cannot be read ({error})", (str(run.job),), expected=expected)) from None
    found = _difference(old | SAME_TRAINING, job.dump() | SAME_TRAINING)
    if found is not None:
        place, before, now = found
        expected = f"{json.dumps(before)[:80]}, as in the run, or --overwrite"
        raise UserError(Problem("differs from the run that is resumed", (str(run.path), *place), None, expected, now))


def _difference(old: Any, new: Any, place: tuple[str, ...] = ()) -> tuple[tuple[str, ...], Any, Any] | None:
    """Return the first place where two jobs differ, with both values, or None."""
    if old == new:
        return None
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return place, old, new
    below = (_difference(old.get(key), new.get(key), (*place, key)) for key in sorted(old.keys() | new.keys()))
    return next((found for found in below if found is not None), None)


@contextlib.contextmanager
def _registered(job: Job, run: RunDirectory, options: Options) -> Iterator[None]:
    """Keep the registry at the run's state, whatever happens to it."""
    root = registry.root()
    facts = _facts(job, options)
    if options.resume and registry.find(root, job.name) is not None:
        registry.update(root, job.name, state="running", **facts)
    else:
        registry.create(
            root, registry.Record(run=job.name, state="running", started=registry.now(), **facts), replace=True
        )
    try:
        yield
    except Interrupted as error:
        _tell(root, job.name, state="interrupted", reason=f"{error}, resume with --resume")
        logger.warning("interrupted by %s; continue with --resume", error)
        raise
    except WirechamberError as error:
        _tell(root, job.name, state="failed", reason=str(error))
        logger.error("failed: %s", error, extra={"in_file_only": True})  # the console gets the line itself
        raise
    except BaseException as error:
        _tell(root, job.name, state="failed", reason=f"{type(error).__name__}: {error}"[:500])
        logger.exception("failed", extra={"in_file_only": True})  # the console gets the traceback itself
        raise


def _tell(root: Path, run: str, **changes: Any) -> None:
    """Write the end of a run that went wrong; what hinders that must not hide what went wrong."""
    try:
        registry.update(root, run, **changes)
    except WirechamberError as error:
        logger.error("the registry was not told: %s", error)


def _facts(job: Job, options: Options) -> dict[str, Any]:
    commit, dirty = run_directory.commit_of(REPOSITORY)
    return {
        **facts_of(job),
        "config": str(options.config.resolve()),
        "host": socket.gethostname(),
        "commit": commit or "",
        "dirty": dirty,
    }


def _train_and_measure(job: Job, run: RunDirectory, options: Options, progress: Callable[[Progress], None]) -> None:
    from app import device, measure_run

    where = device.prepare(job.seed, options.deterministic)
    from app.build import build
    from app.data import load_data
    from app.tracking import tracked
    from app.train import train

    logger.info("%s on %s", job.name, where)
    data = load_data(job, options.limit)
    device.prepare(job.seed, options.deterministic)
    built = build(job, data)
    measure_run.describe(job, run, data, built, where)
    root = registry.root()

    with tracked(job, run) as tracking:

        def report(state: Progress) -> None:
            registry.update(root, job.name, epoch=state.epoch)
            tracking.epochs(state.train, state.val)
            progress(state)

        history = train(job, data, built, run, resume=options.resume, report=report)
        measure_run.measure(job, run, data, built, history)
