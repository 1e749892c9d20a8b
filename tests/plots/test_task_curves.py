import numpy as np

from app.plots import PLOTS, Needs
from app.plots.drawing.inputs import PlotInputs

EPOCHS = range(1, 5)
HISTORY = {
    "train": [{"epoch": e, "loss": 1.0, "angle_weight": 1.0, "energy_weight": 0.25 * e} for e in EPOCHS],
    "val": [
        {"epoch": e, "angle_loss": 8.0 / e, "energy_loss": 0.5**e, "val_cos": 0.3 / e, "energy_res_68pct": 0.1}
        for e in EPOCHS
    ],
}
LEADING = {"angle": "val_cos", "energy": "energy_res_68pct"}


def test_losses_and_metrics_are_relative_and_weights_are_not():
    figure = PLOTS.parse("task_curves").build(PlotInputs(history=HISTORY, leading_metrics=LEADING, title="two tasks"))
    losses, metrics, weights = figure.axes
    np.testing.assert_allclose(losses.lines[0].get_ydata(), [1, 1 / 2, 1 / 3, 1 / 4])
    np.testing.assert_allclose(losses.lines[1].get_ydata(), [1, 1 / 2, 1 / 4, 1 / 8])
    np.testing.assert_allclose(metrics.lines[1].get_ydata(), [1, 1, 1, 1])
    np.testing.assert_allclose(weights.lines[1].get_ydata(), [0.25, 0.5, 0.75, 1.0])
    assert metrics.get_legend().get_texts()[0].get_text() == "angle: val_cos"


def test_one_task_has_no_such_plot():
    needs = Needs(history=True, several_tasks=True)
    assert needs.missing(PlotInputs(history=HISTORY, leading_metrics={"angle": "val_cos"})) == ["several tasks"]
    assert needs.missing(PlotInputs(history=HISTORY, leading_metrics=LEADING)) == []
