"""Unfinished files: swept when their process is dead, kept while it lives; links are removed, never their targets."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from untraced import process_environment

from app.core import parts
from app.core.files import REPOSITORY
from app.core.parts import part_of, remove, sweep

HALF = """
import pathlib, sys, time
from app.core.files import write_bytes

def half(file):
    file.write(b"half")
    file.flush()
    print("half", flush=True)
    time.sleep(60)

write_bytes(pathlib.Path(sys.argv[1]), half)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def writer(tmp_path: Path):
    """Yield a process that is writing tmp_path/model.npz."""
    command = [sys.executable, "-c", HALF, str(tmp_path / "model.npz")]
    pipe = {"stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=REPOSITORY, env=process_environment(), **pipe) as process:
        assert process.stdout.readline() == "half\n"
        yield process
        process.kill()


def test_the_file_of_a_living_process_stays_and_that_of_a_killed_one_goes(tmp_path: Path, writer) -> None:
    name = names(tmp_path)[0]
    sweep(tmp_path)
    assert names(tmp_path) == [name]
    writer.kill()
    writer.wait()
    assert names(tmp_path) == [name]
    sweep(tmp_path)
    assert names(tmp_path) == []


def test_the_file_of_another_machine_goes_once_it_has_been_silent(tmp_path: Path) -> None:
    new, old = tmp_path / ".a.json.00000000-1-0a1b2c3d.part", tmp_path / ".b.json.0a1b2c3d.part"  # as 0.1 named them
    new.touch()
    old.mkdir()
    os.utime(old, (time.time() - 2 * parts.SILENCE,) * 2)
    sweep(tmp_path)
    assert names(tmp_path) == [new.name]


def test_only_the_named_files_are_swept(tmp_path: Path) -> None:
    part_of(tmp_path / "out.npz").touch()
    other = part_of(tmp_path / "other.npz")
    other.touch()
    (tmp_path / "out.npz").touch()
    sweep(tmp_path, "out.npz.*")
    assert names(tmp_path) == sorted([other.name, "out.npz"])


def test_a_link_is_removed_and_its_target_stays(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "kept").touch()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "inside").symlink_to(target)
    (tmp_path / "link").symlink_to(target)
    for path in (folder, tmp_path / "link", tmp_path / "never there"):
        remove(path)
    assert [p.name for p in tmp_path.rglob("*")] == ["target", "kept"]
