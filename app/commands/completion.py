"""`wirechamber completion`: the completion script of a shell, and the words that it asks for.

A shell waits for the answer, so no command is imported: its options are read from the text of its file.
"""

import argparse
import ast
from pathlib import Path

from app.commands._table import COMMANDS
from app.runs.directory import runs_root
from app.runtime.console import console

HERE = Path(__file__).parent
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
    parser.add_argument("shell", nargs="?", choices=tuple(SCRIPTS), help="load it with: source <(%(prog)s bash)")
    parser.add_argument("--words", help=argparse.SUPPRESS)


def execute(options: argparse.Namespace) -> int:
    """Print the script of a shell, or for the words of a command line what the last one may become."""
    if options.words is not None:
        text = "".join(f"{word}\n" for word in complete(options.words.split("\n")))
    else:
        text = SCRIPTS[options.shell or "bash"]
    console.print(text, end="")
    return 0


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
        root = Path(before[before.index("--runs") + 1]) if "--runs" in before[:-1] else runs_root()
        answers = sorted(path.parent.name for path in root.glob("*/job.json"))
    else:
        answers = list(SCRIPTS) if before[0] == "completion" else []
    return [word for word in answers if word.startswith(current)]


def _arguments(command: str) -> tuple[list[str], bool]:
    """Return the options of a command, and whether it takes names of runs."""
    options, takes_runs = list[str](), False
    waiting = [(f"{command}.py", "add_arguments")]
    while waiting:
        file, function = waiting.pop()
        tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
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
