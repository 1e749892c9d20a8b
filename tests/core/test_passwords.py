"""Passwords in addresses, as people and libraries write them."""

import pytest

from app.core.errors import Problem, UserError, WirechamberError
from app.core.passwords import has_password, hide_passwords


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("http://ada:s3cret@host:5000/api", "http://ada:***@host:5000/api"),
        ("http://:s3cret@host", "http://:***@host"),
        ("http://ada:s3@c/r:et@host", "http://ada:***@host"),
        ("http://ada:s3c%40ret@host", "http://ada:***@host"),
        ("mysql+pymysql://ada:s3cret@host:3306/db", "mysql+pymysql://ada:***@host:3306/db"),
        ("postgresql://host/db?user=ada&password=s3cret&x=1", "postgresql://host/db?user=ada&password=***&x=1"),
        ("API request to http://ada:s3cret@h/x failed", "API request to http://ada:***@h/x failed"),
        ("(http://a:s3cret@h, http://b:s3cret@h)", "(http://a:***@h, http://b:***@h)"),
        (["x", {"uri": "http://ada:s3cret@h"}, 3], ["x", {"uri": "http://ada:***@h"}, 3]),
        (("http://ada:s3cret@h",), ("http://ada:***@h",)),
    ],
)
def test_they_are_hidden(text, hidden):
    assert hide_passwords(text) == hidden
    assert has_password(text)
    assert not has_password(hidden)


@pytest.mark.parametrize(
    "text",
    [
        "http://host:5000",
        "http://host:5000/ada@cern.ch/mlflow",
        "http://ada@host",
        "sqlite:////home/ada:b@c/store.db",
        "job: see ada@cern.ch",
        None,
    ],
)
def test_what_is_none_stays(text):
    assert hide_passwords(text) == text


def test_errors_hide_them_also_where_the_text_is_cut():
    received = {"uri": "http://ada:" + "s3cret" * 40 + "@host"}
    error = UserError(
        Problem("not valid", ("http://ada:s3cret@host",), expected="http://ada:s3cret@host", received=received)
    )
    assert str(error) == (
        "http://ada:***@host: not valid. Expected http://ada:***@host. Received {'uri': 'http://ada:***@host'}."
    )
    assert str(WirechamberError("http://ada:s3cret@host is down")) == "http://ada:***@host is down"
