"""What a history says of the single terms of a loss."""

from __future__ import annotations

import pytest

from app.history import describe_constant_terms, final_terms, flatten_epoch


def history(first, best, val=None, epoch=3):
    between = {"epoch": 2, **dict.fromkeys(first, 7.0)}
    train = [{"epoch": 1, "loss": 1.0, **first}, between, {"epoch": 3, "loss": 1.0, **best}]
    rows = [{"epoch": e, "loss": 1.0, "pos_mean_mm": 0.5, **(val or best)} for e in (1, 2, 3)]
    return {"train": train, "val": rows, "best_epoch": epoch}


def test_stages_have_names_of_their_own():
    assert flatten_epoch({"loss": 1.0, "stage_losses": [3.0, 4.0]}) == {
        "loss": 1.0,
        "stage_1_loss": 3.0,
        "stage_2_loss": 4.0,
    }
    assert flatten_epoch({"loss": 1.0}) == {"loss": 1.0}


@pytest.mark.parametrize(
    ("first", "best", "names"),
    [
        ({"pde_loss": 2.0}, {"pde_loss": 2.019}, ["pde_loss"]),
        ({"pde_loss": 2.0}, {"pde_loss": 1.981}, ["pde_loss"]),
        ({"pde_loss": 2.0}, {"pde_loss": 1.97}, []),
        ({"pde_loss": 2.0}, {"pde_loss": 2.03}, []),
        ({"pde_loss": 2.0, "ic_loss": 0.0}, {"pde_loss": 1.0, "ic_loss": 0.0}, ["ic_loss"]),
        ({"stage_losses": [1.0, 2.0]}, {"stage_losses": [0.5, 2.0]}, ["stage_2_loss"]),
        ({"state_loss": 2.0, "data_loss": 2.0}, {"state_loss": 2.0, "data_loss": 2.0}, []),
        ({"pde_loss": 2.0, "physics_loss": 0.2}, {"pde_loss": 1.0, "physics_loss": 0.2}, []),
    ],
)
def test_a_term_that_changes_by_less_than_a_hundredth_did_not_move(first, best, names):
    assert [line.split()[0] for line in describe_constant_terms(history(first, best), ["state"])] == names


def test_the_line_says_from_what_to_what():
    (line,) = describe_constant_terms(history({"pde_loss": 2.0}, {"pde_loss": 2.01}), ["state"])
    assert line == "pde_loss did not move: 2 in the first epoch, 2.01 in the best, epoch 3"


def test_of_several_tasks_each_is_a_term():
    found = describe_constant_terms(
        history({"one_loss": 1.0, "two_loss": 1.0}, {"one_loss": 1.0, "two_loss": 0.1}), ["one", "two"]
    )
    assert [line.split()[0] for line in found] == ["one_loss"]


@pytest.mark.parametrize("epoch", [0, 1])
def test_a_first_epoch_that_is_the_best_says_nothing(epoch):
    assert describe_constant_terms(history({"pde_loss": 2.0}, {"pde_loss": 2.0}, epoch=epoch), ["state"]) == []


def test_final_terms_are_those_of_the_validation_at_the_best_epoch():
    content = history({"pde_loss": 9.0}, {}, {"pde_loss": 1.0, "data_loss": 2.0, "stage_losses": [3.0, 4.0]}, epoch=2)
    content["val"][1]["pde_loss"] = 1.5
    assert final_terms(content) == {"pde_loss": 1.5, "data_loss": 2.0, "stage_1_loss": 3.0, "stage_2_loss": 4.0}


def test_a_single_loss_has_no_terms():
    assert final_terms(history({}, {}, {"data_loss": 2.0})) == {}
    assert final_terms({"train": [], "val": [], "best_epoch": 0}) == {}
