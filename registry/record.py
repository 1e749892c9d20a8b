"""The record of one training: its settings, its results, and how they compare with the baselines."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from app.core.files import REPOSITORY
from app.core.identity import Identity, this_machine
from app.core.system import now
from app.core.types import Name, NonNegative, Strict

State = Literal[
    "queued", "idle", "running", "evicted", "held", "interrupted", "done", "failed", "resubmitted", "removed"
]
STATES: tuple[State, ...] = get_args(State)
Better = Literal["lower", "higher"]
FEW_EVENTS = 30
"""A result on fewer test events is called uncertain wherever it stands."""


def finite_or_none(value: Any) -> Any:
    """Return None for NaN and infinity: JSON has no name for them, and they must not sort as best."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def inside_repository(path: str) -> str:
    """Return a path inside the repository relative to its root, any other path as it is."""
    full = Path(path)
    inside = full.is_absolute() and full.is_relative_to(REPOSITORY)
    return full.relative_to(REPOSITORY).as_posix() if inside else path


Figure = Annotated[float | None, BeforeValidator(finite_or_none)]
Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]


class Result(Strict):
    """The value of a task's metric on the test split, and the same of each baseline."""

    metric: str = ""
    better: Better = "lower"
    value: Figure = None
    baselines: dict[str, Figure] = Field(default_factory=dict)

    def unbeaten(self, done: bool) -> list[str]:
        """Return the baselines that are at least as good; a finished run without a finite value beats none."""
        if self.value is None:
            return sorted(self.baselines) if done else []
        return [n for n, b in self.baselines.items() if b is not None and not is_better(self.value, b, self.better)]


class Process(Strict):
    """A process that works on a run: on a `machine` between two boots, in one namespace, and when it was born."""

    machine: str
    pid: int
    born: str = ""

    @classmethod
    def of_this(cls) -> Self:
        """Return this process."""
        me = Identity.of_this_process()
        return cls(machine=me.machine, pid=me.pid, born=me.born)

    @property
    def is_of_this_machine(self) -> bool:
        """Whether it can be looked up here."""
        return self.machine == this_machine()

    @property
    def has_ended(self) -> bool:
        """Whether it is known to be gone: it ran on this machine and does not any more."""
        return self.is_of_this_machine and Identity(pid=self.pid, born=self.born).has_ended()


class Record(Strict):
    """What the registry knows about one run; only the run itself writes it.

    `value` is the metric `metric` on the test split, `baselines` the same metric of each baseline on the same events.
    Values are comparable only between runs of one `fingerprint` (data and split).
    """

    run: Name
    application: Name
    state: State = "queued"
    reason: str = Field(default="", description="why it failed or is held")
    rationale: str = ""
    config: Annotated[str, AfterValidator(inside_repository)] = Field(default="", description="path of the job file")
    created: Time = Field(default_factory=now)
    started: Time | None = None
    updated: Time = Field(default_factory=now)
    finished: Time | None = None
    epoch: int | None = Field(default=None, description="epochs that are complete")
    epochs: int | None = Field(default=None, description="epochs in the job")
    seed: int | None = None
    model: str = Field(default="", description="name with preset or hidden layers, e.g. 'mlp medium'")
    parameters: Annotated[int, Field(ge=0)] | None = None
    loss: str = ""
    hyperparameters: str = Field(default="", description="batch, optimizer, schedule, and the model's own")
    transform: str = ""
    dataset: str = Field(default="", description="one line")
    simulated: bool = False
    fingerprint: str = Field(default="", description="hash of the data and of the split")
    metric: str = ""
    better: Better = "lower"
    value: Figure = None
    baselines: dict[str, Figure] = Field(default_factory=dict)
    task: str = Field(default="", description="the task that metric and value are of, where there are several")
    others: dict[str, Result] = Field(default_factory=dict, description="the results of the other tasks")
    test_events: Annotated[int, Field(ge=0)] | None = Field(default=None, description="that the results are of")
    verdict: str = Field(default="", description="how the value compares with the baselines, as text")
    metrics: dict[str, Figure] = Field(default_factory=dict)
    best_epoch: int | None = None
    training_time: NonNegative | None = Field(default=None, description="seconds")
    device: str = ""
    host: str = ""
    folder: str = Field(default="", description="hash of the machine and the folder of runs in which it was made")
    processes: tuple[Process, ...] = Field(default=(), description="that work on it while it is running")
    commit: str = ""
    dirty: bool = False
    job_id: str | None = Field(default=None, description="HTCondor's cluster.process")
    notes: tuple[tuple[Time, str], ...] = Field(default=(), description="the run's own remarks: (time, text)")
    resources: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def check_reason(self) -> Self:
        """Refuse a failed or held run without a reason."""
        if self.state in ("failed", "held") and not self.reason:
            raise ValueError(f"a run that is {self.state} needs a reason")
        return self

    @property
    def caution(self) -> str:
        """What goes before a verdict on few events, whose figures may be chance; empty where they are enough."""
        few = self.test_events is not None and self.test_events < FEW_EVENTS
        return f"on {self.test_events} test event{'s' * (self.test_events != 1)} only: " if few else ""

    @property
    def died(self) -> str:
        """The reason why a run that is still called running has ended without a word; empty where it may be running."""
        if self.state != "running" or not self.processes or not all(process.has_ended for process in self.processes):
            return ""
        return f"the process {self.processes[-1].pid} on {self.host} ended without a word; resume with --resume"

    def figure(self, metric: str) -> float | None:
        """Return the run's value of any metric that it has recorded."""
        return self.value if metric == self.metric else self.metrics.get(metric)

    @property
    def results(self) -> dict[str, Result]:
        """The result of each task, the leading one first; its name is "" where it is the only one."""
        own = Result(metric=self.metric, better=self.better, value=self.value, baselines=self.baselines)
        return {self.task: own, **self.others}

    @property
    def unbeaten(self) -> list[str]:
        """The baselines that are at least as good as this run in any task."""
        done = self.state == "done"
        return [_with_task(task, name) for task, result in self.results.items() for name in result.unbeaten(done)]


def _with_task(task: str, text: str) -> str:
    return f"{task}: {text}" if task else text


def is_better(value: float, than: float, better: Better) -> bool:
    """Tell whether `value` is strictly better."""
    return value < than if better == "lower" else value > than


def number(value: float | None) -> str:
    """Write a figure with the three digits that a comparison needs."""
    if value is None:
        return "not finite"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def verdict(value: float | None, baselines: Mapping[str, float | None], better: Better) -> str:
    """Return as text whether a value beats each baseline, the strongest first.

    >>> verdict(0.083, {"straight_line": 431.0, "polynomial": 0.114}, "lower")
    'beats polynomial (0.114) by 1.4x; beats straight_line (431) by 5193x'
    >>> verdict(0.083, {"polynomial": 0.018}, "lower")
    'does NOT beat polynomial (0.0180): 4.6x worse'
    """
    if value is None:
        return "no finite value, so it beats no baseline"
    known = [(name, b) for name, b in baselines.items() if b is not None]
    known.sort(key=lambda pair: pair[1], reverse=better == "higher")
    clauses = []
    for name, baseline in known:
        if value == baseline:
            clauses.append(f"does NOT beat {name} ({number(baseline)}): equal")
        elif is_better(value, baseline, better):
            clauses.append(f"beats {name} ({number(baseline)}) by {describe_factor(value, baseline)}")
        else:
            clauses.append(f"does NOT beat {name} ({number(baseline)}): {describe_factor(value, baseline)} worse")
    return "; ".join(clauses) or "no baseline to compare with"


def describe_results(results: Mapping[str, Result], strongest: bool = False) -> str:
    """Return the verdict of each task, or only its clause about the strongest baseline."""
    verdicts = {task: verdict(result.value, result.baselines, result.better) for task, result in results.items()}
    return "; ".join(
        _with_task(task, text.partition("; ")[0] if strongest else text) for task, text in verdicts.items()
    )


def describe_factor(first: float, second: float) -> str:
    """Compare two values: as a ratio, close ones in per cent, by their difference where a ratio has no meaning."""
    small, large = sorted((first, second))
    if small <= 0:
        return number(large - small)
    ratio = large / small
    return f"{100 * (ratio - 1):.2g} %" if ratio < 1.1 else f"{ratio:.1f}x" if ratio < 100 else f"{ratio:.0f}x"
