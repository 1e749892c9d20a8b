"""JSON that people write, read strictly: what Python's reader lets through or fails at is an error that says so."""

import json
import math
from collections import Counter
from typing import Any, NoReturn

from app.core.errors import Problem, UserError

DEPTH = 50
"""Levels of nesting: a job has ten, and functions that call themselves for each level must not run out of stack."""
DIGITS = 100
"""Of a whole number: Python refuses more than 4,300 in words of its own."""


def loads(text: str) -> Any:
    """Return the content of a JSON text.

    Raises:
        UserError: a duplicate key, a number that is none or too large, a text that is no Unicode, or too many
            levels.
        json.JSONDecodeError: it is not JSON.
    """
    try:
        content = json.loads(
            text, object_pairs_hook=_object, parse_float=_float, parse_int=_integer, parse_constant=_refuse
        )
        _check_depth_and_texts(content)
    except RecursionError:
        raise _too_deep() from None
    return content


def loads_or_text(text: str) -> Any:
    """Return the content of a JSON text, and any other text as it is: a name needs no quotes on a command line.

    Raises:
        UserError: as `loads`; it begins as an object or a list does, and is not JSON.
    """
    try:
        return loads(text)
    except json.JSONDecodeError as error:
        if any(text.startswith(begin) and sign in text for begin, sign in ("{:", "[,")):
            what = f"not JSON, {error.msg} at character {error.pos + 1}"
            raise UserError(
                Problem(what, expected='names in double quotes, as {"name": "value"}', received=text)
            ) from None
        return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):  # JSON lets a later key silently replace an earlier equal one
        repeated = next(name for name, number in Counter(name for name, _ in pairs).items() if number > 1)
        raise UserError(Problem(f"duplicate key {repeated!r}"))
    return content


def _float(text: str) -> float:
    return float(text) if math.isfinite(float(text)) else _refuse(text)


def _integer(text: str) -> int:
    return int(text) if len(text) <= DIGITS else _refuse(text)


def _refuse(text: str) -> NoReturn:
    raise UserError(Problem("not a number", expected=f"a finite one, at most {DIGITS} digits", received=text))


def _check_depth_and_texts(content: Any) -> None:
    level = [content]
    for _ in range(DEPTH):
        inside = [each for each in level if isinstance(each, dict | list)]
        level = [each for part in inside for each in (part.values() if isinstance(part, dict) else part)]
        texts = [key for part in inside if isinstance(part, dict) for key in part]
        for wrong in [text for text in (*texts, *level) if isinstance(text, str) and not _is_unicode(text)]:
            raise UserError(Problem("half a character", expected="Unicode text", received=wrong))
        if not level:
            return
    raise _too_deep()


def _too_deep() -> UserError:
    return UserError(Problem("nested too deeply", expected=f"at most {DEPTH} levels"))


def _is_unicode(text: str) -> bool:
    """Whether no character is a surrogate, which JSON can write alone and no file can hold."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
