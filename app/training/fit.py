"""Training: Keras' `fit` on the objective, with the plan of its steps and the history of what it did."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app import optimizers
from app.checks.jobs import nothing_to_train
from app.checks.search import direction_of
from app.config import Job
from app.data.loading import Data, first_events
from app.evaluation.metrics import merge_tasks, task_metrics
from app.evaluation.predict import Predictor, predict
from app.runs.directory import RunDirectory
from app.runtime.device import is_deterministic, version
from app.schedules import Schedule
from app.training.build import Networks
from app.training.checkpoint import Progress
from app.training.recorder import Recorder
from app.training.start import set_start
from datasets.pipeline.batches import ordered_batches, shuffled_batches

logger = logging.getLogger(__name__)

MOST_STEPS_PER_EXECUTION = 64
OPERATIONS_PER_EXECUTION = 2e10
VALIDATION_ROWS_FOR_METRICS = 20_000
VALIDATION_BYTES_FOR_METRICS = 2e8
"""Bytes of the inputs of these events, which are held all the time: 5,000 images of 40 kB."""
LARGE_BATCH = 8192
FIRST_KERAS_OF_SEVERAL_STEPS = (3, 7)
"""Keras 3.4 to 3.6 fail at the end of an epoch when several steps run in one execution on a tf.data iterator."""


@dataclass(frozen=True)
class Plan:
    """How many steps make an epoch, how many run without coming back to Python, and whether XLA compiles them."""

    steps_per_epoch: int
    steps_per_execution: int
    xla: bool
    validation_batch: int


def plan(job: Job, rows: int, parameters: int) -> Plan:
    """Return the plan of a job on `rows` training events.

    An epoch is one pass over the data, rounded to a multiple of `steps_per_execution`: batches run through all passes
    without a gap and all have the same size, so an epoch may end a few batches before or after the pass.
    """
    training, light = job.training, job.model.component.facts.light
    wanted = training.steps_per_epoch or max(1, round(rows / training.batch_size))
    operations = 6.0 * parameters * training.batch_size
    most = int(min(MOST_STEPS_PER_EXECUTION, max(1, OPERATIONS_PER_EXECUTION / operations))) if light else 1
    if version("keras") < FIRST_KERAS_OF_SEVERAL_STEPS:
        most = 1
    if training.steps_per_execution != "auto":
        most = training.steps_per_execution
    if training.steps_per_epoch:
        executed, steps = max(n for n in range(1, most + 1) if wanted % n == 0), wanted
    else:
        executions = math.ceil(wanted / most)
        executed = math.ceil(wanted / executions)
        steps = executions * executed
    xla = light if training.xla == "auto" else training.xla
    if xla and is_deterministic():
        logger.info("XLA is off: deterministic operations are not compiled")
        xla = False
    return Plan(steps, executed, xla, LARGE_BATCH if light else training.batch_size)


def train(
    job: Job,
    data: Data,
    built: Networks,
    run: RunDirectory,
    *,
    resume: bool,
    report: Callable[[Progress], None],
    until: int | None = None,
) -> dict[str, Any]:
    """Fit the objective, leave the best weights in the networks, and return the history in its documented form.

    Args:
        job: the job.
        data: of the job.
        built: its networks.
        run: where the checkpoints are.
        resume: whether to continue from the newest checkpoint.
        report: called with the progress after each epoch.
        until: the training stops after so many of its epochs, to be resumed as if it had been interrupted there.
    """
    training, objective = job.training, built.objective
    epochs = min(until or training.epochs, training.epochs)
    if objective is None:
        logger.info(nothing_to_train(job))
        return history(Progress(seconds=built.seconds))
    set_start(built.network, training)
    steps = plan(job, data.splits.train.rows, built.network.count_params())
    schedule = compile_objective(job, data, built, steps)
    higher = direction_of(job, training.monitor, ("training", "monitor")) == "max"
    if training.monitor != "val_loss":
        logger.info("the best epoch is that of the %s %s", "highest" if higher else "lowest", training.monitor)
    recorder = Recorder(training, schedule, run, make_validation(job, data, built), report, epochs, higher)
    recorder.set_model(objective)
    if resume:
        recorder.resume()
    if recorder.progress.epoch < epochs and not recorder.progress.stopped_early:
        used = recorder.progress.epoch * steps.steps_per_epoch
        size = training.batch_size
        labelled = shuffled_batches(data.splits.train, built.prepare, size, job.seed, used * size)
        objective.fit(
            with_unlabelled(labelled, job, data, used),
            validation_data=ordered_batches(data.splits.validation, built.prepare, steps.validation_batch),
            epochs=epochs,
            initial_epoch=recorder.progress.epoch,
            steps_per_epoch=steps.steps_per_epoch,
            callbacks=[recorder],
            shuffle=False,
            verbose=0,
        )
    built.network.set_weights(recorder.best)
    return history(recorder.progress)


def compile_objective(job: Job, data: Data, built: Networks, steps: Plan) -> Schedule:
    """Give the objective its optimizer and all variables that a checkpoint holds; return the learning-rate schedule."""
    training, objective = job.training, built.objective
    rate = training.optimizer.options.learning_rate
    schedule: Schedule = training.schedule.build(rate, steps.steps_per_epoch, training.epochs)
    momentum = training.ema.momentum if training.ema else None
    optimizer = optimizers.make(
        training.optimizer, schedule.learning_rate, training.gradient_accumulation, ema=momentum
    )
    objective.compile(optimizer=optimizer, jit_compile=steps.xla, steps_per_execution=steps.steps_per_execution)
    make_variables(built, data)
    return schedule


def with_unlabelled(labelled: Any, job: Job, data: Data, steps: int = 0) -> Any:
    """Return the batches together with those of the unlabelled states, `steps` of which were used before."""
    if data.unlabelled is None:
        return labelled
    from app.training.objective import UNLABELLED

    size = job.unlabelled.batch_size or job.training.batch_size  # type: ignore[union-attr]
    more = shuffled_batches(data.unlabelled, lambda events: (dict(events.inputs), {}), size, job.seed, steps * size)

    def together(batch: Any, other: Any) -> Any:
        return ({**batch[0], **{f"{UNLABELLED}{n}": v for n, v in other[0].items()}}, *batch[1:])

    return labelled.zip(labelled, more).map(together)


def make_variables(built: Networks, data: Data) -> None:
    """Make the variables of metrics and optimizer now: a checkpoint holds them all, in a fixed order."""
    x, y = built.prepare(next(iter(data.splits.train))[:2])[:2]
    if data.unlabelled is not None:
        from app.training.objective import UNLABELLED

        x = {**x, **{f"{UNLABELLED}{name}": value for name, value in x.items()}}
    built.objective._symbolic_build(data_batch=(x, y))
    if not built.objective.optimizer.built:
        built.objective.optimizer.build(built.objective.trainable_variables)


def make_validation(job: Job, data: Data, built: Networks) -> Callable[[], dict[str, float]]:
    """Return a function that gives the metrics of the network as it is, on the first validation events."""
    part, predictor = data.splits.validation, Predictor(built.deployed)
    size = sum(array[:1].nbytes for array in next(iter(part)).inputs.values())
    events = first_events(part, min(VALIDATION_ROWS_FOR_METRICS, max(1, int(VALIDATION_BYTES_FOR_METRICS / size))))

    def validate() -> dict[str, float]:
        predictions = predict(predictor, events, job)
        return merge_tasks({name: task_metrics(predictions, task) for name, task in job.tasks.items()})

    return validate


def history(progress: Progress) -> dict[str, Any]:
    """Return the content of history.json."""
    return {
        "train": progress.train,
        "val": progress.val,
        "test_final": {},
        "best_epoch": progress.best_epoch or None,
        "best_val_loss": progress.best_val_loss,
        "training_time": round(progress.seconds, 3),
    }
