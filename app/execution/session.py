"""The context around a run: its lock, its signals, job.json and its state in the registry."""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import registry
from app.config import Job
from app.core import interruption
from app.core.errors import Interrupted, Problem, UserError, WirechamberError
from app.core.files import write_json
from app.core.lock import Lease, LeaseLost, LockTaken, locked
from app.core.parts import remove
from app.execution.origin import Origin
from app.runs import directory
from app.runs.directory import RunDirectory
from app.runs.existing import refuse_existing
from app.runs.record import facts_of
from app.runs.replaced import aside, replaced, set_aside, settle
from app.runtime.console import log_to
from app.runtime.processes import TimeLimit
from app.training.checkpoint import epochs

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """How a job is run, apart from the settings in the job itself.

    Without `test` the test split is left alone: the model is kept and nothing measured. `until` ends the training after
    this many epochs, as if the rest were to follow. `origin` is the run whose job is run again.
    """

    config: Path
    resume: bool = False
    overwrite: bool = False
    deterministic: bool = False
    limit: int | None = None
    test: bool = True
    until: int | None = None
    origin: Origin | None = None


@contextlib.contextmanager
def session(job: Job, options: Options, shared: bool = False) -> Iterator[RunDirectory]:
    """Yield the directory of a run that has begun; its lock, its signals, its log and its record end with the block.

    Args:
        job: written to job.json.
        options: whether an existing run is continued or replaced.
        shared: several processes may work on the run, as on a search, which has locks of its own.

    Raises:
        UserError: the run exists and neither resume nor overwrite was given, another process works on it, or what is
            to be overwritten is no run.
        LeaseLost: another process has taken the run over while this one slept; nothing was written since.
        Interrupted: SIGTERM or Ctrl-C came; the last checkpoint is complete.
    """
    TimeLimit.of_process()  # a wrong limit is reported now, not after the data were read
    run = directory.of(job.name)
    directory.make_directory(run)
    with contextlib.ExitStack() as stack:
        beginning = stack.enter_context(contextlib.ExitStack())
        stack.enter_context(interruption.orderly())
        lease = beginning.enter_context(hold(run)) if options.overwrite or not shared else None
        if lease:
            settle(run)
            run.sweep()
        refuse_existing([job], resume=options.resume, overwrite=options.overwrite)
        if options.overwrite and shared:
            set_aside(run)
            remove(aside(run))
        elif options.overwrite:
            stack.enter_context(replaced(run))
        if run.job.exists() and not run.exists:
            remove(run.provenance)
        write_json(run.job, job.dump())
        if shared:
            beginning.close()
        may_write = lease.is_ours if lease and not shared else lambda: True
        with log_to(run.log, may_write), registered(job, options, shared):
            yield run


@contextlib.contextmanager
def hold(run: RunDirectory) -> Iterator[Lease]:
    """Hold the lock of a run; raises UserError where another process works on it."""
    with contextlib.ExitStack() as stack:
        try:
            lease = stack.enter_context(locked(run.lock, wait=0.0))
        except LockTaken as error:
            raise UserError(Problem(f"another process works on this run ({error})", (str(run.path),))) from None
        yield lease


@contextlib.contextmanager
def registered(job: Job, options: Options, shared: bool) -> Iterator[None]:
    """Keep the state of the run in the registry up to date, whatever happens to it."""
    root, facts = registry.root(), facts_of(job, options.config)
    finished = _begin(job, options, shared, facts)
    leave = interruption.at_leave(lambda signal: _record_leave(root, job.name, signal))
    try:
        with leave, interruption.as_interruption():
            yield
        if finished:
            registry.update(root, job.name, **facts)
    except LeaseLost:  # the record is that of the process that has taken over
        raise
    except Interrupted as error:
        _report_end(root, job.name, state="interrupted", reason=f"{error}, resume with --resume")
        if error.__cause__ is not None:
            logger.debug("raised after the signal", exc_info=error.__cause__)
        message = interruption.describe(error, resumable=True)
        logger.warning(message, extra={"in_file_only": True})  # the console gets the line itself
        _describe_checkpoint(job)
        raise
    except WirechamberError as error:
        _report_end(root, job.name, state="failed", reason=str(error))
        logger.error("failed: %s", error, extra={"in_file_only": True})  # the console gets the line itself
        raise
    except BaseException as error:
        _report_end(root, job.name, state="failed", reason=f"{type(error).__name__}: {error}"[:500])
        logger.exception("failed", extra={"in_file_only": True})  # the console gets the traceback itself
        raise


def _begin(job: Job, options: Options, shared: bool, facts: dict[str, Any]) -> bool:
    """Write down that a run begins; return whether it is finished, and its result is only made again.

    The record of such a run stays what it is until then, whatever comes in between.
    """
    root = registry.root()
    known = registry.find(root, job.name) if options.resume or shared else None
    if known is not None and known.state == "done" and not shared and directory.of(job.name).metrics.exists():
        return True
    others = [process for process in known.processes if not process.has_ended] if known is not None and shared else []
    processes = (*others, registry.Process.of_this())
    if known is not None and options.resume:
        facts["config"] = known.config if facts["job_id"] else facts["config"]  # a pool runs a copy of that file
        registry.begin(root, job.name, state="running", processes=processes, **facts)
    else:
        begun = {"state": "running", "started": registry.now(), "processes": processes}
        registry.create(root, registry.Record(run=job.name, **begun, **facts), replace=True)
    return False


def _describe_checkpoint(job: Job) -> None:
    """Say where an interrupted training will go on: checkpoints are not written after every epoch."""
    kept = epochs(directory.of(job.name).checkpoints)
    record = registry.find_or_warn(registry.root(), job.name)
    done = (record and record.epoch) or 0
    if not done:
        return
    at = f"the last checkpoint is that of epoch {kept[-1]}" if kept else "there is no checkpoint yet"
    after = done - (kept[-1] if kept else 0)
    repeated = f"; {after} of the {done} finished epochs will be repeated" if after > 0 else ""
    logger.warning("%s%s", at, repeated)


def _report_end(root: Path, run: str, **changes: Any) -> None:
    """Write down why a run ended, unless its result is there; an error of the registry must not hide that reason."""
    try:
        if registry.read(root, run).state != "done":
            registry.update(root, run, **changes)
    except WirechamberError as error:
        logger.error("the end was not written to the registry: %s", error)


def _record_leave(root: Path, run: str, signal: str) -> None:
    """Write down that a run was interrupted, from another thread: the page is left alone, whose lock may be held."""
    if registry.read(root, run).state == "running":
        registry.update_record(root, run, state="interrupted", reason=f"{signal}, resume with --resume")
