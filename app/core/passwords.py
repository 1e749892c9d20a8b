"""Passwords inside addresses: hidden wherever something is shown or kept for others to read."""

import re
from typing import Any

HIDDEN = "***"
IN_USER = re.compile(r"(://[^:/?#@\s]*:)(?!\d{1,5}[/?#]|\*\*\*@)\S+(?=@)")
"""The password before the host; it may hold what a proper address would escape, so that it goes up to the last "@".

A port is none, as in http://host:5000/someone@cern.ch.
"""
IN_QUERY = re.compile(r"([?&](?:password|passwd|pwd|token|secret)=)[^&\s\"']+", re.IGNORECASE)


def hide_passwords(content: Any) -> Any:
    """Return a text, or a JSON content with all its texts, with "***" in place of each password in an address.

    >>> hide_passwords("http://ada:s3cret@host:5000 does not answer")
    'http://ada:***@host:5000 does not answer'
    """
    if isinstance(content, str):
        return IN_QUERY.sub(rf"\1{HIDDEN}", IN_USER.sub(rf"\1{HIDDEN}", content))
    if isinstance(content, dict):
        return {key: hide_passwords(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return type(content)(map(hide_passwords, content))
    return content


def has_password(content: Any) -> bool:
    """Whether a password would be hidden in `content`.

    >>> has_password("sqlite:///runs.db"), has_password(["http://ada:s3cret@host"]), has_password("http://ada:***@host")
    (False, True, False)
    """
    return bool(hide_passwords(content) != content)


def without_hidden(address: str) -> str:
    """Return an address without a user whose password is hidden: who connects takes both from elsewhere.

    >>> without_hidden("http://ada:***@host:5000"), without_hidden("http://ada:s3cret@host")
    ('http://host:5000', 'http://ada:s3cret@host')
    """
    return re.sub(rf"(?<=://)[^:/?#@\s]*:{re.escape(HIDDEN)}@", "", address)
