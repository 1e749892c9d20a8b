"""Large libraries load at first use in every order, and no other library takes them for loaded: in new processes."""

import subprocess
import sys

from untraced import process_environment

LOAD = """
import gzip, pathlib, sys, tempfile
from app.core.libraries import keras, tf
path = pathlib.Path(tempfile.mkdtemp()) / "model.keras"
path.write_bytes(gzip.decompress(pathlib.Path("tests/data/v0_1/models/mlp.keras.gz").read_bytes()))
app.evaluation.inference.register_layers()
print(keras.saving.load_model(path).name, keras.backend.backend(), keras.ops is sys.modules["keras"].ops)
"""
FORGET_OURS = """
for name in [name for name in sys.modules if name.split(".")[0] in ("app", "datasets", "losses")]:
    del sys.modules[name]
"""
DRAW = """
import sys
import app.core.libraries, app.runtime.device, app.models, losses, app.optimizers
from app.plots.drawing.style import new_figure
new_figure().subplots().plot([0.0, 1.0], [1.0, 2.0])
print(sorted({"tensorflow", "keras"} & set(sys.modules)))
"""


def run(code):
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=process_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_model_is_loaded_when_its_first_use_imports_tensorflow():
    assert run(f"import app.evaluation{LOAD}") == "model tensorflow True"


def test_a_model_is_loaded_when_tensorflow_is_imported_after_and_before_our_modules():
    code = f"import app.evaluation, tensorflow{LOAD}{FORGET_OURS}import tensorflow, app.evaluation{LOAD}"
    assert run(code).splitlines() == ["model tensorflow True"] * 2


def test_a_plot_loads_neither_tensorflow_nor_keras():
    assert run(DRAW) == "[]"
