"""What answers at once does so because it never loads TensorFlow and its kind; proved in processes of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.commands._table import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("tensorflow", "keras", "uproot", "awkward", "matplotlib", "sklearn", "scipy", "pandas", "numba", "tf2onnx")
JOB = "json/track_extrapolation/mlp_tiny.json"
COMMAND = ("-c", "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))")


def loaded(*arguments, among=HEAVY):
    """Run `python <arguments>` and return (exit code, those of `among` that -X importtime reports, output)."""
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    names = set(re.findall(r"^import time:[^|]*\|[^|]*\|\s*([\w.]+)$", done.stderr, re.MULTILINE))
    assert "encodings" in names, done.stderr
    rest = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("import time:"))
    return done.returncode, ({name.split(".")[0] for name in names} | names) & set(among), done.stdout + rest


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        *[[command, "--help"] for command in COMMANDS],
        ["list"],
        ["list", "losses"],
        ["schema"],
        ["validate", JOB],
        ["registry"],
    ],
    ids=" ".join,
)
def test_light_commands_do_not_load_tensorflow(arguments):
    code, heavy, output = loaded(*COMMAND, *arguments)
    assert code == 0, output
    assert not heavy
    assert output.strip()


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["completion", "bash"], ["completion", "--words=evaluate\n"]],
    ids=" ".join,
)
def test_what_a_shell_waits_for_loads_next_to_nothing(arguments):
    code, heavy, output = loaded(*COMMAND, *arguments, among=(*HEAVY, "pydantic", "rich", "numpy"))
    assert (code, heavy) == (0, set()), output


def test_a_job_is_validated_without_the_components_that_it_does_not_name():
    others = ("rich", "datasets.simulate.xenon", "datasets.simulate.argon", "app.models.pinn", "app.metrics.timing")
    code, heavy, output = loaded(*COMMAND, "validate", JOB, among=(*HEAVY, *others, "app.search", "app.workflows.plan"))
    assert (code, heavy) == (0, set()), output
    code, heavy, output = loaded(*COMMAND, "list", among=(*HEAVY, "rich", "numpy", "pydantic"))
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
    code, heavy, output = loaded(*COMMAND, "validate", str(bad))
    assert code == 2, output
    assert not heavy
    assert "traning: unknown key. Did you mean 'training'?" in output
    assert "Traceback" not in output


def test_the_probe_sees_a_package_that_is_loaded():
    code, heavy, _ = loaded("-c", "import scipy.stats")
    assert (code, heavy) == (0, {"scipy"})
