"""The commit that a run comes from is that of the program, not that of a repository that happens to lie around it."""

import subprocess

import pytest

from app.runtime.provenance import commit_of


def git(folder, *arguments):
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def program(tmp_path):
    """A folder with packages inside a repository that does not know them."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "analysis.py").touch()
    git(tmp_path, "add", "analysis.py")
    git(tmp_path, "commit", "--quiet", "-m", "Begin")
    (tmp_path / "lib" / "app").mkdir(parents=True)
    (tmp_path / "lib" / "app" / "__init__.py").touch()
    return tmp_path / "lib"


def test_a_repository_around_the_program_is_not_its_own(program, monkeypatch):
    assert commit_of(program) == (None, False)
    assert commit_of(program.parent / "absent") == (None, False)
    git(program, "add", "app")
    git(program, "commit", "--quiet", "-m", "Keep the program")
    commit = git(program, "rev-parse", "--short=12", "HEAD")
    assert commit_of(program) == (commit, False)
    (program / "app" / "__init__.py").write_text("1\n")
    assert commit_of(program) == (commit, True)


def test_a_repository_that_a_hook_of_git_names_is_not_its_own_either(program, tmp_path, monkeypatch):
    git(program, "add", "app")
    git(program, "commit", "--quiet", "-m", "Keep the program")
    commit = git(program, "rev-parse", "--short=12", "HEAD")
    git(tmp_path, "init", "--quiet", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert commit_of(program) == (commit, False)
