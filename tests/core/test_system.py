"""Folders, time and redirected output of a process."""

import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.core.errors import UserError
from app.core.files import REPOSITORY
from app.core.system import Roots, cores, now, redirect_output, roots


def test_the_folders_lie_in_the_repository_unless_the_environment_says_otherwise(monkeypatch, tmp_path):
    for name in ("RUNS", "REGISTRY", "DATA", "LOGS"):
        monkeypatch.delenv(f"WIRECHAMBER_{name}", raising=False)
    assert roots() == Roots(REPOSITORY / "runs", REPOSITORY / "registry", REPOSITORY / "data", None)
    monkeypatch.setenv("WIRECHAMBER_REGISTRY", str(tmp_path))
    monkeypatch.setenv("WIRECHAMBER_DATA", "")  # as if it were not set
    monkeypatch.setenv("WIRECHAMBER_LOGS", "logs")
    assert roots() == Roots(REPOSITORY / "runs", tmp_path, REPOSITORY / "data", Path("logs"))


def test_a_child_gets_the_folders_as_absolute_paths(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    environment = Roots(Path("runs"), Path("registry"), Path("/data"), None).environment
    assert environment == {
        "WIRECHAMBER_RUNS": str(tmp_path / "runs"),
        "WIRECHAMBER_REGISTRY": str(tmp_path / "registry"),
        "WIRECHAMBER_DATA": "/data",
    }


def test_the_time_is_written_in_utc_to_the_second():
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", now())
    assert abs(datetime.fromisoformat(now()) - datetime.now(UTC)) < timedelta(seconds=5)


def test_only_the_cores_that_the_process_may_use_count():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert cores() == len(allowed)


def test_all_cores_count_where_the_system_does_not_tell_which_may_be_used(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cores() == os.cpu_count()


@pytest.mark.parametrize(
    ("descriptors", "file", "output"), [("(1, 2)", "out raw err", "after"), ("(2,)", "err", "out raw after")]
)
def test_output_goes_into_a_file_also_when_it_bypasses_python(descriptors, file, output, tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from app.core.system import redirect_output\n"
        f"with Path(sys.argv[1]).open('wb') as file, redirect_output(file, {descriptors}):\n"
        "    print('out', flush=True); os.write(1, b'raw\\n'); print('err', file=sys.stderr)\n"
        "print('after')"
    )
    path = tmp_path / "output.txt"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, cwd=REPOSITORY, check=True
    )
    assert (path.read_text().split(), done.stdout.split(), done.stderr) == (file.split(), output.split(), "")


def test_output_comes_back_after_an_error(tmp_path, capfd):
    with (
        pytest.raises(RuntimeError),
        (tmp_path / "output.txt").open("wb") as file,
        redirect_output(file),
    ):
        raise RuntimeError
    print("after")
    assert capfd.readouterr().out == "after\n"


HOLD = "import logging, os, signal, sys\nfrom app.core.system import hold_back_errors\n"
WRITE = "    os.write(2, b'E0000 failed call to cuInit\\n')\n"


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("import ctypes; ctypes.CDLL(None).exit(1)", 1),  # as a wrong flag of XLA ends TensorFlow
        ("os.abort()", -signal.SIGABRT),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),  # as the system does when memory runs out
        ("raise ImportError('no such library')", 1),
    ],
)
def test_what_is_held_back_is_printed_whatever_ends_the_process(end, code):
    program = f"{HOLD}with hold_back_errors():\n{WRITE}    {end}\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert done.returncode == code
    assert done.stderr.startswith("E0000 failed call to cuInit\n")


def test_what_is_held_back_goes_to_the_log_where_nothing_fails(tmp_path):
    program = (
        f"import tempfile; tempfile.tempdir = {str(tmp_path)!r}\n{HOLD}"
        "logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format='%(levelname)s %(message)s')\n"
        f"with hold_back_errors():\n{WRITE}print('after', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert (done.stdout, done.stderr) == ("DEBUG E0000 failed call to cuInit\n", "after\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_wrong_flag_of_xla_is_named():
    program = "from app.core.libraries import keras; keras.ops"
    environment = {**os.environ, "TF_XLA_FLAGS": "--nonsense=2"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env=environment, check=False)
    assert done.returncode != 0
    assert "Unknown flag in TF_XLA_FLAGS: --nonsense=2" in done.stderr


@pytest.mark.parametrize("name", ["RUNS", "REGISTRY", "DATA", "LOGS"])
def test_a_folder_that_cannot_be_is_named_by_its_variable(monkeypatch, name):
    monkeypatch.setenv(f"WIRECHAMBER_{name}", "x" * 300)
    with pytest.raises(
        UserError, match=rf"^WIRECHAMBER_{name}: no usable path \(File name too long\)\. Expected names"
    ):
        roots()
