"""Tables in a real terminal of each width: no name, state or figure is cut, and no line is wider than the terminal."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import registry
from app.cli import main
from app.core.files import REPOSITORY
from app.runtime.table_layout import length
from jobs.submission import Index, make_submission
from registry.record import number
from registry.store import write

WIDTHS = (80, 100, 120, 160, 240)
PROGRAM = """
import fcntl, json, struct, sys, termios
from app.cli import main
widths, commands = json.loads(sys.argv[1])
for width in widths:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    for command in commands:
        print("=====", width, *command, flush=True)
        main(command)
print("=====", flush=True)
"""
LOG = Path(__file__).parents[1] / "jobs" / "logs" / "held_and_evicted.log"


def in_terminal(*commands):
    """Return for each width and command (width, lines that are printed in a terminal)."""
    terminal, program = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(REPOSITORY)}
    environment.pop("COLUMNS", None)
    arguments = [sys.executable, "-c", PROGRAM, json.dumps([WIDTHS, commands])]
    shown = b""
    with subprocess.Popen(arguments, stdout=program, stderr=subprocess.DEVNULL, cwd=REPOSITORY, env=environment):
        os.close(program)
        while not shown.endswith(b"=====\r\n"):
            shown += os.read(terminal, 65536)
    os.close(terminal)
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r\n", "\n")
    heads, bodies = zip(*re.findall(r"^===== (\d+).*\n((?:(?!=====).*\n)*)", text, flags=re.M), strict=True)
    assert len(heads) == len(WIDTHS) * len(commands)
    return [(int(head), body.splitlines()) for head, body in zip(heads, bodies, strict=True)]


def a_run(root, place, tasks):
    """Write the record of a run with a long name, every fifth of them running, and return its name."""
    others = {
        f"task_{n}": {"metric": "energy_mae_gev", "value": 0.1 + n, "baselines": {"mean": 3.0, "least_squares": 2.2}}
        for n in range(1, tasks)
    }
    facts = {"model": "mlp medium", "parameters": 100_996, "loss": "mse", "transform": "kick", "training_time": 185.2}
    facts |= {"metric": "position_mean_mm", "value": 0.083 + place, "baselines": {"polynomial": 0.114}}
    facts |= {"state": "running", "epoch": 12, "epochs": 100} if place % 5 == 1 else {"state": "done"}
    facts |= {"run": f"momentum_weighting_scan_{place:03d}", "application": "track_extrapolation", "others": others}
    write(root, registry.Record.model_validate({**facts, "task": "state" * (tasks > 1)}))
    return facts["run"]


@pytest.mark.parametrize(("runs", "tasks"), [(1, 1), (1, 6), (200, 6)])
def test_the_registry_shows_every_run_whole(tmp_path, runs, tasks):
    names = [a_run(tmp_path / "r", place, tasks) for place in range(runs)]
    for width, lines in in_terminal(["registry", "--registry", str(tmp_path / "r")]):
        text = "\n".join(lines)
        assert max(map(length, lines[1:])) <= width
        for place, name in enumerate(names):
            assert f" {name} " in text
            assert f"position_mean_mm {number(0.083 + place)}" in text
        assert text.count("⏳ running 12/100") == len(names[1::5])
        assert text.count("✅ done") == runs - len(names[1::5])
        assert text.count("3 min 05 s") == text.count("100,996") == runs
        assert len(re.findall(r"\btask_5:", text)) == (2 * runs if tasks == 6 else 0)  # its figure, its verdict


def test_other_tables_fit_too(tmp_path, made_run, monkeypatch):
    names = [f"momentum_weighting_of_run_{place}" for place in range(6)]
    for name in names:
        made_run(name)
    columns = [f"column_{place:03d}_of_a_tree_with_long_names" for place in range(60)]
    np.savez(tmp_path / "wide.npz", **dict.fromkeys(columns, np.full(3, 12345.678)))
    held = "momentum_weighting_of_a_run_that_is_held"
    registry.create(tmp_path / "registry", registry.Record(run=held, application="track_extrapolation"))
    made = make_submission(tmp_path / "runs" / ".condor", held)
    made.events.write_text(LOG.read_text().partition("\n013 ")[0] + "\n")
    made.write_index(Index(cluster=4, runs=(held,), memory=(256,)))
    (tmp_path / "condor").write_text("CONDOR_HOST = 127.0.0.1\nCOLLECTOR_HOST = 127.0.0.1:1\n")
    monkeypatch.setenv("CONDOR_CONFIG", str(tmp_path / "condor"))
    runs = [str(tmp_path / "runs" / name) for name in names]
    commands = {
        "few": ["compare", *runs[:2], "--draws", "5"],
        "many": ["compare", *runs, "--draws", "5"],
        "wide": ["inspect", str(tmp_path / "wide.npz")],
        "status": ["status"],
        "list": ["list"],
    }
    wanted = {"few": names[:2], "many": names, "wide": [*columns, "12345.7"], "status": [held], "list": ["huber"]}
    for place, (width, lines) in enumerate(in_terminal(*commands.values())):
        name = list(commands)[place % len(commands)]
        assert [line for line in lines if length(line) > width and line[0] in "┏┃┡│└ "] == [], (name, width)
        missing = [word for word in wanted[name] if not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", "\n".join(lines))]
        assert not missing, (name, width)


@pytest.mark.parametrize(("columns", "most"), [("80", 80), ("120", 120), (None, 200)])
def test_a_pipe_is_as_wide_as_columns_says(tmp_path, monkeypatch, capsys, columns, most):
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    name = a_run(tmp_path / "registry", 0, 6)
    assert main(["registry"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if str(tmp_path) not in line]
    assert most - 60 < max(map(length, lines)) <= most
    assert any(f" {name} " in line for line in lines)


def test_what_is_no_table_fits_the_terminal_too(monkeypatch, capsys):
    for columns in ("80", "120"):
        monkeypatch.setenv("COLUMNS", columns)
        for command in (["help"], ["list", "losses", "huber"], ["list", "datasets", "table"]):
            with contextlib.suppress(SystemExit):
                main(command)
            printed = capsys.readouterr().out
            assert max(map(len, printed.splitlines())) <= int(columns)
    main(["list", "losses", "huber"])
    wide = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "80")
    main(["list", "losses", "huber"])
    assert capsys.readouterr().out.split() == wide.split()
