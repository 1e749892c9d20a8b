"""What answers at once does so because it never loads TensorFlow and its kind; proved in processes of their own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from app.commands._table import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("tensorflow", "keras", "uproot", "awkward", "matplotlib", "sklearn", "scipy", "pandas", "numba", "tf2onnx")
JOB = "json/track_extrapolation/mlp_tiny.json"
LIGHT_COMMANDS = [
    ["--help"],
    *[[command, "--help"] for command in COMMANDS],
    ["list"],
    ["list", "losses"],
    ["schema"],
    ["validate", JOB],
    ["registry"],
]
RUN_COMMANDS = """
import contextlib, io, json, sys
for arguments in json.loads(sys.argv[1]):
    before, output = set(sys.modules), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            from app.cli import main
            code = main(arguments)
        except SystemExit as error:
            code = error.code or 0
    print(json.dumps([code, sorted(set(sys.modules) - before), output.getvalue()]))
"""
"""Runs commands one after the other in one process and prints for each: exit code, modules that it loaded, output."""


def run_commands(*commands, among=HEAVY, script=RUN_COMMANDS):
    """Run commands in one new process and return for each (exit code, those of `among` that it loaded, output)."""
    process = [sys.executable, "-c", script, json.dumps(commands)]
    done = subprocess.run(process, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(commands)
    return [(code, set(among).intersection(modules), output) for code, modules, output in answers]


def loaded(*arguments):
    """Run `python <arguments>` and return (exit code, those of HEAVY that -X importtime reports, output)."""
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    names = set(re.findall(r"^import time:[^|]*\|[^|]*\|\s*([\w.]+)$", done.stderr, re.MULTILINE))
    assert "encodings" in names, done.stderr
    rest = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("import time:"))
    return done.returncode, {name.split(".")[0] for name in names} & set(HEAVY), done.stdout + rest


def test_light_commands_do_not_load_tensorflow():
    for arguments, (code, heavy, output) in zip(LIGHT_COMMANDS, run_commands(*LIGHT_COMMANDS), strict=True):
        assert code == 0, (arguments, output)
        assert not heavy, arguments
        assert output.strip(), arguments


def test_what_a_shell_waits_for_loads_next_to_nothing():
    commands = [["--help"], ["--version"], ["completion", "bash"], ["completion", "--words=evaluate\n"], ["list"]]
    answers = run_commands(*commands, among=(*HEAVY, "pydantic", "rich", "numpy"))
    for arguments, (code, heavy, output) in zip(commands, answers, strict=True):
        assert (code, heavy) == (0, set()), (arguments, output)


def test_a_shell_is_answered_before_anything_else_is_loaded(tmp_path):
    (tmp_path / "mlp").mkdir()
    (tmp_path / "mlp" / "job.json").touch()
    for words, answer in (("ev", "evaluate\n"), ("show\nm", "mlp\n")):
        command = [sys.executable, "-S", "-X", "importtime", "wirechamber.py", "completion", f"--words={words}"]
        environment = {"WIRECHAMBER_RUNS": str(tmp_path)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == answer
        loaded = set(re.findall(r"\| +([\w.]+)$", done.stderr, re.M))
        assert "app.commands.completion" in loaded
        assert not loaded & {"argparse", "logging", "pathlib", "subprocess", "app.cli", "app.core.errors"}


def test_a_job_is_validated_without_the_components_that_it_does_not_name():
    others = ("rich", "datasets.simulate.xenon", "datasets.simulate.argon", "app.models.pinn", "app.metrics.timing")
    among = (*HEAVY, *others, "app.search", "app.workflows.plan")
    code, heavy, output = run_commands(["validate", JOB], among=among)[0]
    assert (code, heavy) == (0, set()), output


def test_the_script_does_not_load_tensorflow_before_the_job_is_read(tmp_path):
    code, heavy, output = loaded("app/run.py", "--help")
    assert (code, heavy) == (0, set())
    assert "--config" in output
    code, heavy, output = loaded("app/run.py", "--config", str(tmp_path / "absent.json"))
    assert (code, heavy) == (2, set())
    assert "absent.json" in output


def test_a_bad_job_is_refused_without_tensorflow(tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text('{"name": "bad", "traning": {}}')
    code, heavy, output = run_commands(["validate", str(bad)])[0]
    assert code == 2, output
    assert not heavy
    assert "traning: unknown key. Did you mean 'training'?" in output
    assert "Traceback" not in output


def test_the_probes_see_a_package_that_is_loaded():
    script = RUN_COMMANDS.replace("from app.cli", "import scipy.stats; from app.cli")
    answers = run_commands(["--help"], ["--help"], script=script)
    assert [answer[:2] for answer in answers] == [(0, {"scipy"}), (0, set())]
    code, heavy, _ = loaded("-c", "import scipy.stats")
    assert (code, heavy) == (0, {"scipy"})
