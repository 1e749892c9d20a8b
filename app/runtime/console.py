"""What people see: lines, tables, and logging to the console and to a run's log file."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.passwords import hide_passwords
from app.runtime.table_layout import TO_ASCII, fill, lay_out

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

WIDTH_OF_FILES = 200
"""The width of a table in a file or a pipe, in characters."""
ITEM = re.compile(r"\s*(\w+:|[*-]) ")
"""What begins an item of a list in a docstring."""
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

        return RichConsole(highlight=False, soft_wrap=True, emoji=False, markup=False)

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

    It is at most as wide as the terminal, or as COLUMNS says; in a file or a pipe without it WIDTH_OF_FILES. What has
    no place in a line is printed below its row.
    """
    width = shutil.get_terminal_size((WIDTH_OF_FILES, 0)).columns
    text = "\n".join(lay_out(title, header, rows, numbers_from, width))
    try:
        "┏│".encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.translate(TO_ASCII)
    first, _, rest = text.partition("\n")
    console.print(first, style="bold")
    sys.stdout.write(rest + "\n")  # rich takes a millisecond for a line, and a file may have thousands of columns
    sys.stdout.flush()


def entry(name: str, text: str, column: int, indent: int = 2) -> None:
    """Print a name and, from `column` on, its text; a terminal that is too narrow gets several lines of text."""
    width = max(20, shutil.get_terminal_size((sys.maxsize, 0)).columns - column)
    first, *rest = fill(text.split(" "), width)
    console.print(f"{' ' * indent}{name:<{column - indent - 1}} {first}".rstrip())
    for line in rest:
        console.print(" " * column + line)


def prose(text: str) -> None:
    """Print a text as it is, and paragraphs that are wider than the terminal in other lines of the same indent."""
    width = shutil.get_terminal_size((sys.maxsize, 0)).columns
    parts: list[list[str]] = []
    for line in text.splitlines():
        last = parts[-1][-1] if parts else ""
        if last.strip() and line.strip() and indent_of(last) == indent_of(line) and not ITEM.match(line):
            parts[-1].append(line)
        else:
            parts.append([line])
    for lines in parts:
        indent = indent_of(lines[0])
        if max(map(len, lines)) > width:
            lines = [indent + line for line in fill(" ".join(lines).split(), max(40, width - len(indent)))]
        console.print("\n".join(lines))


def indent_of(line: str) -> str:
    """Return the blanks at the beginning of a line."""
    return line[: len(line) - len(line.lstrip())]


def configure(verbose: bool = False, quiet: bool = False) -> None:
    """Send the program's log to standard output, line by line, also names of files that are no text."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    handler = _ConsoleHandler(logging.WARNING if quiet else logging.NOTSET)  # a run's log file has all lines
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
