"""The plots of a search from trials made by hand: its course, its values, and which of them mattered."""

import numpy as np
import pytest

from app.config.job_file import parse
from app.runs.directory import RunDirectory
from app.search.plots import by_trial, draw, importance, parallel
from app.search.state import Trial

RATE, BATCH = "training.optimizer.learning_rate", "training.batch_size"


@pytest.fixture
def job(small_job):
    space = {RATE: {"float": [1e-4, 1e-1], "log": True}, BATCH: {"choice": [32, 64]}}
    return parse({**small_job, "hyperopt": {"max_trials": 12, "space": space}})


@pytest.fixture
def trials():
    """The score follows the learning rate alone; the fourth trial failed."""
    rates = np.geomspace(1e-4, 1e-1, 12)
    made = []
    for number, rate in enumerate(rates):
        values = {RATE: float(rate), BATCH: 32 if number % 2 else 64}
        score = float(1.0 + abs(np.log10(rate / 1e-2)))
        made.append(Trial(f"{number:02}", values, values, "done", score, [score]))
    made[3] = Trial("03", made[3].drawn, made[3].values, "failed", reason="loss is nan")
    return made


def test_the_line_is_the_best_so_far_and_a_failed_trial_is_no_point(job, trials):
    (axes,) = by_trial(job, trials).axes
    points, best, failed = axes.lines
    scores = [trial.score for trial in trials if trial.state == "done"]
    assert points.get_ydata().tolist() == scores
    assert best.get_ydata().tolist() == np.minimum.accumulate(scores).tolist()
    assert failed.get_xdata().tolist() == [3]


def test_the_last_line_is_the_best_trial(job, trials):
    (axes,) = parallel(job, trials).axes
    lines = [line for line in axes.lines if line.get_marker() == "o"]
    assert len(lines) == 11
    assert lines[-1].get_ydata()[-1] == 1.0
    best = min((t for t in trials if t.state == "done"), key=lambda t: t.score)
    assert lines[-1].get_ydata()[0] == pytest.approx(np.log(best.values[RATE] / 1e-4) / np.log(1e3))


def test_what_mattered_is_drawn_beside_the_rest(job, trials, tmp_path):
    shares, _ = importance(job, trials)
    assert shares[RATE] > shares[BATCH]
    paths = draw(job, trials, RunDirectory(tmp_path))
    assert [path.name for path in paths] == ["search_trials.png", "search_values.png", "search_importance.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
