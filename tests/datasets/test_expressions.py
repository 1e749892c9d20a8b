"""Expressions of columns: what numexpr would compute wrongly, or without an end, is refused."""

import re

import numpy as np
import pytest

from app.core.errors import UserError
from datasets.tables.columns import first_text
from datasets.tables.expressions import evaluate, names_in

COLUMNS = {
    "adc": np.array([70000, 2], np.int32),
    "id": np.array([2**53, 2**53 + 1]),
    "low": np.array([7, 8]),
    "good": np.array([True, True]),
    "pt": np.array([1.5, 2.5]),
}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adc * adc", "'adc * adc' grows too large for integers of 32 bits. Expected results below 2^31"),
        ("sqrt(adc**2 + pt)", "'adc ** 2' grows too large for integers of 32 bits"),
        ("id * id > 5", "'id * id' grows too large for integers of 64 bits"),
        ("2**62 * id", "or a number with a point, as 1.0 * 2 ** 62"),
        ("low**30", "'low ** 30' grows too large"),
        ("good + (pt > 2)", "'good + (pt > 2)' adds flags, which is not their number"),
        ("10**10**10 + pt", "too large a number '10 ** 10 ** 10'"),
        ("pt**10**10**10", "too large a number '10 ** 10 ** 10'"),
        ("pt * 9**999999999", "too large a number '9 ** 999999999'"),
        ("(1 << 10**12) * pt", "too large a number '1 << 10 ** 12'"),
    ],
)
def test_numbers_that_grow_too_large_are_refused(text, message):
    with pytest.raises(UserError, match=re.escape(message)):
        evaluate(text, COLUMNS, ("select",))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1.0 * adc * adc", [4.9e9, 4.0]),
        ("id - 2**53", [0, 1]),
        ("-id", [-(2**53), -(2**53) - 1]),
        ("adc * low - 5", [489995, 11]),
        ("low - 8", [-1, 0]),
        ("where(good, 1, 0) + where(pt > 2, 1, 0)", [1, 2]),
        ("10**3 * pt + 2**-1", [1500.5, 2500.5]),
        ("good & (id == 2**53 + 1)", [False, True]),
    ],
)
def test_numbers_that_fit_are_exact(text, values):
    assert evaluate(text, COLUMNS, ("select",)).tolist() == values


def test_powers_of_columns_are_not_numbers():
    assert set(names_in("pt**id + low", ("select",))) == {"pt", "id", "low"}


def test_the_value_that_is_no_number_is_named():
    assert first_text(np.array(["11.7", "abc"], object)) == "'abc' in row 1"
    assert first_text(np.array(["1"])) == "<U1"
