import logging
from dataclasses import replace

import numpy as np
import pytest

from app.plots import Needs
from app.plots.drawing.draw import draw
from app.plots.jacobian import jacobian as drawn


def test_every_element_stands_in_its_place(inputs, jacobian):
    axes = drawn(inputs).axes[0]
    texts = {text.get_position(): text for text in axes.texts}
    for (row, column), value in np.ndenumerate(jacobian["relative_error"]):
        assert float(texts[column, row].get_text()) == pytest.approx(value, rel=0.05)
        assert texts[column, row].get_style() == ("italic" if column < 2 else "normal")
    assert axes.images[0].get_array().shape == (4, 5)
    assert [label.get_text() for label in axes.get_xticklabels()][4] == r"$\partial$ $q/p$"
    assert [label.get_text() for label in axes.get_yticklabels()][2] == r"$\partial$ $t_x$"
    assert any(text.get_text().startswith("1000 tracks; 1 is the straight line") for text in axes.texts)
    assert axes.get_title(loc="right") == "Simulation"


def test_a_number_can_be_read_on_its_colour(inputs):
    """Black or white, whichever stands further from the colour below."""
    axes = drawn(inputs).axes[0]
    image = axes.images[0]
    for text in axes.texts[:20]:
        column, row = text.get_position()
        luminance = np.dot(image.cmap(image.norm(image.get_array()[row, column]))[:3], (0.2126, 0.7152, 0.0722))
        assert text.get_color() == ("black" if luminance > 0.4 else "white"), (row, column, luminance)


@pytest.mark.slow
def test_it_is_left_out_where_nobody_asked_for_it(inputs, tmp_path, caplog):
    """Silently among all plots, with a word when it was named."""
    caplog.set_level(logging.INFO)
    without = replace(inputs, jacobian=None)
    assert Needs(jacobian=True).missing(without) == ["jacobian.json of evaluate --jacobian"]
    assert "jacobian" not in [file.stem for file in draw(without, tmp_path)]
    assert not caplog.text
    assert draw(without, tmp_path, ["jacobian"]) == []
    assert "plot jacobian left out: it needs jacobian.json of evaluate --jacobian" in caplog.text
