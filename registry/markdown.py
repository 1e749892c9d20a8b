"""Text of people and names of files in Markdown: nothing in it becomes HTML, a style or another cell."""

import re
from collections.abc import Iterable

SPECIAL = re.compile(r"[\\`*\[\]<>|~$&]|(?<!\w)_|_(?!\w)")
"""What Markdown reads as more than itself; an underscore only at the end of a word."""
TAG = re.compile(r"(?<!\\)((?:\\\\)*)<(?=[A-Za-z/!?])")
"""What begins an element of HTML, unless it is escaped already."""


def one_line(text: str) -> str:
    """Return a text with single blanks in the place of line ends and of several blanks."""
    return " ".join(text.split())


def name(text: str) -> str:
    """Return a name that stands among words as it is."""
    return SPECIAL.sub(r"\\\g<0>", _printable(text))


def prose(text: str) -> str:
    """Return a text of people in one line; their Markdown stays, HTML is shown and not followed."""
    return TAG.sub(r"\1\\<", one_line(text))


def code(text: str) -> str:
    """Return a text as code, also one with grave accents or blanks at its ends.

    >>> print(code("a.json"), code("`a`"))
    `a.json` `` `a` ``
    """
    text = _printable(text)
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    blank = " " if text[:1] in ("`", " ") or text[-1:] in ("`", " ") else ""
    return f"{fence}{blank}{text}{blank}{fence}"


def row(cells: Iterable[str]) -> str:
    """Return the line of a table: a bar inside a cell is escaped, with the backslashes before it."""
    texts = (re.sub(r"(\\*)\|", r"\1\1\\|", prose(cell)) for cell in cells)
    return f"| {' | '.join(texts)} |"


def _printable(text: str) -> str:
    """Return a text with line ends and the like written as in Python: they would end a line of a table."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
