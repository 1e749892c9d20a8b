"""What a person's environment says about other programs changes no result, bitwise, or ends in one line before."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from app.core.files import REPOSITORY

JOB = {
    "name": "tiny",
    "application": "track_extrapolation",
    "rationale": "Bitwise equal everywhere.",
    "model": {"name": "mlp", "hidden": [128, 128]},
    "tasks": {
        "state": {"targets": ["x", "y", "tx", "ty"], "transform": "kick", "loss": "mse", "metrics": ["track_residuals"]}
    },
    "training": {"epochs": 2, "batch_size": 512},
    "plots": ["residuals"],
}
KERAS = {"floatx": "float64", "epsilon": 1e-3, "image_data_format": "channels_first", "backend": "torch"}
NO_UTF8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ENVIRONMENTS = {
    "the same again": {},
    "keras.json and another backend": {"HOME": "{home}", "KERAS_HOME": "{home}/.keras", "KERAS_BACKEND": "torch"},
    "a backend that does not exist": {"KERAS_BACKEND": "nonsense", "TF_USE_LEGACY_KERAS": "1", "TF2_BEHAVIOR": "0"},
    "jax": {"KERAS_BACKEND": "jax", "PYTHONHASHSEED": "7", "PYTHONWARNINGS": "error"},
    "other kernels": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "another allocator": {"TF_DETERMINISTIC_OPS": "0", "TF_CPU_ALLOCATOR_USE_BFC": "false"},
    "XLA everywhere": {"TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit"},
    "fast mathematics": {"XLA_FLAGS": "--xla_cpu_enable_fast_math=true"},
    "one thread": {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"},
    "two threads": {"OMP_NUM_THREADS": "2", "TF_NUM_INTRAOP_THREADS": "2"},
    "German": {"LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8", "TZ": "Asia/Kathmandu"},
    "ASCII": NO_UTF8,
    "matplotlib": {"MATPLOTLIBRC": "{home}", "MPLBACKEND": "module://matplotlib_inline.backend_inline"},
    "another datasets": {"PYTHONPATH": "{home}/others"},
    "no home": {"HOME": "", "MPLCONFIGDIR": "/proc", "TMPDIR": "/nonexistent"},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home directory with settings that nobody would want here."""
    home = tmp_path_factory.mktemp("home")
    (home / ".keras").mkdir()
    (home / ".keras" / "keras.json").write_text(json.dumps(KERAS))
    (home / "matplotlibrc").write_text("text.usetex: True\nfigure.facecolor: black\n")
    (home / "others" / "datasets").mkdir(parents=True)
    (home / "others" / "datasets" / "__init__.py").write_text("raise RuntimeError('of another program')\n")
    return home


def write_job(folder):
    rng, rows = np.random.default_rng(1), 2000
    start = np.concatenate([rng.uniform(-1, 1, (rows, 4)), 1 / rng.uniform(2, 100, (rows, 1))], axis=1)
    end = start[:, :4] + 0.9 * start[:, 4:]
    end[:, :2] += 5161 * start[:, 2:4]
    np.savez(folder / "data.npz", X=np.column_stack([start, np.full(rows, 5161.0)]), Y=end)
    dataset = {"name": "track_states", "files": [str(folder / "data.npz")]}
    (folder / "job.json").write_text(json.dumps(JOB | {"dataset": dataset}))
    return folder / "job.json"


def start(*command, environment=None, **options):
    """Run a command in a process with further variables, and without those of the test."""
    own = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONWARNINGS")}
    own |= environment or {}
    return subprocess.run(command, env=own, capture_output=True, text=True, check=False, **options)


def train(folder, job, environment=None, python=(sys.executable,), cwd=None):
    """Train into `folder` and return digests of what came out."""
    own = {"WIRECHAMBER_RUNS": str(folder / "runs"), "WIRECHAMBER_REGISTRY": str(folder / "registry")}
    command = [*python, str(REPOSITORY / "app" / "run.py"), "--config", str(job), "--deterministic"]
    done = start(*command, environment=own | (environment or {}), cwd=cwd or folder)
    assert done.returncode == 0, done.stderr
    return digests(folder / "runs" / "tiny")


def digests(run):
    import h5py

    parts = {}
    with zipfile.ZipFile(run / "model.keras") as model:
        weights = h5py.File(io.BytesIO(model.read("model.weights.h5")))
    weights.visititems(lambda name, item: parts.update({name: item[()].tobytes()} if hasattr(item, "dtype") else {}))
    history = json.loads((run / "history.json").read_text()) | {"training_time": None}
    parts["history"] = json.dumps(history).encode()
    for name in ("predictions.csv", "metrics.json", "normalization.json", "plots/residuals.png"):
        parts[name] = (run / name).read_bytes()
    return {name: hashlib.sha256(content).hexdigest() for name, content in parts.items()}


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return write_job(tmp_path_factory.mktemp("job"))


@pytest.fixture(scope="module")
def expected(job, tmp_path_factory):
    return train(tmp_path_factory.mktemp("expected"), job)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_environment_changes_no_result(name, job, home, expected, tmp_path):
    environment = {key: value.replace("{home}", str(home)) for key, value in ENVIRONMENTS[name].items()}
    assert train(tmp_path, job, environment) == expected


@pytest.mark.slow
@pytest.mark.parametrize("option", ["-OO", "-I"])
def test_options_of_python_change_no_result(option, job, expected, tmp_path):
    assert train(tmp_path, job, python=(sys.executable, option)) == expected


@pytest.mark.slow
def test_folders_change_no_result(expected, tmp_path):
    folder = tmp_path / "Ümläute [1] & Blanks"
    folder.mkdir()
    assert train(folder, write_job(folder).name, {"PYTHONIOENCODING": "ascii"}) == expected


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="needs to become another user")
def test_a_user_who_can_write_nothing_but_the_runs_gets_equal_results(job, expected, tmp_path):
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable)
    (tmp_path / "runs").mkdir(mode=0o777)
    own = [folder for folder in tmp_path.parents if folder.is_relative_to(tempfile.gettempdir())][:-1]
    for folder in (*own, tmp_path, job.parent):
        folder.chmod(0o755)
    (tmp_path / "runs").chmod(0o777)
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry").chmod(0o777)
    assert train(tmp_path, job, {"HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}, nobody) == expected


def test_a_path_that_the_system_cannot_name_is_one_line(tmp_path):
    folder = tmp_path / "Ümläute"
    folder.mkdir()
    write_job(folder)
    (tmp_path / "job.json").write_text((folder / "job.json").read_text())
    program = (sys.executable, str(Path(REPOSITORY, "wirechamber.py")), "validate", "job.json")
    done = start(*program, environment=NO_UTF8, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    reason = "names are in ascii here, in UTF-8 with PYTHONUTF8=1 in the environment"
    assert done.stderr.startswith(f"tiny.dataset.files.0: no usable path ({reason}). Expected names of at most")


def test_what_the_terminal_cannot_show_is_escaped(tmp_path):
    write_job(tmp_path).rename(tmp_path / "jöb.json")
    program = (sys.executable, str(Path(REPOSITORY, "wirechamber.py")), "validate", "jöb.json")
    done = start(*program, environment={"PYTHONIOENCODING": "ascii"}, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "j\\xf6b.json: 1 job, valid\n", "")
