"""The command line as a whole: help, version and mistakes."""

import re

import pytest

from app.cli import main
from app.commands._table import COMMANDS


def test_the_help_lists_every_command_with_its_summary(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    output = capsys.readouterr().out
    assert re.findall(r"^  (\w+) +[A-Z]", output, re.M) == list(COMMANDS)


def test_no_command_prints_the_help_as_an_error(capsys):
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert "validate" in output.err


def test_the_version_is_printed(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert re.fullmatch(r"wirechamber(, a checkout that is not installed| \d+\.\d+\S*)\n", capsys.readouterr().out)


def test_an_option_before_the_command_is_an_error(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--verbos"])
    assert end.value.code == 2
    assert "unknown argument --verbos" in capsys.readouterr().err
