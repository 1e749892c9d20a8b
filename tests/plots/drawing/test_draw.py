import logging
import subprocess
import sys
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from untraced import process_environment

from app.core.errors import UserError
from app.plots import PLOTS, Needs
from app.plots.drawing.draw import draw
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.style import RC

ALL = [
    *("error_against_momentum.png", "jacobian.png", "loss_curves.png", "residuals.png"),
    *("resolution_state.png", "resolution_state.pdf", "truth_prediction.png"),
]
PNG, PDF = b"\x89PNG\r\n\x1a\n", b"%PDF"


@pytest.fixture(autouse=True)
def _coarse(monkeypatch):
    """Render few pixels: what is looked at here are files and settings."""
    monkeypatch.setitem(RC, "savefig.dpi", 30)


def test_every_plot_becomes_a_file(inputs, tmp_path):
    one = replace(inputs, predictions=inputs.events.only(["x", "y"]), tasks={"state": ("x", "y")})
    files = draw(one, tmp_path / "new" / "plots")
    assert [file.name for file in files] == ALL
    assert sorted(files[0].parent.iterdir()) == sorted(files)
    assert all(file.read_bytes().startswith(PDF if file.suffix == ".pdf" else PNG) for file in files)


def test_some_tasks_only(inputs, tmp_path):
    """Without names what is drawn for each task; with names those plots, of the targets of these tasks."""
    two = replace(inputs, tasks={"place": ("x", "y"), "slope": ("tx",)})
    both = draw(two, tmp_path / "both", ["resolution"])
    assert [file.name for file in both] == [
        *("resolution_place.png", "resolution_place.pdf", "resolution_slope.png", "resolution_slope.pdf"),
    ]
    files = draw(two, tmp_path / "one", tasks=["slope"], formats=("png",))
    assert [file.name for file in files] == ["resolution_slope.png"]
    assert len(PLOTS["residuals"].call(two.of(["slope"])).axes) == 1
    assert list(two.of(["slope"]).events.columns) == ["p", "x", "y"]
    with pytest.raises(UserError) as caught:
        draw(two, tmp_path / "none", tasks=["slope", "slop"])
    assert str(caught.value) == (
        "tasks: unknown task of this run. Did you mean 'slope'? Expected one of [place, slope]. Received 'slop'."
    )
    assert not (tmp_path / "none").exists()


def test_asked_for_by_name_with_options_and_as_pdf(inputs, tmp_path):
    one = replace(inputs, predictions=inputs.events.only(["tx"]))
    files = draw(one, tmp_path, [{"name": "residuals", "bins": 10}], ("png", "pdf"))
    assert [file.name for file in files] == ["residuals.png", "residuals.pdf"]
    assert files[1].read_bytes().startswith(PDF)


def test_what_does_not_apply_is_left_out_and_said(inputs, tmp_path, caplog):
    without_momentum = replace(inputs, predictions=replace(inputs.events, columns={}))
    caplog.set_level(logging.INFO)
    files = draw(without_momentum, tmp_path, ["error_against_momentum", "loss_curves"])
    assert [file.stem for file in files] == ["loss_curves"]
    assert "plot error_against_momentum left out: it needs the column p" in caplog.text
    assert draw(PlotInputs(), tmp_path) == []
    assert "plot residuals" not in caplog.text, "nobody has asked for it"
    caplog.set_level(logging.DEBUG)
    assert draw(PlotInputs(), tmp_path) == []
    assert "plot loss_curves left out: it needs the training history" in caplog.text
    assert "plot residuals left out: it needs predictions" in caplog.text


def test_a_plot_that_fails_leaves_the_others(inputs, tmp_path, caplog):
    """As with a history that somebody has edited: a training of days is not lost for a picture."""
    torn = replace(inputs, history={**inputs.history, "train": [0.5, 0.4]})
    files = draw(torn, tmp_path, ["loss_curves", "residuals"])
    assert [file.name for file in files] == ["residuals.png"]
    assert sorted(tmp_path.iterdir()) == files
    assert "plot loss_curves failed and is left out: " in caplog.text


def test_needs_name_everything_that_is_missing(inputs):
    needs = Needs(history=True, targets=("x", "energy"), columns=("p", "eta"))
    assert needs.missing(inputs) == ["the target energy", "the column eta"]
    assert needs.missing(PlotInputs()) == ["the training history", "predictions"]
    empty = replace(inputs, predictions=inputs.events.select(np.arange(0)))
    assert needs.missing(empty) == ["predictions"]
    with pytest.raises(ValueError, match="no predictions"):
        PlotInputs().events  # noqa: B018


def test_a_misspelt_plot_is_refused_before_anything_is_drawn(inputs, tmp_path):
    with pytest.raises(UserError, match="Did you mean 'residuals'"):
        draw(inputs, tmp_path / "plots", ["loss_curves", "residual"])
    assert not (tmp_path / "plots").exists()


def test_the_users_settings_stay_as_they_were(inputs, tmp_path):
    before = dict(matplotlib.rcParams)
    backend = matplotlib.get_backend()
    for plot in PLOTS:
        if not plot.facts.needs.missing(inputs):
            plot.call(inputs)
    draw(inputs, tmp_path, ["loss_curves"])
    assert dict(matplotlib.rcParams) == before
    assert matplotlib.get_backend() == backend


def test_a_plot_called_in_a_notebook_has_the_style(inputs):
    axes = PLOTS["residuals"].call(inputs).axes[0]
    tick = axes.xaxis.get_major_ticks()[0]
    assert tick.get_tickdir() == "in"
    assert tick.tick2line.get_visible()  # on top as well


def test_no_text_runs_out_of_the_figure_nor_into_other_text(inputs):
    long = replace(inputs, title=5 * "mlp_medium_gelu_lr-0.004", subtitle="a description of the data " * 12)
    for plot in (PLOTS["loss_curves"], PLOTS["residuals"]):
        figure = plot.call(long)
        figure.canvas.draw()
        left = figure.axes[0]._left_title
        (right,) = (axes._right_title for axes in figure.axes if axes._right_title.get_text())
        assert not left.get_window_extent().overlaps(right.get_window_extent()), plot.name
        for text in (left, right, figure._suptitle):
            box = text.get_window_extent()
            assert box.x0 >= 0, plot.name
            assert box.x1 <= figure.bbox.x1 + 1, plot.name
            assert box.y1 <= figure.bbox.y1 + 1, plot.name


def test_neither_matplotlib_nor_tensorflow_is_loaded_before_a_plot_is_made():
    code = (
        "import sys, app.plots.drawing.draw; from app.plots import PLOTS; from app.metrics import METRICS, BASELINES\n"
        "PLOTS.names(); METRICS.names(); BASELINES.names()\n"
        "loaded = {'matplotlib', 'tensorflow', 'keras', 'scipy', 'pandas'} & set(sys.modules)\n"
        "print(sorted(loaded))"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, env=process_environment(), capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
