"""How a table is set: as many columns side by side as a line holds, the others below their row; nothing is ever cut."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

LONG = 40
"""Characters from which on a cell is a sentence: its column is the first to go below the rows."""
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
TO_ASCII = str.maketrans("┏━┳┓┃┡╇┩│└─┴┘", "+-++|+++|+-++")
"""For an output that has no other characters."""


def lay_out(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int, width: int
) -> Iterator[str]:
    """Yield the lines of a table that is at most `width` wide, where its longest name or figure allows it.

    Args:
        title: above the table.
        header: the names of the columns; the column "run", else the first one, stays in its place.
        rows: a cell of text for each column.
        numbers_from: the columns from here on are set flush right.
        width: in characters of a terminal.
    """
    rows = [[CONTROL.sub(" ", cell) for cell in row] for row in rows]
    widths = side_by_side(header, rows, width)
    yield from fill(title.split(" "), width)
    yield "┏" + "┳".join("━" * (w + 2) for w in widths.values()) + "┓"
    heads = {n: fill(header[n].split(), w) or [""] for n, w in widths.items()}
    for line in range(max(map(len, heads.values()))):
        cells = ["".join(head[line : line + 1]) for head in heads.values()]
        yield "┃ " + " ┃ ".join(_set(cells, widths, numbers_from)) + " ┃"
    yield "┡" + "╇".join("━" * (w + 2) for w in widths.values()) + "┩"
    for row in rows:
        yield "│ " + " │ ".join(_set([row[n] for n in widths], widths, numbers_from)) + " │"
        below = [f"{header[n]}: {row[n]}".removeprefix(": ") for n in range(len(header)) if n not in widths and row[n]]
        facts = fill([text for text in below if length(text) <= LONG], width - 4, "  ")
        sentences = [line for text in below if length(text) > LONG for line in fill(text.split(" "), width - 4)]
        yield from (f"│   {line}" for line in facts + sentences)
    yield "└" + "┴".join("─" * (w + 2) for w in widths.values()) + "┘"


def side_by_side(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> dict[int, int]:
    """Return the columns that a line holds, and how wide each of them is.

    Names of columns are broken between words first; then sentences go below the rows, then columns from the right.
    """
    longest = [max((length(row[n]) for row in rows), default=0) for n in range(len(header))]
    whole = {n: max(longest[n], length(name)) for n, name in enumerate(header)}
    if _framed(whole) <= width:
        return whole
    widths = {n: max(longest[n], *map(length, name.split() or [""])) for n, name in enumerate(header)}
    first = header.index("run") if "run" in header else 0
    others = sorted((n for n in widths if n != first), key=lambda n: (longest[n] if longest[n] > LONG else 0, n))
    while others and _framed(widths) > width:
        del widths[others.pop()]
    for n in widths:
        if _framed({**widths, n: whole[n]}) <= width:
            widths[n] = whole[n]
    return widths


def fill(words: Iterable[str], width: int, between: str = " ") -> list[str]:
    """Return lines of words of at most `width`; a word that is longer has a line of its own."""
    lines: list[str] = []
    for word in words:
        if lines and length(lines[-1]) + len(between) + length(word) <= width:
            lines[-1] += between + word
        else:
            lines.append(word)
    return lines


def length(text: str) -> int:
    """Return how many characters of a terminal a text takes; rich knows that of Chinese and of symbols."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _framed(widths: Mapping[int, int]) -> int:
    return sum(width + 3 for width in widths.values()) + 1


def _set(cells: Sequence[str], widths: Mapping[int, int], numbers_from: int) -> list[str]:
    """Return the cells of a line, each as wide as its column."""
    gaps = [" " * (width - length(cell)) for cell, width in zip(cells, widths.values(), strict=True)]
    return [gap + cell if n >= numbers_from else cell + gap for n, cell, gap in zip(widths, cells, gaps, strict=True)]
