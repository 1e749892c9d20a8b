"""Components in folders of the user's: found, listed, loaded again, and broken ones harm nobody else."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from app.core.files import REPOSITORY

LOSS = '''
from app.core.libraries import keras
from losses import LOSSES


@LOSSES("cauchy")
def cauchy(y_true, y_pred):
    """Cauchy's loss, log(1 + r^2)."""
    return keras.ops.mean(keras.ops.log1p((y_true - y_pred) ** 2), axis=-1)
'''
MODEL = '''
from app.core.libraries import keras
from app.models import MODELS


@keras.saving.register_keras_serializable("mine")
class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x


@MODELS("doubling")
def doubling(inputs):
    """A layer of its own."""
    return keras.layers.Dense(4)(Doubled()(next(iter(inputs.values()))))
'''
FORMULA = '''
from app.models import MODELS


@MODELS("straight")
def straight(inputs):
    """A model of its own."""
    return next(iter(inputs.values()))[:, :4]
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return a function that writes a file into the user's folder of components."""
    folder = tmp_path / "mine"
    monkeypatch.setenv("WIRECHAMBER_COMPONENTS", f"{folder}")

    def write(name, text):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        return folder / name

    write("losses/cauchy.py", LOSS)
    return write


def command(*words):
    done = subprocess.run(
        [sys.executable, "-m", "app", *words], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def job(tmp_path, small_job, **changed):
    path = tmp_path / "job.json"
    task = {**small_job["tasks"]["state"], "loss": "cauchy"}
    path.write_text(json.dumps({**small_job, "tasks": {"state": task}, **changed}))
    return str(path)


def test_own_components_are_listed_and_valid_and_a_broken_one_breaks_no_other(own, tmp_path, small_job):
    own("losses/broken.py", "def broken(:\n")
    own("app/models/straight.py", FORMULA)
    code, out, _ = command("list", "models")
    assert code == 0
    assert "  straight                 A model of its own.\n" in out
    path = job(tmp_path, small_job, model="straight")
    assert command("validate", path) == (0, f"{path}: 1 job, valid\n", "")
    task = {**small_job["tasks"]["state"], "loss": "broken"}
    code, _, err = command("validate", job(tmp_path, small_job, tasks={"state": task}))
    assert code == 2
    assert "losses.broken: cannot be imported (SyntaxError: invalid syntax (broken.py, line 1))" in err


def test_a_file_that_would_hide_one_of_the_program_is_refused(own, tmp_path, small_job):
    hiding = own("losses/mse.py" if (REPOSITORY / "losses/mse.py").exists() else "losses/regression.py", LOSS)
    taken = next(REPOSITORY.joinpath("losses").glob("[!_]*.py")).name
    hiding.rename(hiding.with_name(taken))
    code, _, err = command("validate", job(tmp_path, small_job))
    assert code == 2
    assert f"{taken}: losses has a file of this name already, which would hide it. Expected another name." in err


def test_a_folder_that_is_not_there_is_one_line(tmp_path, small_job, monkeypatch):
    monkeypatch.setenv("WIRECHAMBER_COMPONENTS", "/nowhere/at/all")
    code, _, err = command("validate", job(tmp_path, small_job))
    assert code == 2
    assert "WIRECHAMBER_COMPONENTS: no such folder. Expected folders of components. Received '/nowhere/at/all'." in err


@pytest.mark.slow
def test_a_model_with_a_layer_of_its_own_is_listed_trained_loaded_and_exported(own, tmp_path, small_job):
    own("app/models/doubling.py", MODEL)
    path = job(tmp_path, small_job, model="doubling", name="own")
    assert "  doubling                 A layer of its own.\n" in command("list", "models")[1]
    assert command("validate", path) == (0, f"{path}: 1 job, valid\n", "")
    for words in (["run", "--config", path], ["evaluate", "own"], ["export", "own"]):
        code, out, err = command(*words)
        assert code == 0, out + err
