import numpy as np
import pytest

from app.plots.drawing.inputs import PlotInputs
from app.predictions import Predictions


@pytest.fixture
def history():
    """Ten epochs; the loss halves in each, the best is epoch 9."""
    epochs = range(1, 11)
    terms = [{"loss": 2.0**-e, "data_loss": 0.75 * 2.0**-e, "pde_loss": 0.25 * 2.0**-e} for e in epochs]
    train = [{"epoch": e, **losses, "lr": 1e-3 / e} for e, losses in zip(epochs, terms, strict=True)]
    val = [{"epoch": e, "loss": 3 * 2.0**-e if e < 10 else 1.0, "pos_mean_mm": 1.0 / e} for e in epochs]
    return {"train": train, "val": val, "best_epoch": 9, "best_val_loss": 3 * 2.0**-9}


@pytest.fixture
def jacobian():
    """What jacobian.json says: errors of all sizes."""
    return {
        "rows": 1000,
        "outputs": ["x", "y", "tx", "ty"],
        "inputs": ["x", "y", "tx", "ty", "qop"],
        "relative_error": [[0.0, 1e-7, 1e-3, 2e-3, 0.12], [1e-4] * 5, [1e-5, 1e-5, 1e-5, 1e-5, 3.0], [0.01] * 5],
        "of": [["line", "line", "field", "field", "field"]] * 4,
    }


@pytest.fixture
def inputs(history, jacobian):
    """4,000 tracks: the model is Gaussian (0.02 mm, 1e-5), one baseline is half as good, the other off by metres."""
    random = np.random.default_rng(0)
    rows = 4000
    p = np.exp(random.uniform(np.log(2), np.log(100), rows))
    true = {"x": random.normal(0, 900, rows), "y": random.normal(0, 400, rows), "tx": random.normal(0, 0.2, rows)}
    size = {"x": 0.02, "y": 0.02, "tx": 1e-5}

    def off(factor):
        return {name: values + factor * size[name] * random.normal(0, 1, rows) for name, values in true.items()}

    predictions = Predictions(
        np.arange(rows, dtype=np.uint64), true, off(1), {"straight_line": off(1e5), "polynomial": off(2)}, {"p": p}
    )
    units = {"x": "mm", "y": "mm", "tx": ""}
    tasks = {"state": ("x", "y", "tx")}
    return PlotInputs(
        predictions, history, "mlp_tiny_v1", units, True, "4,000 tracks, 2-100 GeV", jacobian, tasks=tasks
    )
