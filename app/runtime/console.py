"""What people see: a console, tables, and logging to it and to a run's log file."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

WIDTH_OF_FILES = 200

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
LIBRARIES = ("tensorflow", "absl", "matplotlib", "h5py")


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int = 1) -> None:
    """Print a table; the columns from `numbers_from` on are set flush right."""
    made = Table(title=title, title_justify="left", title_style="bold")
    for position, name in enumerate(header):
        made.add_column(name, justify="right" if position >= numbers_from else "left", no_wrap=True)
    for row in rows:
        made.add_row(*row)
    console.print(made)


def configure(verbose: bool = False) -> None:
    """Send the program's log to standard output, line by line."""
    handler = _ConsoleHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler], force=True)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.ERROR)


@contextlib.contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Write the log to `path` as well while the block runs."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(min(level, logging.INFO))
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        handler.close()


class _ConsoleHandler(logging.Handler):
    """Prints above a progress bar instead of through it; warnings stand out."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        if getattr(record, "in_file_only", False):
            return
        style = (
            "bold red" if record.levelno >= logging.ERROR else "yellow" if record.levelno >= logging.WARNING else None
        )
        console.print(self.format(record), style=style, markup=False)
