from dataclasses import replace

import numpy as np

from app.plots.loss_curves import loss_curves


def lines(axes):
    return {line.get_label(): line for line in axes.lines}


def test_curves_best_epoch_and_learning_rate(inputs):
    losses, rate = loss_curves(inputs).axes
    drawn = lines(losses)
    np.testing.assert_allclose(drawn["training"].get_ydata(), [2.0**-e for e in range(1, 11)])
    np.testing.assert_allclose(drawn["validation"].get_ydata()[:9], [3 * 2.0**-e for e in range(1, 10)])
    np.testing.assert_allclose(drawn["pde term"].get_ydata(), [0.25 * 2.0**-e for e in range(1, 11)])
    best = drawn["best: 0.00586, epoch 9"]
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (9, 3 * 2.0**-9)
    np.testing.assert_allclose(rate.lines[0].get_ydata(), [1e-3 / e for e in range(1, 11)])
    assert (losses.get_yscale(), rate.get_yscale()) == ("log", "log")
    assert (losses.get_ylabel(), rate.get_ylabel(), rate.get_xlabel()) == ("loss", "learning rate", "epoch")


def test_terms_can_be_left_out_and_a_single_one_says_nothing(inputs, history):
    assert "pde term" not in lines(loss_curves(inputs, terms=False).axes[0])
    train = [{key: row[key] for key in ("epoch", "loss", "data_loss")} for row in history["train"]]
    figure = loss_curves(replace(inputs, history={"train": train, "val": []}))
    assert len(figure.axes) == 1  # no learning rate, no panel for it
    assert list(lines(figure.axes[0])) == ["training"]


def test_values_without_a_logarithm_leave_a_gap(inputs):
    train = [{"epoch": epoch, "loss": loss} for epoch, loss in enumerate([1.0, 0.0, -1.0, 0.5], start=1)]
    drawn = lines(loss_curves(replace(inputs, history={"train": train})).axes[0])["training"].get_ydata()
    np.testing.assert_array_equal(drawn, [1.0, np.nan, np.nan, 0.5])


def test_one_epoch_is_visible_as_a_point(inputs, history):
    one = {"train": history["train"][:1], "val": history["val"][:1], "best_epoch": 1}
    drawn = lines(loss_curves(replace(inputs, history=one)).axes[0])
    assert drawn["training"].get_marker() == "o"
    assert "best: 1.5, epoch 1" in drawn


def test_every_stage_is_a_term_and_the_data_loss_stands_there_once(inputs, history):
    train = [{**row, "state_loss": row["data_loss"], "stage_losses": [row["loss"], 2.0]} for row in history["train"]]
    drawn = lines(loss_curves(replace(inputs, history={**history, "train": train})).axes[0])
    assert [name for name in drawn if name.endswith("term")] == [
        *("data term", "pde term", "stage 1 term", "stage 2 term"),
    ]
    np.testing.assert_allclose(drawn["stage 1 term"].get_ydata(), [2.0**-e for e in range(1, 11)])
    np.testing.assert_allclose(drawn["stage 2 term"].get_ydata(), 2.0)
