"""A job that is run again says what differs from then; components outside of the commit are kept in the run."""

import hashlib
import json
import subprocess
import sys

import pytest

from app.execution.origin import Origin, compare_files
from app.execution.results import keep_components
from app.runs.directory import RunDirectory
from app.runtime.outside_commit import hashes, used_files
from app.runtime.provenance import provenance


@pytest.fixture
def then(tmp_path):
    """Return a function that writes the provenance of a run as of now, with changes, and returns its origin."""
    run = tmp_path / "runs" / "old"
    run.mkdir(parents=True)

    def write(**changes):
        facts = {"components": hashes(used_files()), "start": "2026-11-22T05:16:57+00:00"}
        content = provenance(facts | {"dataset": {"fingerprint": "abcdef0123456789"}})
        (run / "provenance.json").write_text(json.dumps({**content, **changes}))
        (run / "job.json").write_text("{}")
        return Origin.of(run / "job.json")

    return write


def test_nothing_differs(then):
    (line,) = then().describe("abcdef0123456789")
    assert line == "as in the run old of 2026-11-22 05:16: commit, components, versions and data are the same"
    (line,) = then().describe(None)
    assert line == "as in the run old of 2026-11-22 05:16: commit, components and versions are the same"


def test_what_differs_is_said_line_by_line(then):
    now = provenance({})
    versions = {**now["versions"], "keras": "2.0"}
    origin = then(commit="0123456789ab", dirty=True, versions=versions, components={"losses/gone.py": "00"})
    title, *lines = origin.describe("fedcba9876543210, first 50")
    assert title == "differs from the run old of 2026-11-22 05:16:"
    changes = " with changes" if now["dirty"] else ""
    assert lines[0] == f"  commit: 0123456789ab with changes then, {now['commit']}{changes} now"
    assert "  component losses/gone.py: used then from outside of the commit, not now" in lines
    assert f"  keras: 2.0 then, {now['versions']['keras']} now" in lines
    assert lines[-1] == "  data: other files or other events (abcdef01 then, fedcba98, first 50 now)"


def test_components_are_compared_by_their_content():
    then, now = {"a.py": "1", "b.py": "2", "c.py": "3"}, {"a.py": "1", "b.py": "4", "d.py": "5"}
    assert list(compare_files(then, now)) == [
        "component b.py: its content is another",
        "component c.py: used then from outside of the commit, not now",
        "component d.py: used now from outside of the commit, not then",
    ]


def test_only_the_job_of_a_run_has_an_origin(then, tmp_path):
    run = tmp_path / "runs" / "old"
    assert then().run == "old"
    (run / "other.json").write_text("{}")
    assert Origin.of(run / "other.json") is None
    (run / "provenance.json").write_text("{")
    assert Origin.of(run / "job.json") is None
    (run / "provenance.json").unlink()
    assert Origin.of(run / "job.json") is None


def test_a_run_of_before_says_nothing_of_its_components(then):
    origin = then()
    old = {name: value for name, value in origin.then.items() if name != "components"}
    assert not [line for line in Origin("old", old).differences("abcdef0123456789") if "then from outside" in line]


def test_a_component_of_ones_own_is_kept_in_the_run(tmp_path, monkeypatch):
    """What is loaded counts, helpers too; what lies beside it and is not used does not."""
    folder = tmp_path / "mine" / "losses"
    folder.mkdir(parents=True)
    for name in ("kept_here", "unused"):
        (folder / f"{name}.py").write_text(f"NAME = {name!r}\n")
    monkeypatch.setenv("WIRECHAMBER_COMPONENTS", str(tmp_path / "mine"))
    monkeypatch.syspath_prepend(str(folder))
    import kept_here

    monkeypatch.delitem(sys.modules, "kept_here")
    monkeypatch.setitem(sys.modules, "losses.kept_here", kept_here)
    run = RunDirectory(tmp_path / "run")
    known = keep_components(run)
    text = (folder / "kept_here.py").read_bytes()
    assert known["losses/kept_here.py"] == hashlib.sha256(text).hexdigest()[:16]
    assert (run.components / "losses" / "kept_here.py").read_bytes() == text
    assert "losses/unused.py" not in known


def test_untracked_and_changed_sources_are_outside_of_the_commit(tmp_path, monkeypatch):
    def git(*arguments):
        subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments], check=True
        )

    (tmp_path / "app").mkdir()
    names = ("__init__", "same", "changed", "added")
    for name in names[:3]:
        (tmp_path / "app" / f"{name}.py").touch()
    git("init", "--quiet")
    git("add", "app")
    git("commit", "--quiet", "-m", "Begin")
    assert used_files(tmp_path) == {}
    for name in ("changed", "added"):
        (tmp_path / "app" / f"{name}.py").write_text("1\n")
    for name in names:
        module = type(sys)(f"probe_{name}")
        module.__file__ = str(tmp_path / "app" / f"{name}.py")
        monkeypatch.setitem(sys.modules, module.__name__, module)
    assert list(used_files(tmp_path)) == ["app/added.py", "app/changed.py"]


@pytest.mark.slow
def test_the_job_of_a_run_is_run_again(copied, capsys):
    from app.cli import main

    job = copied / "runs" / "trained" / "job.json"
    provenance = job.with_name("provenance.json")
    content = json.loads(provenance.read_text())
    provenance.write_text(json.dumps(content | {"versions": content["versions"] | {"keras": "2.0"}}))
    assert main(["run", str(job), "--dry-run"]) == 0
    assert "keras: 2.0 then" in capsys.readouterr().out
    assert main(["run", str(job), "--overwrite", "--limit", "50"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "the run trained of" in printed
    assert "components" in json.loads((copied / "runs" / "trained" / "provenance.json").read_text())
