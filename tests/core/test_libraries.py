"""Large libraries load at first use in every order, and no other library takes them for loaded: in new processes."""

import gc
import json
import subprocess
import sys

import pytest
from untraced import process_environment

from app.core.libraries import keep_out_of_collection

LOAD = """
import gzip, pathlib, sys, tempfile
from app.core.libraries import keras, tf
path = pathlib.Path(tempfile.mkdtemp()) / "model.keras"
path.write_bytes(gzip.decompress(pathlib.Path("tests/data/v0_1/models/mlp.keras.gz").read_bytes()))
app.evaluation.inference.register_layers()
settings = keras.backend.floatx(), keras.backend.epsilon(), keras.backend.image_data_format()
print(keras.saving.load_model(path).name, keras.backend.backend(), keras.ops is sys.modules["keras"].ops, *settings)
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


SETTINGS = {"floatx": "float64", "epsilon": 1e-3, "backend": "jax", "image_data_format": "channels_first"}
"""Of a user's keras.json, which must not get into the program."""
LOADED = "model tensorflow True float32 1e-07 channels_last"


def run(code, home=None):
    command, environment = [sys.executable, "-c", code], process_environment()
    if home is not None:
        (home / ".keras").mkdir()
        (home / ".keras" / "keras.json").write_text(json.dumps(SETTINGS))
        environment = {name: value for name, value in environment.items() if name != "KERAS_HOME"} | {"HOME": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_a_model_is_loaded_when_its_first_use_imports_tensorflow(tmp_path):
    assert run(f"import app.evaluation{LOAD}", tmp_path) == LOADED


@pytest.mark.slow
def test_a_model_is_loaded_when_tensorflow_is_imported_after_and_before_our_modules():
    code = f"import app.evaluation, tensorflow{LOAD}{FORGET_OURS}import tensorflow, app.evaluation{LOAD}"
    assert run(code).splitlines() == [LOADED] * 2


def test_a_plot_loads_neither_tensorflow_nor_keras():
    assert run(DRAW) == "[]"


def test_what_was_loaded_is_not_looked_through_for_garbage():
    with keep_out_of_collection():
        assert not gc.isenabled()
        loaded = [["loaded"]]
    assert gc.isenabled()
    later = [["later"]]
    known = {id(one) for one in gc.get_objects()}
    assert (id(loaded) in known, id(later) in known) == (False, True)
