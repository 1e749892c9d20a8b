"""`wirechamber completion`: the completion script of a shell, and the words that it asks for.

A shell waits for the answer, so no command is imported: its options are read from the text of its file. For the same
reason `wirechamber.py` calls `answer` before anything else, and this module imports what it needs where it needs it.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

from app.commands._table import COMMANDS
from app.core.packages import base_folder

if TYPE_CHECKING:
    import argparse

HERE = os.path.dirname(__file__)  # noqa: PTH120 - pathlib takes a third of the time of an answer
COMMON = ("--help", "--quiet", "--registry", "--runs", "--verbose")
"""Options of every command."""
SCRIPTS = {
    "bash": r"""_wirechamber() {
    local IFS=$'\n'
    COMPREPLY=($(wirechamber completion --words="${COMP_WORDS[*]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _wirechamber wirechamber
""",
    "zsh": r"""#compdef wirechamber
_wirechamber() {
    local -a answers
    answers=("${(@f)$(wirechamber completion --words="${(pj:\n:)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -n "${answers[1]}" ]]; then compadd -- "${answers[@]}"; else _files; fi
}
compdef _wirechamber wirechamber
""",
    "fish": r"""function __wirechamber_words
    set -l words (commandline -opc) (commandline -ct)
    wirechamber completion --words=(string join \n -- $words[2..-1] | string collect --allow-empty) 2>/dev/null
end
complete -c wirechamber -a '(__wirechamber_words)'
""",
}
"""What each shell runs; words are handed over one on each line. Where nothing is printed, it completes files."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    import argparse

    parser.add_argument("shell", nargs="?", choices=tuple(SCRIPTS), help="load it with: source <(%(prog)s bash)")
    parser.add_argument("--words", help=argparse.SUPPRESS)


def execute(options: argparse.Namespace) -> int:
    """Print the script of a shell, or for the words of a command line what the last one may become."""
    answer(options.shell or "bash" if options.words is None else f"--words={options.words}")
    return 0


def answer(argument: str) -> bool:
    """Print what the only argument of this command asks for; return whether it is a shell or `--words=`."""
    option, _, words = argument.partition("=")
    if option == "--words":
        text = "".join(f"{word}\n" for word in complete(words.split("\n")))
    elif argument in SCRIPTS:
        text = SCRIPTS[argument]
    else:
        return False
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names of runs as they are in the file system
    sys.stdout.write(text)
    return True


def complete(words: list[str]) -> list[str]:
    """Return what the last word may become: a command, an option or a run; nothing where a file is expected.

    Args:
        words: of the command line behind `wirechamber`, the one that is being typed last.
    """
    *before, current = words
    if not before:
        answers = [*COMMANDS, "help", "--help", "--version"]
    elif before == ["help"]:
        answers = list(COMMANDS)
    elif before[0] not in COMMANDS:
        answers = []
    elif current.startswith("-"):
        answers = sorted({*COMMON, *_arguments(before[0])[0]})
    elif before[-1] == "--reference" or (not before[-1].startswith("-") and _arguments(before[0])[1]):
        answers = _runs(before[before.index("--runs") + 1] if "--runs" in before[:-1] else "")
    else:
        answers = list(SCRIPTS) if before[0] == "completion" else []
    return [word for word in answers if word.startswith(current)]


def _runs(folder: str) -> list[str]:
    """Return the names of the runs in a folder, by default in `runs_root()`; its module takes longer than an answer."""
    folder = folder or os.environ.get("WIRECHAMBER_RUNS") or os.path.join(base_folder(), "runs")  # noqa: PTH118
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []  # noqa: PTH112, PTH208
    return [name for name in names if os.path.exists(os.path.join(folder, name, "job.json"))]  # noqa: PTH110, PTH118


def _arguments(command: str) -> tuple[list[str], bool]:
    """Return the options of a command, and whether it takes names of runs."""
    import ast

    options, takes_runs = list[str](), False
    waiting = [(f"{command.replace('-', '_')}.py", "add_arguments")]
    while waiting:
        file, function = waiting.pop()
        with open(os.path.join(HERE, file), encoding="utf-8") as text:  # noqa: PTH118, PTH123
            tree = ast.parse(text.read())
        body = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == function)
        for call in (node for node in ast.walk(body) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id.startswith("add_"):
                waiting.append(("_parser.py", call.func.id))
            if not isinstance(call.func, ast.Attribute) or call.func.attr != "add_argument":
                continue
            names = [str(argument.value) for argument in call.args if isinstance(argument, ast.Constant)]
            named = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            if "SUPPRESS" not in named.get("help", ""):
                options += [name for name in names if name.startswith("--")]
            takes_runs = takes_runs or (named.get("metavar") == "'RUN'" and not names[0].startswith("-"))
    return options, takes_runs
