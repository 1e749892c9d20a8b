"""A finished run's model, loaded again: predictions in physical units for columns by name."""

import importlib
import pkgutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.core.files import read_json
from app.core.libraries import keras, load_tensorflow
from app.data.loading import stack_columns
from app.evaluation.predict import Predictor, named_outputs
from app.models import MODELS
from app.predictions import TASK_OUTPUTS, VALUE
from app.runs.directory import RunDirectory
from app.runs.find import find_run
from datasets.pipeline.columns import single_column


@dataclass(frozen=True)
class Loaded:
    """A finished run's model: `predict(columns)` takes input columns by name and returns targets by name.

    A model that knows whole tracks also gives the states along the way: `track(columns, zeta)`.
    """

    run: RunDirectory
    model: Any
    job: dict[str, Any]
    columns: dict[str, list[str]]

    def __repr__(self) -> str:
        """Return a line: a notebook that shows the network need not show its whole job."""
        targets = [name for task in self.job["tasks"].values() for name in task["targets"]]
        return f"Loaded({str(self.run.path)!r}, columns={self.columns}, targets={targets})"

    def predict(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Return {target: (N,)} in physical units for input columns {name: (N,)} in physical units.

        An input that is not a row of columns is given whole, by its own name: {"sensors": (N, 4760, 2)}. What else the
        model predicts is called as in predictions.csv: `sigma_<target>`, `prob_<target>_<class>`, `kappa_<task>`, (N,).
        No events give arrays of length 0.

        Raises:
            UserError: a missing column, one that is no array of numbers of the right shape, or of another length.
        """
        whole = self._check(columns)
        inputs = {name: stack_columns(columns, names) for name, names in self.columns.items()}
        outputs = Predictor(self.model)(inputs | whole)
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

    def _check(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Refuse columns that are missing, or whose shapes do not fit; return the inputs that are given whole."""
        single = [column for names in self.columns.values() for column in names]
        missing = [name for name in (*single, *self.whole) if name not in columns]
        if missing:
            expected = f"the columns {[*single, *self.whole]}"
            raise UserError(Problem("missing input column", (missing[0],), expected=expected))
        shapes = dict.fromkeys(single, (None,)) | {name: self.model.input[name].shape for name in self.whole}
        arrays = {name: number_array(name, columns[name], shape) for name, shape in shapes.items()}
        hits = [name for name in self.whole if None in shapes[name][1:2]]
        for axis, names, what in ((0, list(arrays), "events"), (1, hits, "hits")):
            lengths = {name: arrays[name].shape[axis] for name in names}
            for name, length in lengths.items():
                if length != lengths[names[0]]:
                    expected = f"{lengths[names[0]]:,}, as in {names[0]}"
                    raise UserError(Problem(f"another number of {what}", (name,), expected=expected, received=length))
        whole = {name: arrays[name] for name in self.whole}
        for name in hits:  # a network looks at one hit at least, here one of padding
            if not whole[name].shape[1]:
                whole[name] = np.zeros((len(whole[name]), 1, *whole[name].shape[2:]), np.float32)
        return whole


def number_array(name: str, values: Any, shape: Sequence[int | None]) -> NDArray[np.float32]:
    """Return an input as an array; raises UserError naming it when it is not one of numbers of this shape."""
    expected = f"numbers of shape ({', '.join(map(str, ['N', *('h' if n is None else n for n in shape[1:])]))})"
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "iufb":
            raise ValueError
    except (TypeError, ValueError):  # a list of lists of different lengths, or text
        raise UserError(Problem("not an array of numbers", (name,), expected=expected, received=values)) from None
    if len(array.shape) != len(shape) or any(n not in (None, m) for n, m in zip(shape, array.shape, strict=True)):
        received = "a single number" if not array.shape else f"shape {list(array.shape)}"
        raise UserError(Problem("another shape", (name,), expected=expected, received=received))
    return single_column(name, array, ()) if array.ndim == 1 else np.asarray(array, np.float32)


def register_layers() -> None:
    """Import every module of layers that a saved model may name."""
    load_tensorflow()  # before the layers import Keras, which would load it with all that it writes
    import app.layers
    import app.models.blocks

    for package in (app.layers, app.models.blocks):
        for module in pkgutil.iter_modules(package.__path__):
            if not module.ispkg:
                importlib.import_module(f"{package.__name__}.{module.name}")


def load(run: Path | str) -> Loaded:
    """Load a finished run by name or path: `load("runs/x").predict({"x": ..., "y": ...})`.

    The result is the network of the best epoch, from raw inputs to physical outputs. Its `model` is a keras.Model with
    named inputs and outputs, `columns` the names of the columns of each input, `job` what it was trained by,
    `run.path` its directory.

    Args:
        run: a name in the folder of the runs, or a path.

    Raises:
        UserError: there is no such run, it is not finished, or one of its files is damaged.
    """
    directory = find_run(str(run))
    if not directory.model.exists():
        raise UserError(Problem("the run has no model yet", (str(directory.path),), expected="a run that is done"))
    register_layers()
    job, columns = read_json(directory.trained_job), read_json(directory.normalization)["columns"]
    unknown = None
    try:
        MODELS.parse(job["model"])  # imports its file, which may hold layers of its own
    except UserError as error:  # without layers of its own the file is not needed
        unknown = error.under("model")
    try:
        model = keras.saving.load_model(directory.model, compile=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        if unknown:
            raise unknown from None
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        what = f"cannot be read as a model ({reason})"
        raise UserError(Problem(what, (str(directory.model),), expected="the model of a run that is done")) from None
    return Loaded(directory, model, job, columns)
