"""How a training went, from its history."""

import math

import pytest

from app.comparison import tables
from app.comparison.compared_run import ComparedRun
from app.comparison.convergence import describe_convergence, epochs_to
from app.runs.directory import of


def run(train, val, best, better="lower", **history):
    metrics = {"state": {"metric": "score", "better": better, "model": {}, "baselines": {}}}
    content = {"train": train, "val": val, "best_epoch": best, "training_time": 20.0, **history}
    return ComparedRun(of("made"), {"application": "test"}, metrics, content, {}, {})


def epochs(**columns):
    length = len(next(iter(columns.values())))
    return [{"epoch": i + 1, **{name: values[i] for name, values in columns.items()}} for i in range(length)]


def test_of_an_error_90_per_cent_is_reached_at_its_smallest_over_nine_tenths():
    assert epochs_to([1 / e for e in (9.0, 1.12, 1.11, 1.0, 1.3)]) == 3
    assert epochs_to([0.5, 0.88, 0.9, 1.0]) == 3
    assert epochs_to([math.nan, 1.0]) == 2
    assert epochs_to([]) is None
    assert epochs_to([math.nan]) is None


def test_the_leading_figure_of_the_validation_split_decides():
    train = epochs(loss=[4.0, 2.0, 1.0, 0.5])
    val = epochs(loss=[4.0, 3.0, 2.0, 2.5], score=[0.2, 0.7, 0.8, 0.75])
    convergence = describe_convergence(run(train, val, 3, "higher"))
    assert (convergence.epochs_to_90, convergence.seconds_to_90) == (3, 15.0)
    assert (convergence.best_epoch, convergence.at_the_end, convergence.overfitting) == (3, False, 2.0)
    assert convergence.terms == {}
    assert convergence.figure == "val_score"
    (table,) = tables.convergence({"a": convergence})
    assert table.title == "Convergence (90 % of the best accuracy by val_score)"
    assert describe_convergence(run(train, val, 3, "lower")).epochs_to_90 == 1


def test_without_the_figure_the_loss_decides():
    convergence = describe_convergence(run(epochs(loss=[3.0, 2.0]), epochs(loss=[2.0, 1.0]), 2))
    assert convergence.epochs_to_90 == 2
    assert convergence.at_the_end


def test_every_term_at_the_best_epoch():
    train = epochs(loss=[3.0, 2.0], data_loss=[2.0, 1.0], pde_loss=[1.0, 0.5], stage_losses=[[1, 2], [0.25, 0.125]])
    convergence = describe_convergence(run(train, epochs(loss=[3.0, 2.0]), 2))
    assert convergence.terms == pytest.approx(
        {"data_loss": 1.0, "pde_loss": 0.5, "stage_1_loss": 0.25, "stage_2_loss": 0.125}
    )


def test_a_classical_model_has_no_epochs():
    convergence = describe_convergence(run([], [], None))
    assert (convergence.epochs, convergence.epochs_to_90, convergence.overfitting, convergence.best_epoch) == (
        0,
        None,
        None,
        None,
    )
