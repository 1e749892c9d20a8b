"""Names of the program's packages are taken by others as well: it finds its own all the same, or says why not."""

import os
import subprocess
import sys

import pytest

from app.core.files import REPOSITORY
from app.core.packages import describe_mixture

OTHERS = ("app", "datasets", "jobs", "losses", "registry")
ENTRIES = {
    "the console command": ("-c", "from wirechamber import command; command()"),
    "wirechamber.py": (str(REPOSITORY / "wirechamber.py"),),
    "app/__main__.py": (str(REPOSITORY / "app" / "__main__.py"),),
    "app/run.py": (str(REPOSITORY / "app" / "run.py"),),
}


def call(*command, cwd, path, **variables):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), **variables}
    command = (sys.executable, *command)
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def others(tmp_path):
    """A folder with scripts and packages that end the program where they are imported."""
    folder = tmp_path / "others"
    for name in OTHERS:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"raise SystemExit('{name} of another program')\n")
    return folder


@pytest.mark.parametrize("entry", ENTRIES)
def test_packages_of_the_same_names_are_not_in_the_way(entry, others):
    words = ("--config", "absent.json") if entry == "app/run.py" else ("run", "--config", "absent.json")
    done = call(*ENTRIES[entry], *words, cwd=others, path=[others, REPOSITORY])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "absent.json: no such file. Expected a job file (JSON).\n"


def test_a_package_that_was_imported_before_is_named(tmp_path):
    (tmp_path / "datasets.py").touch()
    (tmp_path / "sitecustomize.py").write_text("import datasets\n")
    done = call(str(REPOSITORY / "app" / "run.py"), "--config", "absent.json", cwd=tmp_path, path=[tmp_path])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"wirechamber: the package 'datasets' of another program ({tmp_path / 'datasets.py'}) was imported before the "
        "program's own. Expected a Python that imports none when it starts.\n"
    )


def test_a_package_that_another_distribution_has_written_into_the_same_folder_is_named(monkeypatch):
    error = ImportError("cannot import name 'DATASETS' from 'datasets'", name="datasets")
    assert describe_mixture(error) is None
    assert describe_mixture(ImportError("no numpy", name="numpy")) is None
    found = {"datasets": ["datasets", "wirechamber"]}
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: found)
    expected = f"wirechamber: the package 'datasets' is mixed with that of datasets ({REPOSITORY / 'datasets'})."
    assert describe_mixture(error).startswith(expected)
