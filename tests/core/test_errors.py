"""An error is one line that says where, what, the nearest, what was expected and what came."""

from __future__ import annotations

import pickle

import pytest

from app.core.errors import Interrupted, Problem, UserError, WirechamberError, nearest, unknown


def test_a_problem_reads_as_one_sentence_after_the_other() -> None:
    problem = unknown("key", "batchsize", ["batch_size", "epochs"], ("job", "training", "batchsize"))
    assert str(problem) == (
        "job.training.batchsize: unknown key. Did you mean 'batch_size'? "
        "Expected one of [batch_size, epochs]. Received 'batchsize'."
    )


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("wrong"), "wrong."),
        (Problem("wrong?"), "wrong?"),
        (Problem("wrong", ("tasks", 0, "loss")), "tasks.0.loss: wrong."),
        (Problem("wrong\nagain", ("a\x1b[2J\0", "ü\ud800")), "a\\x1b[2J\\x00.ü\\ud800: wrong again."),
        (Problem("wrong", ("x" * 5000,)), f"{'x' * 997}...: wrong."),
        (Problem("wrong", received=None), "wrong. Received None."),
        (Problem("wrong", received=0), "wrong. Received 0."),
        (Problem("two\nlines", expected="one\r\nline"), "two lines. Expected one line."),
        (Problem("long", received="x" * 500), f"long. Received '{'x' * 116}..."),
    ],
)
def test_what_is_not_known_is_left_out(problem: Problem, text: str) -> None:
    assert str(problem) == text


@pytest.mark.parametrize(
    ("name", "expected"),
    [("gelo", "gelu"), ("GELU", "gelu"), ("bz", "Bz"), ("adamW", "AdamW"), ("something", None), ("", None), (3, None)],
)
def test_the_nearest_name_is_found_whatever_its_case(name: object, expected: str | None) -> None:
    assert nearest(name, ["gelu", "Bz", "AdamW", "relu"]) == expected


def test_a_users_error_holds_all_problems_one_line_each_and_ends_with_2() -> None:
    error = UserError(Problem("first", ("a",)), "second")
    assert str(error) == "a: first.\nsecond."
    assert (error.exit_code, WirechamberError.exit_code, Interrupted.exit_code) == (2, 1, 85)
    assert isinstance(error, ValueError)  # pydantic lets it pass


def test_an_error_can_be_seen_from_further_out() -> None:
    error = UserError(Problem("wrong", ("scale",)), "whole").under("tasks", 0)
    assert str(error) == "tasks.0.scale: wrong.\ntasks.0: whole."


def test_what_is_wrong_with_data_is_no_part_of_the_step_that_reads_them() -> None:
    places = [("dataset", "field", "file"), ("dataset track_states",), ("/a/tracks.npz", "qop"), ("transform", 0), ()]
    found = UserError(*(Problem("wrong", place) for place in places)).within("tasks", "state")
    assert [".".join(map(str, problem.where)) for problem in found.problems] == [
        "dataset.field.file", "dataset track_states", "/a/tracks.npz.qop", "tasks.state.transform.0", "tasks.state"
    ]  # fmt: skip


def test_an_error_survives_the_way_between_two_processes() -> None:
    error = pickle.loads(pickle.dumps(UserError(Problem("wrong", ("a",)))))
    assert str(error) == "a: wrong."


def test_an_interruption_is_not_caught_by_what_catches_failures() -> None:
    assert not issubclass(Interrupted, Exception)
