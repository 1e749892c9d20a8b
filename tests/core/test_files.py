"""Atomic writes under kills, full disks and many writers; paths of a job; what is in the way is reported first."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path
from typing import BinaryIO

import pytest
from untraced import process_environment

from app.cli import main
from app.core.errors import UserError, WirechamberError
from app.core.files import (
    REPOSITORY,
    NotWritten,
    check_file,
    check_folder,
    expand,
    find_files,
    make_folder,
    read_json,
    write_bytes,
    write_file,
    write_json,
    write_text,
)
from app.core.system import Roots, roots


def start(code: str, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, str(path)]
    return subprocess.Popen(command, cwd=REPOSITORY, env=process_environment(), stdout=subprocess.PIPE, text=True)


def test_a_file_is_written_as_it_is_meant(tmp_path: Path) -> None:
    write_text(tmp_path / "a.md", "π μ\n")
    assert (tmp_path / "a.md").read_bytes() == "π μ\n".encode()
    write_json(tmp_path / "a.json", {"x": [1, 2.5]})
    assert (tmp_path / "a.json").read_text() == '{\n  "x": [\n    1,\n    2.5\n  ]\n}\n'


def test_an_object_that_was_written_is_read_again(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": [1, 2.5], "name": "π"})
    assert read_json(tmp_path / "a.json") == {"x": [1, 2.5], "name": "π"}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "is missing"),
        (b"", "cannot be read (Expecting value: line 1 column 1 (char 0))"),
        (b'{"x": [1, 2', "cannot be read (Expecting ',' delimiter: line 1 column 12 (char 11))"),
        (b'{"x": "\xff"}', "cannot be read ('utf-8' codec can't decode byte 0xff in position 7: invalid start byte)"),
        (b"[1, 2]", "holds no JSON object"),
        (b"null", "holds no JSON object"),
    ],
    ids=["missing", "empty", "cut", "not text", "list", "null"],
)
def test_a_json_file_that_is_missing_cut_or_another_is_named(tmp_path: Path, content: bytes | None, what: str) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_json(path, "the plan as it was written")
    assert str(caught.value) == f"{path}: {what}. Expected the plan as it was written."


def test_a_folder_in_place_of_a_json_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be read \(Is a directory\)\. Expected a file of a run that is done"):
        read_json(tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_json_is_refused_and_nothing_changes(tmp_path: Path, value: float) -> None:
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", value)
    assert json.loads((tmp_path / "a.json").read_text()) == 1


def test_a_writer_that_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    write_text(path, "old")

    def half(file: BinaryIO) -> None:
        file.write(b"ne")
        raise KeyError

    with pytest.raises(KeyError):
        write_bytes(path, half)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("model.npz", "old")]


def test_a_writer_that_opens_the_file_itself_is_as_safe(tmp_path: Path) -> None:
    path = tmp_path / "shard.root"
    write_file(path, lambda part: part.write_text("old"))

    def half(part: Path) -> None:
        part.write_text("ne")
        raise KeyError

    with pytest.raises(KeyError):
        write_file(path, half)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("shard.root", "old")]
    with pytest.raises(NotWritten, match=r"none/a\.root: cannot be written \(No such file or directory\)"):
        write_file(tmp_path / "none" / "a.root", lambda part: part.write_text("new"))


def test_a_writer_killed_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    write_text(path, "old")
    process = start(
        "import pathlib, sys, time\nfrom app.core.files import write_bytes\n"
        "def half(file):\n    file.write(b'ne')\n    file.flush()\n    print('half', flush=True)\n    time.sleep(60)\n"
        "write_bytes(pathlib.Path(sys.argv[1]), half)",
        path,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert path.read_text() == "old"
    assert [p.suffix for p in tmp_path.iterdir() if p != path] == [".part"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_json(path, ["x"] * 2000)

    def rewrite(letter: str) -> None:
        for _ in range(15):
            write_json(path, [letter] * 2000)

    writers = [threading.Thread(target=rewrite, args=(letter,)) for letter in "abc"]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        content = json.loads(path.read_text())
        assert len(content) == 2000
        assert len(set(content)) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["record.json"]


def test_a_full_disk_is_one_line_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "shard.npz"
    write_text(path, "old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # the system refuses to write more than that
    try:
        with pytest.raises(NotWritten) as caught:
            write_text(path, "x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(caught.value) == f"{path}: cannot be written (File too large)."
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("shard.npz", "old")]


def test_a_missing_folder_is_named_and_is_both_a_failure_of_ours_and_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(NotWritten, match=r"missing/a\.json: cannot be written \(No such file or directory\)") as caught:
        write_json(tmp_path / "missing" / "a.json", 1)
    assert isinstance(caught.value, WirechamberError)
    assert isinstance(caught.value, OSError)
    assert caught.value.exit_code == 1


def test_relative_paths_start_at_the_repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA", str(tmp_path))
    assert expand("json/x.json") == REPOSITORY / "json" / "x.json"
    assert expand("${DATA}/x.npz") == tmp_path / "x.npz"
    assert expand("~/x.npz") == Path(os.path.expanduser("~")) / "x.npz"  # noqa: PTH111 - the other way to say it


def test_relative_paths_start_at_the_working_directory_where_the_program_is_a_copy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("RUNS", "REGISTRY", "DATA", "LOGS"):
        monkeypatch.delenv(f"WIRECHAMBER_{name}", raising=False)
    monkeypatch.setattr("app.core.packages.ROOT", str(tmp_path / "site-packages"))
    (tmp_path / "a.npz").touch()
    monkeypatch.chdir(tmp_path)
    assert find_files(["a.npz"]) == [tmp_path / "a.npz"]
    assert roots() == Roots(tmp_path / "runs", tmp_path / "registry", tmp_path / "data", None)


def test_a_variable_that_is_not_set_is_named_at_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    with pytest.raises(UserError, match=r"^dataset\.files\.1: a variable in the path is not set.*variable NOWHERE"):
        find_files([__file__, "${NOWHERE}/x.npz"], ("dataset", "files"))


def test_patterns_give_their_files_in_order(tmp_path: Path) -> None:
    for name in ("b.npz", "a.npz", "c.txt", "odd[1].npz"):
        (tmp_path / name).touch()
    assert [p.name for p in find_files([f"{tmp_path}/?.npz"])] == ["a.npz", "b.npz"]
    assert [p.name for p in find_files([f"{tmp_path}/c.txt", f"{tmp_path}/a.npz"])] == ["c.txt", "a.npz"]
    assert [p.name for p in find_files([f"{tmp_path}/odd[1].npz"])] == ["odd[1].npz"]


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """Return a folder with links to another disk, circles, hidden and half-named things, and nine that are data."""
    here, disk = tmp_path / "here", tmp_path / "disk"
    for name in ("run1", "run.d/deep", ".hidden", "run1.root", "run2.npz"):
        (here / name).mkdir(parents=True)
    (disk / "far").mkdir(parents=True)
    files = ["a.npz", "b.NPZ", "run1/c.root", "run1/C.Root", "run.d/deep/d.npz", "run1.root/e.npz"]
    for path in [here / name for name in (*files, ".f.npz", ".hidden/g.npz", "notes.txt", "run1/.h.root")]:
        path.touch()
    for path in (disk / "x.npz", disk / "far" / "y.root"):
        path.touch()
    (here / "linked").symlink_to(disk)
    (here / "again").symlink_to(disk)  # one folder under two names is read once
    (here / "z.npz").symlink_to(disk / "x.npz")
    (here / "lost.npz").symlink_to(disk / "nothing.npz")
    (here / "run1" / "up").symlink_to(here)
    (here / "run1" / "higher").symlink_to(tmp_path)
    (disk / "back").symlink_to(disk / "far")
    return here


DATA = ["a.npz", "again/far/y.root", "again/x.npz", "b.NPZ", "run.d/deep/d.npz", "run1.root/e.npz"]
DATA = sorted([*DATA, "run1/C.Root", "run1/c.root", "z.npz"], key=Path)


def test_folders_and_patterns_mean_the_same_files(linked: Path) -> None:
    def names(pattern: str) -> list[str]:
        return [str(path.relative_to(linked)) for path in find_files([pattern])]

    assert names(f"{linked}") == DATA
    assert names(f"{linked}/**/*.[nNrR][pPoO]*") == DATA
    assert names(f"{linked}/**/*.npz") == [name for name in DATA if name.endswith(".npz")]
    assert names(f"{linked}/*.npz") == ["a.npz", "z.npz"]
    assert names(f"{linked}/*/*.npz") == ["again/x.npz", "linked/x.npz", "run1.root/e.npz"]
    assert names(f"{linked}/**/far/*") == ["again/far/y.root"]
    assert names(f"{linked}/**/deep/**/*.npz") == ["run.d/deep/d.npz"]
    assert names(f"{linked}/**") == names(f"{linked}/**/*")  # at its end too it is any folder below
    with pytest.raises(UserError, match="the pattern matches no file"):
        names(f"{linked}/run?.root")  # a folder


def test_the_suffix_of_a_data_file_has_any_case(tmp_path: Path) -> None:
    (tmp_path / "hits.ROOT").touch()
    assert [p.name for p in find_files([f"{tmp_path}/hits.ROOT:dump"])] == ["hits.ROOT:dump"]


ODD = ("a b", "a[1]", "a*", "q?", "$(x)", "100%", "'q\"", "-x", "#", "~x", "größe", "😀", "a\nb", "{c}", "x" * 251)
"""Names that a file system allows, and that mean more to a shell or as a pattern."""


@pytest.mark.parametrize("folder", ODD)
def test_names_that_look_like_patterns_mean_themselves(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    files = sorted(tmp_path / folder / f"{name}.npz" for name in ODD)
    for file in files:
        file.write_bytes(b"")
    assert find_files([file.name for file in files], start=tmp_path / folder) == files
    assert find_files([str(file) for file in files]) == files
    assert find_files([f"{folder}/{file.name}" for file in files], start=tmp_path) == files
    for pattern in ("*.npz", "**/*.npz", "../*/*.npz"):
        assert find_files([pattern], start=tmp_path / folder) == files or pattern.startswith("..")
    assert sorted(find_files([folder], start=tmp_path)) == files
    with pytest.raises(UserError, match=r"^no such file\. Did you mean"):
        find_files(["-xx.npz"], start=tmp_path / folder)


def test_a_missing_file_is_named_with_the_nearest_and_an_empty_pattern_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tracks.npz").touch()
    with pytest.raises(UserError, match=r"files\.0: no such file\. Did you mean 'tracks\.npz'\?"):
        find_files([f"{tmp_path}/track.npz"], ("files",))
    with pytest.raises(UserError, match=r"files\.0: the pattern matches no file\. Expected at least one file"):
        find_files([f"{tmp_path}/*.root"], ("files",))


def test_a_tree_inside_a_root_file_is_not_part_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "hits.root").touch()
    assert [p.name for p in find_files([f"{tmp_path}/hits.root:MuonHitDump"])] == ["hits.root:MuonHitDump"]


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


@pytest.mark.parametrize("command", OPTIONS)
def test_what_is_in_the_way(runs, capsys, command):
    before = sorted(runs.rglob("*"))
    assert main([*OPTIONS[command], str(runs / "file/below/x")]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith(OPTIONS[command][-1])
    assert "file: cannot be made (a file is in its place). Expected a folder." in error
    assert sorted(runs.rglob("*")) == before


@pytest.mark.parametrize("command", OPTIONS)
@pytest.mark.parametrize("place", ["a" * 300 + "/x", "absent/" + "a" * 300, "folder/" * 700])
def test_a_name_that_no_file_can_have(tmp_path, capsys, command, place):
    with pytest.raises(SystemExit) as ended:
        main([*OPTIONS[command], str(tmp_path / place)])
    assert ended.value.code == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert f"argument {OPTIONS[command][-1]}: no usable path (" in error
    assert ". Expected names of at most 255 bytes that this user can reach. Received '" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["compare file", "report"])
def test_a_folder_in_the_place_of_a_file(runs, capsys, command):
    assert main([*OPTIONS[command], str(runs / "folder")]) == 2
    assert capsys.readouterr().err.endswith("folder: is a folder. Expected a file, or a name for one.\n")
    assert not list((runs / "folder").iterdir())


@pytest.mark.parametrize("command", ["compare folder", "best", "export"])
def test_a_file_in_the_place_of_a_folder(runs, capsys, command):
    assert main([*OPTIONS[command], str(runs / "file")]) == 2
    assert "file: cannot be made (a file is in its place)" in capsys.readouterr().err
    assert (runs / "file").read_text() == "a file"


def error_without_rights(check, path):
    """Return the error of a user without rights; root, who may write everywhere, asks in a process of nobody's."""
    if os.geteuid() != 0:
        return error_of(check, path)
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads that the child does not have
        child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        os.write(writer, error_of(check, path).encode())
        os._exit(0)
    os.close(writer)
    assert os.waitpid(child, 0)[1] == 0
    with os.fdopen(reader) as text:
        return text.read()


def error_of(check, path):
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
        error = error_without_rights(check, folder / "new" / "x")
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


@pytest.mark.parametrize("name", ["x" * 250 + ".html", "ü" * 125 + ".txt", "😀" * 62 + ".csv"])
def test_a_file_may_have_the_longest_name(tmp_path, name):
    write_text(tmp_path / name, "text")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "text")]
