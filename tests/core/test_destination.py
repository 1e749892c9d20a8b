"""Where verbs write to: what is in the way is said before anything is computed, and nothing is left behind."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path

import pytest

from app.cli import main
from app.core.destination import check_file, check_folder, make_folder
from app.core.errors import UserError

NOBODY = 65534
OPTIONS = {
    "compare folder": ["compare", "one", "two", "--output-dir"],
    "compare file": ["compare", "one", "two", "--json"],
    "report": ["report", "--out"],
    "best": ["best", "track_extrapolation", "--copy-to"],
    "export": ["export", "one", "--out"],
}


@pytest.fixture
def runs(made_run, tmp_path):
    """Make the runs "one" and "two", the folder "folder" and the file "file"; return the folder of all."""
    for name, error in (("one", 1.0), ("two", 2.0)):
        folder = made_run(name, error)
        (folder / "model.keras").write_bytes(b"PK\5\6" + 18 * b"\0")
        (folder / "normalization.json").write_text('{"columns": {}}')
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("a file")
    return tmp_path


@pytest.mark.parametrize("verb", OPTIONS)
@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("file/below/x", "file: cannot be made (a file is in its place). Expected a folder."),
        ("a" * 300 + "/x", ": no path (File name too long). Expected a path."),
    ],
)
def test_what_is_in_the_way(runs, capsys, verb, place, words):
    before = sorted(runs.rglob("*"))
    assert main([*OPTIONS[verb], str(runs / place)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(OPTIONS[verb][-1])
    assert words in error
    assert len(error.splitlines()) == 1
    assert sorted(runs.rglob("*")) == before


@pytest.mark.parametrize("verb", ["compare file", "report"])
def test_a_folder_in_the_place_of_a_file(runs, capsys, verb):
    assert main([*OPTIONS[verb], str(runs / "folder")]) == 2
    assert capsys.readouterr().err.endswith("folder: is a folder. Expected a file, or a name for one.\n")
    assert not list((runs / "folder").iterdir())


@pytest.mark.parametrize("verb", ["compare folder", "best", "export"])
def test_a_file_in_the_place_of_a_folder(runs, capsys, verb):
    assert main([*OPTIONS[verb], str(runs / "file")]) == 2
    assert "file: cannot be made (a file is in its place)" in capsys.readouterr().err
    assert (runs / "file").read_text() == "a file"


def told(check, path):
    """Return what a user without rights is told; root, who may write everywhere, asks in a process of nobody's."""
    if os.geteuid() != 0:
        return said(check, path)
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads that the child does not have
        child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        os.write(writer, said(check, path).encode())
        os._exit(0)
    os.close(writer)
    assert os.waitpid(child, 0)[1] == 0
    with os.fdopen(reader) as text:
        return text.read()


def said(check, path):
    try:
        check(path, "--out")
    except UserError as error:
        return str(error)
    return "nothing"


@pytest.mark.parametrize("check", [check_folder, check_file])
def test_a_closed_folder(check):
    with tempfile.TemporaryDirectory() as name:  # that of pytest is closed to others
        folder = Path(name) / "closed"
        folder.mkdir(mode=0o555)
        folder.parent.chmod(0o755)
        error = told(check, folder / "new" / "x")
    assert error.startswith(f"--out {folder}: cannot be written to. Expected a writable folder")


def test_what_is_not_there_can_be_made(tmp_path):
    check_file(tmp_path / "a" / "b" / "report.html", "--out")
    check_folder(tmp_path / "a" / "b", "--out")
    assert not (tmp_path / "a").exists()
    make_folder(tmp_path / "a" / "b", "--out")
    check_file(tmp_path / "a" / "b" / "report.html", "--out")


def test_what_the_system_refuses_all_the_same(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"^--out .*below: cannot be made \(Not a directory\)"):
        make_folder(tmp_path / "file" / "below", "--out")
