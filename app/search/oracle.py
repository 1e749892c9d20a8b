"""KerasTuner's oracles as drawers of values: loaded from a file, asked once, written back, all under the search's lock.

KerasTuner's own `reload()` would queue every running trial again, and its chief is one process that must not die. Here
the records of the trials are the truth: what they say has ended is told to the oracle before it is asked.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.checks.search_objective import direction
from app.config import Job
from app.config.derived_jobs import dimensions, search_of, values_of
from app.config.search_space import Entry
from app.core.errors import Problem, UserError
from app.core.files import write_json
from app.search.state import SearchState, Trial

GRID = ("_memory", "_data_to_index", "_next_index", "_last_index")
NEVER = 10**9
"""Failures in a row after which KerasTuner would raise: whether to go on is not its business."""


@dataclass(frozen=True)
class Draw:
    """What the oracle says: a trial, to wait for others ("IDLE"), or that there is nothing more ("STOPPED")."""

    status: str
    trial: Trial | None = None


def ask(job: Job, state: SearchState) -> Draw:
    """Tell the oracle what has ended and ask it for a trial, which is written down; only under the search's lock."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations and convergence of libraries, not of the user's making
        oracle = _load(job, state)
        records = {trial.id: trial for trial in state.trials()}
        for lost in [drawn for name, drawn in oracle.trials.items() if name not in records]:
            state.write(_record(job, lost))  # a process died between the two files
        _tell_oracle(oracle, records.values())
        drawn = _draw(oracle)
        _save(oracle, state)
    if drawn.status != "RUNNING":
        return Draw(drawn.status)
    trial = _record(job, drawn)
    state.write(trial)
    return Draw("RUNNING", trial)


def _record(job: Job, drawn: Any) -> Trial:
    values = dict(drawn.hyperparameters.values)
    return Trial(drawn.trial_id, values, values_of(job, values))


def _draw(oracle: Any) -> Any:
    if hasattr(oracle, "gpr") and oracle.ongoing_trials:
        _fit_to_completed(oracle)
    return oracle.create_trial(f"draw {len(oracle.trials)}")


def _fit_to_completed(oracle: Any) -> None:
    """Fit the Gaussian process to what is known: a fresh one would guess running trials to score 0 +- 1."""
    every, ongoing = oracle.trials, oracle.ongoing_trials
    oracle.trials = {name: t for name, t in every.items() if t.status == "COMPLETED"}
    oracle.ongoing_trials = {}
    try:
        if oracle.trials:
            oracle.gpr.fit(*oracle._vectorize_trials())
    finally:
        oracle.trials, oracle.ongoing_trials = every, ongoing


def _tell_oracle(oracle: Any, records: Iterable[Trial]) -> None:
    for record in records:
        status = {"done": "COMPLETED", "failed": "FAILED"}.get(record.state, "RUNNING")
        known = oracle.trials.get(record.id)
        if known is None or known.status == status:
            continue
        if status == "RUNNING" or record.id in oracle.end_order:  # one that was killed, and goes on or has gone on
            known.status, known.score = status, record.score
            continue
        if status == "COMPLETED":
            oracle.update_trial(record.id, {oracle.objective.name: record.score})
        known.status, known.message = status, record.reason
        oracle.end_trial(known)


def _load(job: Job, state: SearchState) -> Any:
    from keras_tuner.engine.trial import Trial as Drawn

    oracle = _make(job)
    if not state.oracle.exists():
        return oracle
    try:
        content = json.loads(state.oracle.read_text())
        oracle.trials = {name: Drawn.from_state(one) for name, one in content["trials"].items()}
        oracle.set_state(content["state"])
        _restore_grid(oracle, content["grid"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        expected = "the state of the search; --overwrite begins it anew"
        raise UserError(Problem(f"cannot be read ({error!r})", (str(state.oracle),), expected=expected)) from None
    return oracle


def _save(oracle: Any, state: SearchState) -> None:
    trials = {name: trial.get_state() for name, trial in oracle.trials.items()}
    write_json(state.oracle, {"state": oracle.get_state(), "trials": trials, "grid": _grid(oracle)})


def _grid(oracle: Any) -> dict[str, Any] | None:
    """Return what the grid's own state leaves out: the order of its trials and which are to be continued."""
    if not hasattr(oracle, "_ordered_ids"):
        return None
    order = {name: getattr(oracle._ordered_ids, name) for name in GRID}
    order["_next_index"] = [list(pair) for pair in order["_next_index"].items()]
    return {"order": order, "next": oracle._populate_next}


def _restore_grid(oracle: Any, content: dict[str, Any] | None) -> None:
    if content is None:
        return
    for name, value in content["order"].items():
        setattr(oracle._ordered_ids, name, value)
    oracle._ordered_ids._next_index = collections.defaultdict(lambda: None, content["order"]["_next_index"])
    oracle._populate_next = content["next"]


def _make(job: Job) -> Any:
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
        hyperparameters=_hyperparameters(dimensions(job)),
        seed=seed + 1,  # it takes 0 for none
        max_consecutive_failed_trials=NEVER,
        **longest,
    )
    oracle.max_trials = None  # counted by the search, which may be given more later
    oracle.verbose = 0
    oracle.save = lambda: None  # the search's own files hold it all
    oracle._save_trial = lambda trial: None
    return oracle


def _hyperparameters(entries: Sequence[Entry]) -> Any:
    """Return the space as KerasTuner knows it: a choice is the position of its value, which may be any JSON."""
    import keras_tuner

    found = keras_tuner.HyperParameters()
    for entry in entries:
        with _scopes(found, entry):
            _add(found, entry)
    return found


def _scopes(found: Any, entry: Entry) -> contextlib.ExitStack:
    stack = contextlib.ExitStack()
    for condition in entry.conditions:
        stack.enter_context(found.conditional_scope(condition.parent, list(condition.positions)))
    return stack


def _add(found: Any, entry: Entry) -> None:
    dimension = entry.dimension
    if dimension.values:
        found.Choice(entry.path, list(range(len(dimension.values))), ordered=_ordered(dimension.values))
        return
    low, high = dimension.range
    add = found.Int if dimension.kind == "int" else found.Float
    step = dimension.step if dimension.step is None or dimension.kind == "float" else int(dimension.step)
    add(entry.path, low, high, step=step, sampling="log" if dimension.log else "linear")


def _ordered(values: Sequence[Any]) -> bool:
    return all(isinstance(value, (int, float)) for value in values)
