"""`wirechamber completion`: what a shell offers is what the commands take."""

import argparse
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import main
from app.commands._parser import Parser
from app.commands._table import COMMANDS
from app.commands.completion import COMMON, SCRIPTS, complete
from app.runs.directory import runs_root

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_offered(command):
    parser = Parser()
    importlib.import_module(f"app.commands.{command.replace('-', '_')}").add_arguments(parser)
    known = {
        option
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--") and action.help is not argparse.SUPPRESS
    }
    assert set(complete([command, "--"])) == known | set(COMMON)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    for name in ("mlp_tiny", "mlp_wide", "pinn"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "job.json").write_text("{}")
    monkeypatch.setenv("WIRECHAMBER_RUNS", str(tmp_path))


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("words", "answers"),
    [
        (["val"], ["validate"]),
        (["--v"], ["--version"]),
        (["evaluate", "mlp"], ["mlp_tiny", "mlp_wide"]),
        (["compare", "pinn", "mlp_w"], ["mlp_wide"]),
        (["compare", "pinn", "--reference", ""], ["mlp_tiny", "mlp_wide", "pinn"]),
        (["compare", "pinn", "--json", ""], []),
        (["run", "--config", ""], []),
        (["validate", "js"], []),
        (["run", "--res"], ["--resume"]),
        (["completion", ""], list(SCRIPTS)),
        (["unknown", ""], []),
    ],
)
def test_the_last_word_is_completed(words, answers, capsys):
    assert complete(words) == answers
    assert main(["completion", "--words=" + "\n".join(words)]) == 0
    assert capsys.readouterr().out.splitlines() == answers


def test_runs_of_another_folder_are_offered(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "job.json").write_text("{}")
    assert complete(["plots", "--runs", str(tmp_path), "o"]) == ["other"]


def test_without_a_folder_runs_are_those_of_the_program(tmp_path, monkeypatch):
    monkeypatch.delenv("WIRECHAMBER_RUNS")
    monkeypatch.setattr("app.core.packages.ROOT", str(tmp_path / "site-packages"))
    monkeypatch.chdir(tmp_path)
    assert complete(["show", ""]) == []
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "job.json").touch()
    assert complete(["show", ""]) == ["mine"] == [path.name for path in runs_root().iterdir()]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script_of_a_shell_is_printed_and_can_be_read_by_it(shell, capsys, tmp_path):
    assert main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    assert "wirechamber completion --words=" in script.read_text()
    if shutil.which(shell):
        subprocess.run([shell, "-n", str(script)], check=True)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes_a_command_line(tmp_path, capsys):
    assert main(["completion", "bash"]) == 0
    program = f"""
wirechamber() {{ {sys.executable} -m app "$@"; }}
{capsys.readouterr().out}
COMP_WORDS=(wirechamber run --con) COMP_CWORD=2
_wirechamber
echo "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "--config\n"
