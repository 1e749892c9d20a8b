"""What people may write as JSON, and the line about what they may not."""

import json

import pytest

from app.core import strict_json
from app.core.errors import UserError


def test_what_json_can_say_is_read():
    text = '{"a": [1, -0.0, 1e308, true, null, "ä😀"], "b": {"c": 100000000000000000000}}'
    assert strict_json.loads(text) == {"a": [1, 0.0, 1e308, True, None, "ä😀"], "b": {"c": 10**20}}
    assert strict_json.loads("[" * 50 + "]" * 50) == json.loads("[" * 50 + "]" * 50)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"a": 1, "a": 2}', "duplicate key 'a'."),
        ('[{"b": {"a": 1, "c": 2, "a": 2}}]', "duplicate key 'a'."),
        ("[1e999]", "not a number. Expected a finite one, at most 100 digits. Received '1e999'."),
        ("NaN", "not a number. Expected a finite one, at most 100 digits. Received 'NaN'."),
        ("-Infinity", "not a number. Expected a finite one, at most 100 digits. Received '-Infinity'."),
        ("[" * 51 + "]" * 51, "nested too deeply. Expected at most 50 levels."),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply. Expected at most 50 levels."),
        ('["\\ud800"]', "half a character. Expected Unicode text. Received '\\ud800'."),
        ('{"\\udc80": 1}', "half a character. Expected Unicode text. Received '\\udc80'."),
    ],
    ids=lambda text: text[:12],
)
def test_what_it_cannot_is_named(text, line):
    with pytest.raises(UserError) as caught:
        strict_json.loads(text)
    assert str(caught.value) == line


def test_a_long_number_is_shortened_in_its_message():
    with pytest.raises(UserError, match=r"not a number\. .* Received '1{116}\.\.\.$") as caught:
        strict_json.loads("1" * 5000)
    assert len(str(caught.value)) < 300


def test_what_is_no_json_is_left_to_the_caller():
    with pytest.raises(json.JSONDecodeError):
        strict_json.loads("text")
