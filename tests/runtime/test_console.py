"""What people see: texts as they are, on a terminal and in a file."""

import io
import sys

import pytest

from app.runtime.console import Console, configure, table

NAMES = ["[red]x[/red]", "[/x]", "a[0]", ":smile:", "größe 😀", "\\[b]", "one of [adam, sgd]"]


class Terminal(io.StringIO):
    """Standard output of a person."""

    def isatty(self):
        return True


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [Terminal, io.StringIO])
def test_brackets_in_names_are_no_styles(monkeypatch, name, kind):
    output = kind()
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr("app.runtime.console.console", Console())
    Console().print(name)
    table("title", ("run", "value"), [(name, "[bold]1")])
    first, *rest = output.getvalue().splitlines()
    assert first == name
    assert any(name in line and "[bold]1" in line for line in rest)


def test_names_that_are_no_text_are_shown(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-8"))
    configure()
    Console().print("a\udcffb.json: 1 job, valid")
    assert raw.getvalue() == b"a\\udcffb.json: 1 job, valid\n"
