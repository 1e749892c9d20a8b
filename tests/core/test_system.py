"""Folders, time and redirected output of a process."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

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
