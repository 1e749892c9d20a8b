"""What people see: lines, tables, and logging to the console and to a run's log file."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.passwords import hide_passwords

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

WIDTH_OF_FILES = 200
"""The width of a line in a file or a pipe, in characters; a table that needs more gets more."""
LARGE = 300
"""Rows from which on rich, which takes 2 ms for each, would keep people waiting."""
LIBRARIES = ("tensorflow", "absl", "matplotlib", "h5py", "numexpr")


class Console:
    """Writes plain lines itself, and styled ones through rich, which takes 50 ms to load."""

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads along."""
        return sys.stdout.isatty()

    @cached_property
    def rich(self) -> RichConsole:
        """The console of rich, for what is more than a plain line; brackets in names are no styles."""
        from rich.console import Console as RichConsole

        width = None if self.is_terminal else WIDTH_OF_FILES
        return RichConsole(highlight=False, soft_wrap=True, width=width, emoji=False, markup=False)

    def print(self, text: str = "", *, style: str | None = None, end: str = "\n") -> None:
        """Print a text as it is; `style`, e.g. "bold red", shows on a terminal."""
        if self.is_terminal:
            self.rich.print(text, style=style, end=end)
        else:
            sys.stdout.write(text + end)
            sys.stdout.flush()  # a log in a pool is read while the job runs


console = Console()


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int = 1) -> None:
    """Print a table; the columns from `numbers_from` on are aligned right.

    In a file or a pipe nothing is cut. On a terminal that is too narrow the columns of names, the first and that of the
    runs, are whole. A table of more than LARGE rows is printed in plain columns.
    """
    if len(rows) > LARGE:
        _print_columns(title, header, rows, numbers_from)
        return
    from rich.table import Table

    grid = Table(title=title, title_justify="left", title_style="bold")
    for position, name in enumerate(header):
        longest = max((len(row[position]) for row in rows), default=0) if name == "run" or position == 0 else None
        grid.add_column(name, justify="right" if position >= numbers_from else "left", no_wrap=True, min_width=longest)
    for row in rows:
        grid.add_row(*row)
    rich = console.rich
    if not console.is_terminal:
        rich.width = max(WIDTH_OF_FILES, rich.measure(grid, options=rich.options.update(width=10**6)).maximum)
    rich.print(grid)


def _print_columns(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int) -> None:
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(header, *rows, strict=True)]
    console.print(title, style="bold")
    for row in (header, *rows):
        gaps = [" " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        cells = [
            gap + cell if n >= numbers_from else cell + gap for n, (cell, gap) in enumerate(zip(row, gaps, strict=True))
        ]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    sys.stdout.flush()


def configure(verbose: bool = False) -> None:
    """Send the program's log to standard output, line by line, also names of files that are no text."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    handler = _ConsoleHandler()
    handler.setFormatter(_Formatter("%(message)s"))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler], force=True)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.ERROR)


@contextlib.contextmanager
def log_to(path: Path, may_write: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Write the log to `path` as well while the block runs.

    Args:
        path: the file, which is made with the first line.
        may_write: asked before each line; a line that must not be written is left out.
    """
    handler = _FileHandler(path, encoding="utf-8", delay=True)
    handler.addFilter(lambda _: may_write())
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
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


class _Formatter(logging.Formatter):
    """Hides passwords in addresses, also in what libraries say."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of one record."""
        return str(hide_passwords(super().format(record)))


class _FileHandler(logging.FileHandler):
    """A log that cannot be written, e.g. on a full disk, does not fill the terminal with tracebacks."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name in logging
        """Leave the line out."""


class _ConsoleHandler(logging.Handler):
    """Prints above a progress bar instead of through it; warnings stand out."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        if getattr(record, "in_file_only", False):
            return
        styles = ((logging.ERROR, "bold red"), (logging.WARNING, "yellow"))
        style = next((style for level, style in styles if record.levelno >= level), None)
        console.print(self.format(record), style=style)
