"""The look of the runs of a comparison."""

from __future__ import annotations

import pytest

from app.comparison.run_styles import PALEST, add_legend, looks
from app.plots.drawing.style import new_figure

BLUE, ORANGE = (0.0, 0x72 / 255, 0xB2 / 255), (0xE6 / 255, 0x9F / 255, 0.0)


def test_runs_of_a_model_go_from_pale_to_its_full_colour():
    found = looks({"tiny": "mlp", "p": "pinn", "small": "mlp", "wide": "mlp"})
    assert found["wide"].colour == pytest.approx(BLUE)
    assert found["tiny"].colour == pytest.approx([1 - PALEST * (1 - part) for part in BLUE])
    assert found["p"].colour == pytest.approx(ORANGE)
    assert len({look.marker for name, look in found.items() if name != "p"}) == 3


def test_five_models_differ_in_colour_and_marker():
    found = looks({name: name for name in "abcde"}).values()
    assert len({look.colour for look in found}) == len({look.marker for look in found}) == 5


@pytest.mark.parametrize(("lines", "beside"), [(3, False), (12, True)])
def test_a_long_legend_stands_beside_the_axes(lines, beside):
    figure = new_figure()
    axes = figure.subplots()
    for number in range(lines):
        axes.plot([0, 1], [number, number], label=f"run {number}")
    add_legend(axes)
    figure.draw_without_rendering()
    right = axes.get_legend().get_window_extent().x1
    assert (axes.get_legend().get_window_extent().x0 >= axes.get_window_extent().x1) == beside
    assert right <= figure.bbox.width
