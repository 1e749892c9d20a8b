"""A figure is placed once and drawn once for each file, and its ticks are those that Matplotlib draws itself."""

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from app.plots.drawing.save import place_panels, save_figure
from app.plots.drawing.style import new_figure, style, styled


@styled
def shared_panels():
    """Return two panels with one logarithmic axis, powers of ten on one of the others, a label on minor ticks."""
    figure = new_figure()
    upper, lower = figure.subplots(2, 1, sharex=True)
    upper.plot([1.0, 1000.0], [0.0, 1.0])
    lower.plot([1.0, 1000.0], [0.0, 1e7])
    upper.set_xscale("log")
    upper.set_title("ticks")
    return figure


def test_the_files_are_what_two_draws_make(tmp_path):
    save_figure(shared_panels(), tmp_path / "once.png")
    with style():
        shared_panels().savefig(tmp_path / "twice.png")
    once, twice = (np.asarray(Image.open(tmp_path / f"{name}.png").convert("L"), float) for name in ("once", "twice"))
    assert once.shape == twice.shape
    assert np.mean(np.abs(once - twice) > 100) < 0.002  # numbers on an axis are plain text: some pixels of their edges


def test_shared_minor_ticks_stay_and_powers_of_ten_are_written():
    figure = shared_panels()
    before = [[len(axis.get_minorticklocs()) for axis in (axes.xaxis, axes.yaxis)] for axes in figure.axes]
    with style():
        place_panels(figure)
        figure.draw_without_rendering()
    after = [[len(axis.get_minorticklocs()) for axis in (axes.xaxis, axes.yaxis)] for axes in figure.axes]
    assert before == after
    assert min(map(min, after)) > 0
    assert figure.axes[1].yaxis.get_offset_text().get_text() == r"$\times\mathdefault{10^{7}}\mathdefault{}$"
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][1] == "0.0"


def test_every_file_is_drawn_once_and_the_panels_are_placed_once(tmp_path, monkeypatch):
    drawn = []
    draw = Figure.draw
    monkeypatch.setattr(Figure, "draw", lambda self, renderer: (drawn.append(self), draw(self, renderer)))
    figure = shared_panels()
    save_figure(figure, tmp_path / "a.png", tmp_path / "a.pdf")
    assert len(drawn) == 2
    assert figure.get_layout_engine() is None
    assert (tmp_path / "a.png").stat().st_size > 1000
    assert (tmp_path / "a.pdf").stat().st_size > 1000
    place_panels(figure)
    assert len(drawn) == 2
