"""The one callback of a training: it judges every epoch and writes it down."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from app.config.job import Training
from app.core import interruption
from app.core.errors import Interrupted, Problem, UserError, WirechamberError, nearest
from app.core.libraries import keras
from app.history import SUMS
from app.runs.directory import RunDirectory
from app.runtime.processes import TimeLimit
from app.schedules import Schedule
from app.training import checkpoint
from app.training.checkpoint import Arrays, Progress

logger = logging.getLogger(__name__)

CHECKPOINT_SHARE = 0.05
"""The largest share of the training time that checkpoints may take, but for those of `keep_every`."""


class Recorder(keras.callbacks.Callback):
    """NaN check, validation metrics, history, best weights, learning rate, early stopping, checkpoint.

    Args:
        training: the job's training block.
        schedule: learning-rate schedule, asked after each epoch.
        run: where checkpoints go.
        validate: returns the validation metrics of the network as it is.
        report: called with the progress after each epoch.
        epochs: the last of this training; default: the job's.
        higher: whether the monitored figure is good when it is high.
    """

    def __init__(
        self,
        training: Training,
        schedule: Schedule,
        run: RunDirectory,
        validate: Callable[[], Mapping[str, float]],
        report: Callable[[Progress], None],
        epochs: int | None = None,
        higher: bool = False,
    ) -> None:
        super().__init__()
        self.sign = -1.0 if higher else 1.0
        self.epochs = epochs or training.epochs
        self.training, self.schedule, self.run = training, schedule, run
        self.validate, self.report = validate, report
        self.progress = Progress()
        self.best: Arrays = []
        self._raw: Arrays = []
        self._begun = self._saved = time.monotonic()
        self._cost = 0.0
        self._limit = TimeLimit.of_process()

    def resume(self) -> None:
        """Continue from the newest checkpoint, if there is one."""
        path = checkpoint.find_latest(self.run.checkpoints)
        if path is None:
            return
        self.progress, self.best = checkpoint.restore(path, checkpoint.variables(self.model))
        self.schedule.restore(self.progress.schedule)
        logger.info("resumed from %s after epoch %d", path.name, self.progress.epoch)

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the clock."""
        self._begun = self._saved = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Tell the objective which epoch it is: warm-up, balancing and curriculum follow it."""
        self.model.epoch.assign(float(epoch))

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Leave where a signal came; stop at the first loss that is not finite."""
        interruption.check()
        self._refuse_nan(logs or {}, f"batch {batch + 1} of epoch {self.progress.epoch + 1}")

    def on_test_begin(self, logs: Any = None) -> None:
        """Validate the average of the weights, where the job has one; `_take_raw_weights` undoes it exactly."""
        if self.training.ema is not None:
            variables = self.model.trainable_variables
            self._raw = [variable.numpy() for variable in variables]
            self.model.optimizer.finalize_variable_values(variables)

    def on_test_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Leave where a signal came."""
        interruption.check()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Judge the epoch: history, best weights, learning rate, early stopping, checkpoint, time limit."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        self._refuse_nan(figures, f"epoch {epoch + 1}")
        progress, loss = self.progress, figures["val_loss"]
        progress.epoch = epoch + 1
        train = {name: value for name, value in figures.items() if not name.startswith("val_")}
        # Validation adds the terms with the job's own weights in every epoch, which need no figure.
        kept = [name for name in figures if name.startswith("val_") and not name.endswith("_weight")]
        val = {name.removeprefix("val_"): figures[name] for name in kept}
        rate = float(self.model.optimizer.learning_rate)
        progress.train.append({"epoch": progress.epoch, **history_entry(train), "lr": rate})
        progress.val.append({"epoch": progress.epoch, **history_entry(val), **self.validate()})
        judged = loss if self.training.monitor == "val_loss" else self.sign * self._monitored(progress.val[-1])
        self.keep_best(loss, judged)
        self._take_raw_weights()
        new_rate = self.schedule.update(judged)
        if new_rate is not None:
            self.model.optimizer.learning_rate = new_rate
        progress.schedule = self.schedule.state()
        self._stop_early(judged)
        now = time.monotonic()
        seconds, self._begun = now - self._begun, now
        progress.seconds += seconds
        last = self.model.stop_training or progress.epoch == self.epochs
        leave = not last and self._limit.ends_in(seconds)
        due = time.monotonic() - self._saved >= self._cost / CHECKPOINT_SHARE
        if last or leave or due or progress.epoch % (self.training.keep_every or progress.epoch + 1) == 0:
            self.save()
        self.report(progress)
        if leave:
            raise Interrupted(f"the time limit of {self._limit.seconds:g} s")

    def keep_best(self, loss: float, judged: float | None = None) -> None:
        """Keep the weights of the best epoch so far.

        Args:
            loss: the validation loss of the epoch.
            judged: what is lowest in the best epoch; default: the loss.
        """
        judged = loss if judged is None else judged
        lowest = self.progress.best_val_loss if self.progress.best_judged is None else self.progress.best_judged
        if lowest is None or judged < lowest:
            self.progress.best_val_loss, self.progress.best_epoch = loss, self.progress.epoch
            self.progress.best_judged = judged
            self.best = self.model.network.get_weights()

    def _take_raw_weights(self) -> None:
        """Train on with the weights themselves, not with their average."""
        for variable, value in zip(self.model.trainable_variables, self._raw, strict=bool(self._raw)):
            variable.assign(value)
        self._raw = []

    def _monitored(self, row: Mapping[str, Any]) -> float:
        name = self.training.monitor.removeprefix("val_")
        if not isinstance(row.get(name), float | int):
            known = sorted(f"val_{key}" for key, value in row.items() if key != "epoch" and isinstance(value, float))
            near, expected = nearest(self.training.monitor, known), f"one of [{', '.join(known)}]"
            place, what = ("training", "monitor"), "never logged by this job"
            raise UserError(Problem(what, place, nearest=near, expected=expected, received=self.training.monitor))
        return float(row[name])

    def _refuse_nan(self, figures: Mapping[str, Any], where: str) -> None:
        for name, value in sorted(figures.items(), key=lambda item: item[0] in SUMS):
            if not math.isfinite(float(value)):
                advice = "a lower learning_rate or 'global_clipnorm' in the optimizer may help"
                raise WirechamberError(f"{name} is {float(value)} in {where}; the training was stopped ({advice})")

    def _stop_early(self, loss: float) -> None:
        rule = self.training.early_stopping
        if rule is None:
            return
        before = self.progress.stopping or {"lowest": math.inf, "wait": 0}
        improved = loss < before["lowest"] - rule.min_delta
        wait = 0 if improved else before["wait"] + 1
        self.progress.stopping = {"lowest": loss if improved else before["lowest"], "wait": wait}
        if wait >= rule.patience:
            self.progress.stopped_early = self.model.stop_training = True
            message = "early stopping: no improvement in %d epochs, the best was epoch %d"
            logger.info(message, wait, self.progress.best_epoch)

    def save(self) -> None:
        """Write the checkpoint of the finished epoch."""
        before = time.monotonic()
        variables = checkpoint.variables(self.model)
        checkpoint.save(self.run.checkpoints, self.progress, variables, self.best, self.training.keep_every)
        self._saved = time.monotonic()
        self._cost = self._saved - before


def history_entry(figures: Mapping[str, float]) -> dict[str, Any]:
    """Return figures as history.json has them: always with `data_loss`, and losses of stages as one list."""
    entry: dict[str, Any] = {"loss": figures["loss"], "data_loss": figures.get("data_loss", figures["loss"]), **figures}
    stages = sorted(name for name in figures if name.startswith("stage_") and name.endswith("_loss"))
    if stages:
        entry["stage_losses"] = [entry.pop(name) for name in stages]
    return entry
