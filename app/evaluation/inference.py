"""A finished run's model, loaded again: predictions in physical units for columns by name."""

import importlib
import pkgutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from app.core.errors import Problem, UserError
from app.core.files import read_json
from app.core.libraries import keras
from app.data.loading import stack_columns
from app.evaluation.predict import Predictor, named_outputs
from app.predictions import TASK_OUTPUTS, VALUE
from app.runs.directory import RunDirectory, find_run


@dataclass(frozen=True)
class Loaded:
    """A finished run's model: `predict(columns)` takes input columns by name and returns targets by name.

    A model that knows whole tracks also gives the states along the way: `track(columns, zeta)`.
    """

    run: RunDirectory
    model: Any
    job: dict[str, Any]
    columns: dict[str, list[str]]

    def predict(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Return {target: (N,)} in physical units for input columns {name: (N,)} in physical units.

        An input that is not a row of columns is given whole, by its own name: {"sensors": (N, 4760, 2)}. What else the
        model predicts is called as in predictions.csv: `sigma_<target>`, `prob_<target>_<class>`, `kappa_<task>`, (N,).
        """
        self._check(columns)
        inputs = {name: stack_columns(columns, names) for name, names in self.columns.items()}
        outputs = Predictor(self.model)(inputs | {name: np.asarray(columns[name], np.float32) for name in self.whole})
        tasks = {name: task["targets"] for name, task in self.job["tasks"].items()}
        prefixes = {**TASK_OUTPUTS, VALUE: ""}
        return {f"{prefixes[output]}{name}": values for output, name, values in named_outputs(outputs, tasks)}

    @property
    def whole(self) -> list[str]:
        """The inputs that are more than a row of columns."""
        return [name for name in self.model.input if name not in self.columns]

    def track(self, columns: Mapping[str, Any], zeta: Any) -> dict[str, Any]:
        """Return the states along the way, {"x", "y" [mm], "tx", "ty": (N, P)}, of a model that knows whole tracks.

        Args:
            columns: input columns {name: (N,)} in physical units, as for `predict`.
            zeta: where, as shares of each track's dz: one number or P of them, from 0 (the start) to 1 (the end).

        Raises:
            UserError: a model that knows the ends of tracks only, zeta outside [0, 1], a missing column.
        """
        self._check(columns)
        states: dict[str, Any] = self._trajectory(columns, zeta)
        return states

    @cached_property
    def _trajectory(self) -> Any:
        from app.evaluation.trajectory import Trajectory

        return Trajectory(self.model, self.columns, self.job["model"]["inputs"]["mirror"])

    def _check(self, columns: Mapping[str, Any]) -> None:
        known = [*(c for names in self.columns.values() for c in names), *self.whole]
        missing = [c for c in known if c not in columns]
        if missing:
            raise UserError(Problem("missing input column", (missing[0],), expected=f"the columns {known}"))


def register_layers() -> None:
    """Import every module of layers that a saved model may name."""
    import app.layers
    import app.models.blocks

    for package in (app.layers, app.models.blocks):
        for module in pkgutil.iter_modules(package.__path__):
            if not module.ispkg:
                importlib.import_module(f"{package.__name__}.{module.name}")


def load(run: str) -> Loaded:
    """Load a finished run by name or path: `load("runs/x").predict({"x": ..., "y": ...})`.

    Raises:
        UserError: there is no such run, it is not finished, or one of its files is damaged.
    """
    register_layers()
    directory = find_run(run)
    if not directory.model.exists():
        raise UserError(Problem("the run has no model yet", (str(directory.path),), expected="a run that is done"))
    job, columns = read_json(directory.trained_job), read_json(directory.normalization)["columns"]
    try:
        model = keras.saving.load_model(directory.model, compile=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        what = f"cannot be read as a model ({reason})"
        raise UserError(Problem(what, (str(directory.model),), expected="the model of a run that is done")) from None
    return Loaded(directory, model, job, columns)
