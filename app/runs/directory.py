"""The directory of one run: the path of each of its files."""

import os
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import Problem, UserError
from app.core.parts import remove, sweep
from app.core.system import roots


def runs_root() -> Path:
    """Return the folder of all runs: $WIRECHAMBER_RUNS, else runs/ in the repository."""
    return roots().runs


@dataclass(frozen=True)
class RunDirectory:
    """Paths inside one run's directory."""

    path: Path

    job = property(lambda self: self.path / "job.json")
    provenance = property(lambda self: self.path / "provenance.json")
    normalization = property(lambda self: self.path / "normalization.json")
    model_config = property(lambda self: self.path / "model_config.json")
    history = property(lambda self: self.path / "history.json")
    model = property(lambda self: self.path / "model.keras")
    onnx = property(lambda self: self.path / "model.onnx")
    checkpoints = property(lambda self: self.path / "checkpoints")
    metrics = property(lambda self: self.path / "metrics.json")
    predictions = property(lambda self: self.path / "predictions.csv")
    root_predictions = property(lambda self: self.path / "predictions.root")
    evaluation = property(lambda self: self.path / "evaluation")
    displays = property(lambda self: self.path / "displays.npz")
    jacobian = property(lambda self: self.path / "jacobian.json")
    benchmark = property(lambda self: self.path / "benchmark.json")
    mlflow = property(lambda self: self.path / "mlflow.json")
    tensorboard = property(lambda self: self.path / "tensorboard")
    plots = property(lambda self: self.path / "plots")
    components = property(lambda self: self.path / "components")
    log = property(lambda self: self.path / "log.txt")
    lock = property(lambda self: self.path / ".lock")

    @property
    def trained_job(self) -> Path:
        """The job of the run's model: for a search the job of its winner."""
        best = self.path / "best.json"
        return best if best.exists() else self.job

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def exists(self) -> bool:
        """Whether there is a checkpoint, a model or a trial; a run that failed before them may begin again."""
        trials = self.path / "search" / "trials"
        return bool(self.model.exists()) or any(self.checkpoints.glob("epoch_*")) or any(trials.glob("*.json"))

    def sweep(self) -> None:
        """Remove the unfinished files of processes that were killed."""
        for folder in (self.path, self.checkpoints, self.plots):
            sweep(folder)
        for path in (self.path / "model.part.keras", self.path / "promoted.part"):  # as 0.1 called them
            remove(path)


def of(name: str, root: Path | None = None) -> RunDirectory:
    """Return the directory of the run `name`."""
    return RunDirectory((root or runs_root()) / name)


def make_directory(run: RunDirectory) -> None:
    """Make the directory; raises UserError when it cannot be written to."""
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        probe = run.path / f".writable.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        what = f"cannot be written to ({error.strerror or error})"
        raise UserError(Problem(what, (str(run.path),), expected="a writable folder")) from None
