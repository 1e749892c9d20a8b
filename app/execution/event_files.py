"""The figures of each epoch as event files in a run's directory, for TensorBoard: the only module that knows it."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.config import Job
from app.runs.directory import RunDirectory
from app.training.checkpoint import Progress

logger = logging.getLogger(__name__)


class EventFiles:
    """Two series of event files, train/ and validation/, whose figures of one name TensorBoard draws into one plot.

    A training that is resumed opens new files, in which its first epoch says that what earlier files hold from there
    on, epochs after the last checkpoint, is void.

    Args:
        folder: of both.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.written = folder, 0
        self.writers: dict[str, Any] = {}

    def write(self, progress: Progress) -> None:
        """Write the epochs that were not written before."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        if not self.writers:
            self._open(progress.epoch)
        for part, rows in (("train", progress.train), ("validation", progress.val)):
            for row in rows[self.written :]:
                numbers = {name: value for name, value in row.items() if isinstance(value, int | float)}
                values = [Summary.Value(tag=n, simple_value=v) for n, v in numbers.items() if n != "epoch"]
                event = Event(wall_time=time.time(), step=row["epoch"], summary=Summary(value=values))
                self.writers[part].add_event(event)
            self.writers[part].flush()
        self.written = progress.epoch

    def close(self) -> None:
        """Finish the files."""
        for writer in self.writers.values():
            writer.close()

    def _open(self, epoch: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        resumed = any(self.folder.glob("*/*tfevents*"))
        self.written = epoch - 1 if resumed else 0
        for part in ("train", "validation"):
            self.writers[part] = writer = EventFileWriter(str(self.folder / part))
            if resumed:
                writer.add_event(Event(step=epoch, session_log=SessionLog(status=SessionLog.START)))


@contextlib.contextmanager
def write_events(job: Job, run: RunDirectory) -> Iterator[Callable[[Progress], None]]:
    """Yield the function that writes the epochs of a run's progress; a failure ends the writing, not the training."""
    files = EventFiles(run.tensorboard) if job.tracking.tensorboard else None
    if files is not None:
        logger.info("the curves: tensorboard --logdir %s", run.tensorboard)

    def write(progress: Progress) -> None:
        nonlocal files
        try:
            if files is not None:
                files.write(progress)
        except Exception as error:  # TensorFlow's errors of files are no OSError
            logger.warning("%s: cannot be written (%s); the training goes on", run.tensorboard, error)
            files = None

    try:
        yield write
    finally:
        if files is not None:
            files.close()
