import pytest

from app.plots.drawing.style import draw_legend, new_figure, number, scale_for, symbol


@pytest.mark.parametrize(
    ("unit", "size", "factor", "name"),
    [
        ("mm", 0.012, 1e3, "µm"),
        ("mm", 5.0, 1.0, "mm"),
        ("mm", 2500.0, 1e-3, "m"),
        ("mm", 452.0, 1.0, "mm"),
        ("GeV", 0.05, 1e3, "MeV"),
        ("rad", 0.002, 1e3, "mrad"),
        ("deg", 0.02, 1.0, "°"),
        ("s", 6e-11, 1e12, "ps"),
        ("s", 2e-8, 1e9, "ns"),
        ("cm", 0.3, 10.0, "mm"),
        ("%", 0.3, 1.0, "%"),
        ("ADC", 1e-5, 1.0, "ADC"),
        ("", 2e-5, 1e6, r"$\mathrm{10^{-6}}$"),
        ("", 0.5, 1.0, ""),
        ("", 20.0, 1.0, ""),
        ("1", 2e-5, 1e6, r"$\mathrm{10^{-6}}$"),
        ("mm", 0.0, 1.0, "mm"),
        ("", float("nan"), 1.0, ""),
    ],
)
def test_scale_makes_numbers_readable(unit, size, factor, name):
    scale = scale_for(unit, size)
    assert scale.factor == pytest.approx(factor)
    assert scale.unit == name


def test_axis_and_text_carry_the_unit():
    assert scale_for("mm", 0.012).axis("$x$") == "$x$ [µm]"
    assert scale_for("", 0.5).axis("$t_x$") == "$t_x$"
    assert scale_for("mm", 0.012).text(0.012) == "12.0 µm"
    assert scale_for("", 2e-5).text(2e-5) == r"20.0 × $\mathrm{10^{-6}}$"


@pytest.mark.parametrize(
    ("value", "size", "text"),
    [
        (0.00471, 1.06, "0.00"),
        (-1e-9, 1.06, "0.00"),
        (-0.0311, 0.0181, "−0.0311"),
        (29.2, 196.0, "29"),
        (0.0, 0.0, "0.00"),
    ],
)
def test_digits_are_those_of_the_size(value, size, text):
    assert scale_for("", 1.0).digits(value, size) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (12.345, "12.3"), (-0.5, "−0.500"), (1234.5, "1234"), (2.5e-7, "2.5e−07"), (4e5, "4.0e+05")],
)
def test_number(value, text):
    assert number(value) == text


def test_symbols():
    assert symbol("tx") == "$t_x$"
    assert symbol("n_gamma") == r"$n_\gamma$"
    assert symbol("direction_z") == "$d_z$"
    assert symbol("anything") == "anything"


def test_a_legend_is_drawn_where_something_has_a_label():
    """Matplotlib warns of an empty one, and a warning is an error here."""
    axes = new_figure().add_subplot()
    axes.plot([1, 2], [1, 2])
    draw_legend(axes, loc="upper left", title="nothing")
    assert axes.get_legend() is None
    axes.plot([1, 2], [2, 1], label="one")
    draw_legend(axes, loc="upper left", title="something")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one"]
