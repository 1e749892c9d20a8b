"""Every mistake once, at its JSON path, whatever pydantic puts in between."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError, model_validator

from app.core.errors import Problem, UserError
from app.core.types import Count, Positive, Strict
from app.core.validation import problems


class Inner(Strict):
    size: Count = 1
    scales: tuple[Positive, ...] = ()
    kind: Literal["a", "b"] = "a"


class Outer(Strict):
    inner: Inner = Inner()
    maybe: Inner | None = None
    many: tuple[Inner, ...] = ()
    by_name: dict[str, Inner] = {}
    either: Count | tuple[Count, ...] | None = None
    bins: Annotated[int | list[int], Field(description="one or several")] = 1
    space: dict[str, int | float | list[int]] = {}
    pair: tuple[int, Inner] = (1, Inner())
    other: float = Field(default=1.0, alias="lambda")
    anything: Any = None

    @model_validator(mode="after")
    def _agrees(self) -> Outer:
        if self.other < 0:
            raise UserError(Problem("is negative", ("lambda",)), Problem("does not go with it", ("inner", "size")))
        if self.other > 9:
            raise ValueError("too far out")
        return self


def lines(content: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate_json(json.dumps(content), strict=True)
    return [str(problem) for problem in problems(caught.value, Outer)]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"iner": {}}, "iner: unknown key. Did you mean 'inner'? Expected one of [inner, maybe, many, by_name, eit"),
        ({"lamda": 1}, "lamda: unknown key. Did you mean 'lambda'? "),
        ({"inner": {"sise": 1}}, "inner.sise: unknown key. Did you mean 'size'? Expected one of [size, scales, kind"),
        ({"maybe": {"sise": 1}}, "maybe.sise: unknown key. Did you mean 'size'?"),
        ({"many": [{}, {"sise": 1}]}, "many.1.sise: unknown key. Did you mean 'size'?"),
        ({"by_name": {"int": {"sise": 1}}}, "by_name.int.sise: unknown key. Did you mean 'size'?"),
        ({"pair": [1, {"sise": 1}]}, "pair.1.sise: unknown key. Did you mean 'size'?"),
        ({"inner": {"size": 0}}, "inner.size: not valid. Expected greater than or equal to 1. Received 0."),
        ({"inner": {"scales": [1, -1]}}, "inner.scales.1: not valid. Expected greater than 0. Received -1."),
        ({"inner": {"kind": "A"}}, "inner.kind: not valid. Expected 'a' or 'b'. Received 'A'."),
        ({"inner": None}, "inner: not valid. Expected an object. Received None."),
        ({"either": "x"}, "either: not valid. Expected a valid integer or a valid array. Received 'x'."),
        ({"either": [1, 0]}, "either.1: not valid. Expected greater than or equal to 1. Received 0."),
        ({"bins": [1, "x"]}, "bins.1: not valid. Expected a valid integer. Received 'x'."),
        ({"space": {"int": "x"}}, "space.int: not valid. Expected a valid integer or a valid number or a valid array."),
        ({"space": {"list[int]": [0, "x"]}}, "space.list[int].1: not valid. Expected a valid integer"),
        ({"lambda": 10}, "too far out. Received {'lambda': 10}."),
    ],
)  # fmt: skip
def test_a_mistake_is_told_once_at_its_json_path(content: dict[str, Any], line: str) -> None:
    assert [message[: len(line)] for message in lines(content)] == [line]


def test_every_mistake_is_told_at_once() -> None:
    content = {"inner": {"size": 0, "kind": "c"}, "many": [{"x": 1}], "either": "x", "bins": "y", "unknown": 1}
    places = [line.partition(":")[0] for line in lines(content)]
    assert places == ["inner.size", "inner.kind", "many.0.x", "either", "bins", "unknown"]


def test_a_rule_across_fields_may_name_several_places() -> None:
    assert lines({"lambda": -1}) == ["lambda: is negative.", "inner.size: does not go with it."]


def test_text_that_is_not_json_says_where() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate_json('{"inner": ')
    assert str(problems(caught.value, Outer)[0]) == "not JSON: EOF while parsing a value at line 1 column 10."


class Part(Strict):
    classes: Annotated[tuple[int, ...], Field(min_length=2)] | None = None


class Parts(Strict):
    inputs: Annotated[dict[str, str | Part] | list[str], Field(min_length=1)]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"a": {"classes": [1]}}, "inputs.a.classes: not valid. Expected at least 2 items. Received [1]."),
        ([], "inputs: not valid. Expected at least 1 item. Received []."),
    ],
)
def test_a_mistake_in_one_member_of_a_union_is_reported_once(inputs, message):
    with pytest.raises(ValidationError) as caught:
        Parts.model_validate_json(json.dumps({"inputs": inputs}))
    assert [str(problem) for problem in problems(caught.value, Parts)] == [message]


def test_a_value_of_no_type_of_a_union_is_refused_by_each():
    with pytest.raises(ValidationError) as caught:
        Parts.model_validate_json('{"inputs": {"a": 5}}')
    (problem,) = problems(caught.value, Parts)
    assert problem.where == ("inputs", "a")
    assert "a valid string" in str(problem)
