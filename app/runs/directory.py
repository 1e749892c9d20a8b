"""The directory of one run: where each artefact lies, and where it came from."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import Problem, UserError, nearest
from app.core.files import REPOSITORY


def runs_root() -> Path:
    """Return the folder of all runs: $WIRECHAMBER_RUNS, else runs/ in the repository."""
    return Path(os.environ.get("WIRECHAMBER_RUNS") or REPOSITORY / "runs")


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
    displays = property(lambda self: self.path / "displays.npz")
    jacobian = property(lambda self: self.path / "jacobian.json")
    benchmark = property(lambda self: self.path / "benchmark.json")
    mlflow = property(lambda self: self.path / "mlflow.json")
    plots = property(lambda self: self.path / "plots")
    log = property(lambda self: self.path / "log.txt")
    lock = property(lambda self: self.path / ".lock")

    @property
    def trained_job(self) -> Path:
        """The job of the model that the run has: of a search that of its winner."""
        best = self.path / "best.json"
        return best if best.exists() else self.job

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def exists(self) -> bool:
        """Whether there is something to lose: a checkpoint, a model, trials. One that failed before may begin again."""
        trials = self.path / "search" / "trials"
        return bool(self.model.exists()) or any(self.checkpoints.glob("epoch_*")) or any(trials.glob("*.json"))

    def clear(self) -> None:
        """Remove what an earlier run left, the lock that we hold kept."""
        for entry in self.path.iterdir():
            if entry.name.startswith(self.lock.name):
                continue
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def of(name: str, root: Path | None = None) -> RunDirectory:
    """Return the directory of the run `name`."""
    return RunDirectory((root or runs_root()) / name)


def find(text: str, root: Path | None = None) -> RunDirectory:
    """Return the existing run that `text` means, a name or a path; raises UserError naming the nearest one."""
    places = [Path(text), (root or runs_root()) / text]
    for path in places:
        if _there(path / "job.json"):
            return RunDirectory(path.resolve())
    for path in places:
        if _there(path / "metrics.json") or _there(path / "model.keras"):
            raise UserError(Problem("is missing", (str(path / "job.json"),), expected="the job of a run"))
    known = [p.parent.name for p in (root or runs_root()).glob("*/job.json")]
    raise UserError(
        Problem(
            "no such run", (text,), nearest=nearest(Path(text).name, known), expected=f"a run in {root or runs_root()}"
        )
    )


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long, a folder that is closed to us
        return False


def make(run: RunDirectory) -> None:
    """Make the directory; raises UserError when it cannot be written to."""
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        probe = run.path / f".writable.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            Problem(f"cannot be written to ({reason})", (str(run.path),), expected="a writable folder")
        ) from None
