"""The command line as a whole: help, version and mistakes."""

import logging
import re

import pytest

from app.cli import main
from app.commands._table import COMMANDS
from app.runtime.console import console


def test_the_help_lists_every_command_with_its_summary(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    output = capsys.readouterr().out
    assert re.findall(r"^  ([\w-]+) +[A-Z]", output, re.M) == list(COMMANDS)


@pytest.mark.parametrize("command", [[], ["help"]])
def test_no_command_prints_the_help(command, capsys):
    with pytest.raises(SystemExit) as end:
        main(command)
    assert end.value.code == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert "validate" in output.out


def test_help_explains_a_command_with_its_defaults(capsys):
    with pytest.raises(SystemExit) as end:
        main(["help", "benchmark"])
    assert end.value.code == 0
    assert "calls that are measured (default: 100)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (["run", "--confg", "a.json"], "wirechamber run: unknown argument --confg. Did you mean '--config'?"),
        (["predict", "--dat", "a.npz"], "wirechamber predict: unknown argument --dat. Did you mean '--data'?"),
        (["run", "--resum", "a.json"], "wirechamber run: unknown argument --resum. Did you mean '--resume'?"),
    ],
)
def test_a_misspelt_option_is_named_first(command, line, capsys):
    with pytest.raises(SystemExit) as end:
        main(command)
    assert end.value.code == 2
    assert capsys.readouterr().err == line + "\n"


@pytest.mark.parametrize("words", [["a.json", "--config", "b.json"], ["--config", "a.json", "b.json"]])
def test_of_two_files_neither_is_taken(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["run", *words])
    assert caught.value.code == 2
    assert capsys.readouterr().err == "wirechamber run: one file at a time.\n"


@pytest.mark.parametrize("command", [["run", "none.json"], ["run", "--config", "none.json"]])
def test_the_file_of_a_run_is_named_with_and_without_an_option(command, capsys):
    assert main(command) == 2
    assert "none.json" in capsys.readouterr().err
    assert main(["run"]) == 2
    assert capsys.readouterr().err == "run: no file is named. Expected a job, sweep or workflow file.\n"


@pytest.mark.parametrize(("options", "said"), [([], True), (["-q"], False), (["--quiet"], False)])
def test_quiet_leaves_results_and_warnings(options, said, capsys, monkeypatch):
    def execute(_):
        logging.getLogger("app").info("a remark")
        logging.getLogger("app").warning("a warning")
        console.print("a result")

    monkeypatch.setattr("app.commands.schema.execute", execute)
    assert main(["schema", *options]) == 0
    assert capsys.readouterr().out == "a remark\n" * said + "a warning\na result\n"


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
