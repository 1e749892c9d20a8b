"""Names: which are taken, and the line about those that are not."""

import pytest
from pydantic import TypeAdapter, ValidationError

from app.core.errors import UserError
from app.core.spelling import Spelling
from app.core.types import Name, Word

WORD = Spelling("A-Za-z0-9_", "-", 12, "letters")


@pytest.mark.parametrize("name", ["state", "dE-dx", "1st", "_x", "A", "a" * 12])
def test_names_that_are_taken(name):
    assert WORD.check(name) == name


@pytest.mark.parametrize(
    ("name", "near"),
    [
        *(("state/end", "state_end"), ("a.b", "a_b"), ("a,b", "a_b"), ("-x", "x"), ("two words", "two_words")),
        *(("a\n", "a"), ("Größe", "Gro_e"), ("énergie", "energie"), ("a" * 13, "a" * 12), ("..", None), ("", None)),
        *(("😀", None), ("$(rm)", "rm"), ("µ", None), ("x²", "x2"), ("\ud800x", "x")),
    ],
)
def test_the_message_has_the_nearest_name(name, near):
    with pytest.raises(UserError) as caught:
        WORD.check(name)
    (problem,) = caught.value.problems
    assert (problem.what, problem.nearest, problem.received) == ("not a name", near, name)
    assert problem.expected == "1 to 12 letters"
    assert near is None or WORD.check(near) == near
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("kind", [Name, Word])
def test_pydantic_and_the_schema_know_the_same_names(kind):
    adapter = TypeAdapter(kind)
    assert adapter.json_schema()["maxLength"] == 120
    assert adapter.validate_python("a" * 120) == "a" * 120
    for wrong in ("a" * 121, "a/b", "a b", "a\n", ""):
        with pytest.raises(ValidationError, match="not a name"):
            adapter.validate_python(wrong)
    assert adapter.json_schema()["pattern"] in ("^[A-Za-z0-9][A-Za-z0-9_.+-]*$", "^[A-Za-z0-9_][A-Za-z0-9_-]*$")
