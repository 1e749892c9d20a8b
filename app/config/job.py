"""A job, its parts, and nothing else: frozen, typed, parsed once. What reads the file is in app/config/job_file.py."""

import json
import os
from typing import Annotated, Any, BinaryIO, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from app.config.search_space import Hyperopt
from app.core.errors import Problem, UserError
from app.core.passwords import has_password, hide_passwords
from app.core.types import Count, Listed, Name, NonNegative, OneOrMore, Strict, Word
from app.metrics import METRICS
from app.models import HEADS, MODELS
from app.optimizers import OPTIMIZERS
from app.plots import PLOTS
from app.schedules import SCHEDULES
from datasets import DATASETS
from datasets.transforms import TRANSFORMS
from jobs.resources import Resources
from losses import LOSSES
from losses.balancing import BALANCINGS
from losses.constraints import CONSTRAINTS
from losses.weighting import WEIGHTINGS


class Task(Strict):
    """One thing to learn: targets, how they are transformed, the head that gives them, the loss and the metrics."""

    enabled: bool = Field(True, description="false: as if the task were not there")
    targets: Annotated[Listed, Field(min_length=1)]
    transform: Annotated[tuple[TRANSFORMS.spec, ...], OneOrMore()] = Field(
        ("standardize",), description="default of a loss of classes or relative errors: none"
    )
    head: HEADS.spec = Field("linear", description="the default follows from the loss")
    loss: LOSSES.spec = "mse"
    weight: NonNegative = Field(1.0, description="of this task's loss in the sum: lambda_data")
    metrics: Annotated[tuple[METRICS.spec, ...], OneOrMore(), Field(min_length=1)] = Field(
        ("regression",), description="default of a loss of classes: classification"
    )

    @model_validator(mode="before")
    @classmethod
    def _follow_from_the_loss(cls, content: Any) -> Any:
        """Fill in the head, the transform and the metric that the loss asks for, where the file leaves them out."""
        if not isinstance(content, dict):
            return content
        try:
            facts = LOSSES.parse(content.get("loss", "mse")).component.facts
        except UserError:  # reported where the loss itself is validated
            return content
        natural = facts.model_dump(include={"head", "transform"}, exclude_unset=True)
        if HEADS[facts.head].facts.gives == "logits":
            natural["metrics"] = "classification"
        return {**natural, **content}


def drop_disabled_tasks(tasks: dict[str, Task]) -> dict[str, Task]:
    """Drop the tasks that are not enabled, after they were validated too."""
    enabled = {name: task for name, task in tasks.items() if task.enabled}
    if not enabled:
        raise UserError(Problem("no task is enabled", expected="at least one", received=list(tasks)))
    return enabled


class EarlyStopping(Strict):
    """Stop when the validation loss has not fallen by more than `min_delta` for `patience` epochs."""

    patience: Count = 20
    min_delta: NonNegative = 1e-6


class Ema(Strict):
    """An exponential moving average of the weights: a <- momentum a + (1 - momentum) w after each update of them.

    It begins with the weights after the first update. Validation, best epoch and the saved model use the average, the
    training goes on with the weights themselves.
    """

    momentum: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.99, description="the average reaches back over about 1 / (1 - momentum) updates"
    )


class Training(Strict):
    """How the objective is minimised."""

    epochs: Count = 100
    batch_size: Count = 256
    steps_per_epoch: Count | None = Field(None, description="default: one pass over the training events")
    optimizer: OPTIMIZERS.spec = "adamw"
    schedule: SCHEDULES.spec = "cosine"
    early_stopping: EarlyStopping | None = None
    monitor: str = Field(
        "val_loss", description="what decides on best epoch, early stopping and plateau: val_loss or val_<metric>"
    )
    gradient_accumulation: Count = Field(1, description="batches whose gradients are averaged into one update")
    ema: Ema | None = Field(None, description="average the weights over the updates; null: the weights as they are")
    mixed_precision: bool = False
    xla: Literal["auto"] | bool = Field("auto", description="auto: compiled where the model gains from it")
    steps_per_execution: Literal["auto"] | Count = "auto"
    keep_every: Count | None = Field(
        None,
        description="also keep the checkpoint of every N-th epoch, for evaluate and export --epoch N",
    )
    start_from: str | None = Field(None, description="a run whose weights are taken, by the names of the layers")
    freeze: Listed = Field((), description="patterns of names of layers whose weights do not change, e.g. hidden_*")
    bootstrap: Annotated[int, Field(ge=0, lt=2**31)] | None = Field(
        None, description="seed of a draw of the training events with replacement; null: each event once"
    )


class Ensemble(Strict):
    """Several trainings of one job that differ in their seed, and their mean as the result."""

    members: Annotated[int, Field(ge=2, le=1000)] | None = Field(
        None, description="how many; default: as many as seeds, else 5"
    )
    bootstrap: bool = Field(True, description="each member draws its training events with replacement, by event")
    seeds: Annotated[tuple[Annotated[int, Field(ge=0, lt=2**31)], ...], Field(min_length=2)] | None = Field(
        None, description="one for each member; default: the job's and those that follow it"
    )

    @model_validator(mode="after")
    def _one_seed_each(self) -> Self:
        if self.seeds is not None and len(set(self.seeds)) < len(self.seeds):
            what = "two members with one seed are equal"
            raise UserError(Problem(what, ("seeds",), expected="different ones", received=self.seeds))
        if self.seeds is not None and self.members not in (None, len(self.seeds)):
            expected = f"{self.members} seeds, or no 'members'"
            raise UserError(Problem("not one seed for each member", ("seeds",), expected=expected, received=self.seeds))
        return self

    def all_seeds(self, first: int) -> tuple[int, ...]:
        """Return the seeds of the members; `first` is the job's."""
        return self.seeds or tuple(range(first, first + (self.members or 5)))


class Collocation(Strict):
    """Where along a track the equation of motion is tested."""

    points: Annotated[int, Field(ge=1, le=100_000)] = Field(
        20, description="more than the model has coefficients, or between them anything may be"
    )
    placement: Literal["uniform", "random"] = Field(
        "uniform", description="evenly from 0 to 1, or drawn anew in every step"
    )


class Unlabelled(Strict):
    """Start states without truth, on which the constraints act as well; read as the dataset is."""

    files: Listed | None = None
    simulate: dict[str, Any] | None = Field(None, description="as in the dataset; the ends of the tracks are not used")
    batch_size: Count | None = Field(None, description="states next to each labelled batch; default: as many")

    @model_validator(mode="after")
    def _exactly_one_origin(self) -> Self:
        if (self.files is None) == (self.simulate is None):
            raise UserError(Problem("give exactly one of 'files' and 'simulate'"))
        return self


class Mlflow(Strict):
    """An MLflow server or store that receives the parameters, the metrics of each epoch and the files of a run."""

    uri: Annotated[str, Field(min_length=1)] = Field(
        description="http://host:port or sqlite:///file.db; user and password of a server are best given as "
        "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in the environment: one in the address is kept nowhere"
    )
    experiment: Annotated[str, Field(min_length=1)] | None = Field(None, description="default: the application")


class Tracking(Strict):
    """Where a run is recorded in addition to the registry."""

    mlflow: Mlflow | None = None
    tensorboard: bool = Field(False, description="write the figures of each epoch as event files, into tensorboard/")


class Export(Strict):
    """What else a finished run writes, for programs that do not use Keras."""

    onnx: bool = Field(False, description="model.onnx: raw physical inputs to physical outputs, checked against Keras")
    root: bool = Field(False, description="predictions.root: what predictions.csv holds, as a flat tree")


class Job(Strict):
    """One training, complete: the same file on the same data gives the same run."""

    schema_: Annotated[str | None, AfterValidator(lambda _: None), Field(alias="$schema", exclude=True)] = None
    """For editors; it is dropped, so that two jobs that differ in it alone are equal."""
    name: Name
    application: Name
    rationale: str = Field("", description="why this training is made; the registry shows it")
    seed: int = Field(42, ge=0, lt=2**31, description="of weights, dropout and order; the split has its own")
    dataset: DATASETS.spec
    model: MODELS.spec
    tasks: Annotated[dict[Word, Task], Field(min_length=1), AfterValidator(drop_disabled_tasks)] = Field(
        description="by name: letters, digits, _ and -"
    )
    constraints: Annotated[tuple[CONSTRAINTS.spec, ...], OneOrMore()] = ()
    collocation: Collocation = Collocation()
    unlabelled: Unlabelled | None = None
    balancing: BALANCINGS.spec = "fixed"
    weighting: Annotated[tuple[WEIGHTINGS.spec, ...], OneOrMore()] = ()
    training: Training = Training()
    ensemble: Ensemble | None = Field(None, description="null: one training")
    hyperopt: Hyperopt | None = Field(None, description="null: one training; else a search for the best values")
    resources: Resources = Resources()
    tracking: Tracking = Tracking()
    export: Export = Export()
    plots: tuple[PLOTS.spec, ...] | None = Field(default=None, description="null: all that apply; []: none")

    @model_validator(mode="after")
    def _each_target_once(self) -> Self:
        seen: dict[str, str] = {}
        for name, task in self.tasks.items():
            for target in task.targets:
                if target in seen:
                    where = ("tasks", name, "targets")
                    raise UserError(Problem(f"{target!r} is learned by the task {seen[target]!r} already", where))
                seen[target] = name
        return self

    @property
    def is_classical(self) -> bool:
        """Whether the model needs no training."""
        return bool(self.model.component.facts.kind == "classical")

    def dump(self, passwords: bool = False) -> dict[str, Any]:
        """Return the JSON with every default written out; it gives this job again, without passwords in addresses."""
        content = self.model_dump(mode="json", by_alias=True)
        return content if passwords else dict(hide_passwords(content))

    def write_complete(self, file: BinaryIO) -> None:
        """Write the JSON for a process that is to run the job; with a password in it only its owner can read it."""
        content = self.dump(passwords=True)
        if has_password(content):
            os.fchmod(file.fileno(), 0o600)
        file.write(json.dumps(content, indent=2).encode() + b"\n")
