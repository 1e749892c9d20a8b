"""KerasTuner's oracles draw values: loaded from a file, asked once, written back, all under the search's lock.

KerasTuner's own `reload()` would queue every running trial again, and its chief is one process that must not die. Here
the records of the trials are authoritative: the oracle learns from them which trials have ended before it is asked.
"""

import collections
import contextlib
import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.checks.search import direction
from app.config import Job
from app.config.derived_jobs import dimensions, search_of, values_of
from app.config.search_space import Entry
from app.core.errors import Problem, UserError
from app.core.files import read_json, write_json
from app.search.state import SearchState, Trial

GRID = ("_memory", "_data_to_index", "_next_index", "_last_index")
"""Attributes of KerasTuner's grid that hold the order of its trials."""
EXPECTED = "the state of the search; --overwrite begins it anew"
NEVER = 10**9
"""Failures in a row after which KerasTuner would raise: the search decides itself whether it goes on."""


@dataclass(frozen=True)
class Draw:
    """The answer of the oracle: a trial, to wait for others ("IDLE"), or that there is nothing more ("STOPPED")."""

    status: str
    trial: Trial | None = None


def ask(job: Job, state: SearchState) -> Draw:
    """Tell the oracle which trials have ended, ask it for a trial and write that down; only under the search's lock."""

    def record(drawn: Any) -> Trial:
        values = dict(drawn.hyperparameters.values)
        return Trial(drawn.trial_id, values, values_of(job, values))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations and convergence of libraries; the user cannot change them
        oracle = load_oracle(job, state)
        trials = {trial.id: trial for trial in state.trials()}
        for lost in [drawn for name, drawn in oracle.trials.items() if name not in trials]:
            state.write(record(lost))  # a process died between the two files
        update_oracle(oracle, trials.values())
        if hasattr(oracle, "gpr") and oracle.ongoing_trials:
            fit_to_completed(oracle)
        drawn = oracle.create_trial(f"draw {len(oracle.trials)}")
        save_oracle(oracle, state)
    if drawn.status != "RUNNING":
        return Draw(drawn.status)
    trial = record(drawn)
    state.write(trial)
    return Draw("RUNNING", trial)


def fit_to_completed(oracle: Any) -> None:
    """Fit the Gaussian process to the completed trials: a fresh one would guess running trials to score 0 +- 1."""
    trials, ongoing = oracle.trials, oracle.ongoing_trials
    oracle.trials = {name: trial for name, trial in trials.items() if trial.status == "COMPLETED"}
    oracle.ongoing_trials = {}
    try:
        if oracle.trials:
            oracle.gpr.fit(*oracle._vectorize_trials())
    finally:
        oracle.trials, oracle.ongoing_trials = trials, ongoing


def update_oracle(oracle: Any, records: Iterable[Trial]) -> None:
    """Bring the oracle's trials up to their records."""
    for record in records:
        status = {"done": "COMPLETED", "failed": "FAILED"}.get(record.state, "RUNNING")
        known = oracle.trials.get(record.id)
        if known is None or known.status == status:
            continue
        if status == "RUNNING" or record.id in oracle.end_order:  # it was killed, and is or has been continued
            known.status, known.score = status, record.score
            continue
        if status == "COMPLETED":
            oracle.update_trial(record.id, {oracle.objective.name: record.score})
        known.status, known.message = status, record.reason
        oracle.end_trial(known)


def load_oracle(job: Job, state: SearchState) -> Any:
    """Return the oracle of a search as it was saved, or a fresh one; raises UserError when its file is damaged."""
    from keras_tuner.engine.trial import Trial as TunerTrial

    oracle = make_oracle(job)
    if not state.oracle.exists():
        return oracle
    content = read_json(state.oracle, EXPECTED)
    try:
        oracle.trials = {name: TunerTrial.from_state(trial) for name, trial in content["trials"].items()}
        oracle.set_state(content["state"])
        if content["grid"] is not None:
            order = content["grid"]["order"]
            for name in order:
                setattr(oracle._ordered_ids, name, order[name])
            oracle._ordered_ids._next_index = collections.defaultdict(lambda: None, order["_next_index"])
            oracle._populate_next = content["grid"]["next"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(Problem(f"cannot be read ({error!r})", (str(state.oracle),), expected=EXPECTED)) from None
    return oracle


def save_oracle(oracle: Any, state: SearchState) -> None:
    """Write the oracle: its own state, its trials, and the order of a grid, which its own state leaves out."""
    grid = None
    if hasattr(oracle, "_ordered_ids"):
        order = {name: getattr(oracle._ordered_ids, name) for name in GRID}
        order["_next_index"] = [list(pair) for pair in order["_next_index"].items()]
        grid = {"order": order, "next": oracle._populate_next}
    trials = {name: trial.get_state() for name, trial in oracle.trials.items()}
    write_json(state.oracle, {"state": oracle.get_state(), "trials": trials, "grid": grid})


def make_oracle(job: Job) -> Any:
    """Return a fresh oracle of the job's search."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras_tuner
    from keras_tuner import oracles

    search = search_of(job)
    kinds = {
        "random": oracles.RandomSearchOracle,
        "hyperband": oracles.HyperbandOracle,
        "bayesian": oracles.BayesianOptimizationOracle,
        "grid": oracles.GridSearchOracle,
    }
    seed = job.seed if search.seed is None else search.seed
    longest = {"max_epochs": search.epochs or job.training.epochs} if search.tuner == "hyperband" else {}
    oracle = kinds[search.tuner](
        objective=keras_tuner.Objective(search.objective, direction(job)),
        hyperparameters=make_hyperparameters(dimensions(job)),
        seed=seed + 1,  # it takes 0 for none
        max_consecutive_failed_trials=NEVER,
        **longest,
    )
    oracle.max_trials = None  # counted by the search, whose limit may be raised later
    oracle.verbose = 0
    oracle.save = lambda: None  # everything is in the search's own files
    oracle._save_trial = lambda trial: None
    return oracle


def make_hyperparameters(entries: Sequence[Entry]) -> Any:
    """Return the space for KerasTuner: a choice is the position of its value, which may be any JSON."""
    import keras_tuner

    space = keras_tuner.HyperParameters()
    for entry in entries:
        dimension = entry.dimension
        with contextlib.ExitStack() as stack:
            for condition in entry.conditions:
                stack.enter_context(space.conditional_scope(condition.parent, list(condition.positions)))
            if dimension.values:
                ordered = all(isinstance(value, (int, float)) for value in dimension.values)
                space.Choice(entry.path, list(range(len(dimension.values))), ordered=ordered)
                continue
            low, high = dimension.range
            add = space.Int if dimension.kind == "int" else space.Float
            step = dimension.step if dimension.step is None or dimension.kind == "float" else int(dimension.step)
            add(entry.path, low, high, step=step, sampling="log" if dimension.log else "linear")
    return space
