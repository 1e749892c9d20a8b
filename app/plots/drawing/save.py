"""Writing a figure: its panels are placed once, then every file is drawn once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.core.files import write_bytes
from app.plots.drawing.style import RC, style

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


def save_figure(figure: Figure, *paths: Path) -> None:
    """Write a figure atomically into files whose suffixes name their formats.

    Matplotlib places the panels while it draws: `savefig` alone draws each figure twice, and measures it twice more.
    """
    with style():  # fonts and resolution are looked up again when the figure is rendered
        place_panels(figure)
        for path in paths:
            write_bytes(path, lambda file, path=path: figure.savefig(file, format=path.suffix[1:]))  # type: ignore[misc]


def place_panels(figure: Figure) -> None:
    """Let the layout engine place the panels, at the resolution of the file, and switch it off.

    What takes room is measured alone: minor ticks without a label are hidden meanwhile, and numbers without a power of
    ten are set as plain text, which looks the same as mathematics and need not be parsed.
    """
    from matplotlib.ticker import NullLocator

    engine = figure.get_layout_engine()
    if engine is None:
        return
    figure.set_dpi(RC["savefig.dpi"])
    hidden: list[tuple[Any, Any]] = []
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            _write_plain_numbers(axis)
            if not any(axis.get_minor_formatter().format_ticks(list(axis.get_minorticklocs()))):
                hidden.append((axis.minor, axis.minor.locator))
                axis.minor.locator = NullLocator()
    engine.execute(figure)
    for ticker, locator in reversed(hidden):  # panels that share an axis share its ticker: the first kept its locator
        ticker.locator = locator
    figure.set_layout_engine(None)


def _write_plain_numbers(axis: Axis) -> None:
    from matplotlib.ticker import ScalarFormatter

    formatter = axis.get_major_formatter()
    if isinstance(formatter, ScalarFormatter):
        formatter.format_ticks(list(axis.get_majorticklocs()))
        formatter.set_useMathText(bool(formatter.get_offset()))
