"""KerasTuner behind the files: what each tuner draws, that nothing is drawn twice, and that failures count as such."""

import json
import math
from dataclasses import replace

import pytest

from app.config.derived_jobs import trial_job
from app.config.job_file import parse
from app.core.errors import UserError
from app.search.oracle import ask
from app.search.plots import coordinates, importance
from app.search.publish import table
from app.search.state import SearchState, Trial, best_trial


@pytest.fixture
def state(tmp_path):
    made = SearchState(tmp_path)
    made.make()
    return made


def play(job, state, score, most=200):
    """Ask until there is nothing more, each time from the files alone, with `score` in place of a training."""
    while len(state.trials()) < most:
        answer = ask(job, state)
        if answer.trial is None:
            return answer.status
        assert trial_job(job, answer.trial.values, answer.trial.id).hyperopt is None
        state.write(score(answer.trial))
    return "LIMIT"


def done(trial, value):
    return replace(trial, state="done", score=value)


def rate(trial):
    return trial.values["training.optimizer.learning_rate"]


@pytest.mark.parametrize("tuner", ["random", "bayesian"])
def test_draws_fill_the_space(searched, space, state, tuner):
    job = parse(searched(tuner=tuner, space=space, seed=0))
    assert play(job, state, lambda t: done(t, math.log(rate(t))), most=14) == "LIMIT"
    trials = state.trials()
    assert {"preset" in t.values["model"] for t in trials} == {False, True}
    for trial in trials:
        assert 1e-4 <= rate(trial) <= 1e-2
        assert ("model.dropout" in trial.values) == ("preset" in trial.values["model"])
        assert trial.values.get("model.dropout", 0.1) in (0.0, 0.1, 0.2)
    assert len({rate(t) for t in trials[:9]}) == 9


def test_one_seed_gives_one_search(searched, tmp_path):
    rates = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        state = SearchState(tmp_path / folder)
        state.make()
        play(parse(searched(seed=seed)), state, lambda t: done(t, 1.0), most=3)
        rates.append([rate(t) for t in state.trials()])
    assert rates[0] == rates[1] != rates[2]


def test_bayesian_search_goes_where_it_is_better(searched, state):
    """Beyond the random start, with one trial of unknown outcome beside it, as with two workers."""
    job = parse(searched(tuner="bayesian", seed=1))
    ask(job, state)  # runs all the time
    play(job, state, lambda t: done(t, (math.log10(rate(t)) + 3) ** 2), most=8)
    later = [rate(t) for t in state.trials()[5:]]
    assert min(abs(math.log10(value) + 3) for value in later) < 0.1


def test_a_grid_has_every_combination_once(searched, state):
    space = {"model.hidden": {"choice": [[4], [8]]}, "training.batch_size": {"int": [16, 64], "step": 2, "log": True},
             "model.dropout": {"float": [0, 0.1], "step": 0.1, "when": {"model.hidden": [[8]]}}}  # fmt: skip
    assert play(parse(searched(tuner="grid", space=space)), state, lambda t: done(t, 1.0)) == "STOPPED"
    drawn = [json.dumps(trial.values, sort_keys=True) for trial in state.trials()]
    assert len(drawn) == len(set(drawn)) == 3 * (1 + 2)


def test_hyperband_promotes_the_better_ones(searched, state):
    job = parse(searched(tuner="hyperband", epochs=9, seed=3))
    assert play(job, state, lambda t: done(t, rate(t))) == "STOPPED"
    trials = {t.id: t for t in state.trials()}
    first = [t for t in trials.values() if t.drawn["tuner/bracket"] == 2 and t.drawn["tuner/round"] == 0]
    assert len(first) == 9
    assert {t.drawn["tuner/epochs"] for t in first} == {1}
    promoted = [t for t in trials.values() if "tuner/trial_id" in t.drawn]
    assert promoted
    for trial in promoted:
        before = trials[trial.drawn["tuner/trial_id"]]
        assert trial.values == before.values
        assert trial.drawn["tuner/initial_epoch"] == before.drawn["tuner/epochs"] < trial.drawn["tuner/epochs"]
    second = {t.drawn["tuner/trial_id"] for t in promoted if before_round(t, trials) == (2, 0)}
    best = sorted(first, key=rate)[: len(second)]
    assert second == {t.id for t in best}


def before_round(trial, trials):
    drawn = trials[trial.drawn["tuner/trial_id"]].drawn
    return drawn["tuner/bracket"], drawn["tuner/round"]


@pytest.mark.parametrize("tuner", ["random", "bayesian", "hyperband", "grid"])
def test_failures_are_told_and_never_the_best(searched, state, tuner):
    """KerasTuner's own get_best_trials() fills up with failed trials, and it stops after three failures in a row."""
    space = {"model.hidden": {"choice": [[n] for n in range(1, 8)]}}
    job = parse(searched(tuner=tuner, epochs=3, space=space))
    play(job, state, lambda t: replace(t, state="failed", reason="loss is nan"), most=6)
    trials = state.trials()
    assert len(trials) >= 4
    assert best_trial(job, trials) is None
    state.write(done(trials[2], 5.0))  # was killed and has continued: it is reported again
    ask(job, state)
    content = json.loads(state.oracle.read_text())["trials"]
    assert (content[trials[2].id]["status"], content[trials[2].id]["score"]) == ("COMPLETED", 5.0)
    assert best_trial(job, state.trials()).id == trials[2].id


def test_a_draw_whose_record_was_not_written_is_not_lost(searched, state):
    """A process was killed between the oracle's file and the trial's."""
    job = parse(searched())
    first = ask(job, state).trial
    (state.records / f"{first.id}.json").unlink()
    second = ask(job, state).trial
    assert second.id != first.id
    assert state.read(first.id).values == first.values
    assert state.read(first.id).state == "running"
    assert [trial.id for trial in state.trials() if trial.state == "running" and state.is_free(trial.id)] == [
        first.id,
        second.id,
    ]


def test_damaged_files_are_named(searched, state):
    job = parse(searched())
    trial = ask(job, state).trial
    state.oracle.write_text("{")
    with pytest.raises(UserError, match=r"oracle.json: cannot be read"):
        ask(job, state)
    (state.records / f"{trial.id}.json").write_text('{"id": 1, "what": 2}')
    with pytest.raises(UserError, match=r"0000.json: cannot be read"):
        state.trials()


def test_the_winner_has_the_lowest_or_the_highest_score(searched):
    trials = [Trial(str(i), {}, {}, "done", score) for i, score in enumerate((0.3, 0.1, 0.2))]
    assert best_trial(parse(searched()), trials).id == "1"
    assert best_trial(parse(searched(objective="val_accuracy", direction="max")), trials).id == "0"


def made(values):
    key = "training.optimizer.learning_rate"
    return [Trial(f"{i:04d}", {key: r, "model.dropout": d}, {key: r, "model.dropout": d}, "done", s)
            for i, (r, d, s) in enumerate(values)]  # fmt: skip


def test_importance_finds_what_matters(searched, monkeypatch):
    space = {"training.optimizer.learning_rate": {"float": [1e-4, 1e-2], "log": True},
             "model.dropout": {"float": [0, 0.2]}}  # fmt: skip
    job = parse(searched(space=space))
    trials = made([(10 ** (-4 + 2 * i / 19), 0.2 * ((7 * i) % 20) / 19, float(i)) for i in range(20)])
    assert coordinates(job, trials)["training.optimizer.learning_rate"][[0, 19]] == pytest.approx([0, 1])
    shares, what = importance(job, trials)
    assert "forest" in what
    assert shares["training.optimizer.learning_rate"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    shares, what = importance(job, trials)
    assert "rank correlation" in what
    assert shares["training.optimizer.learning_rate"] == pytest.approx(1)
    assert shares["model.dropout"] < 0.5
    assert importance(job, trials[:4]) == ({}, "")


def test_the_table_has_a_row_for_each_trial(searched, space):
    job = parse(searched(space=space))
    drawn = {"model": 1, "tuner/epochs": 3}
    trials = [Trial("0000", drawn, {"model": {"name": "mlp", "preset": "tiny"}}, "done", 0.5, [0.5], 2, seconds=1.25),
              Trial("0001", drawn, {}, "failed", reason="loss is nan, stopped")]  # fmt: skip
    lines = table(job, trials).splitlines()
    assert lines[0] == ("trial,state,val_loss,best_epoch,seconds,attempts,device,model,model.dropout,"
                        "training.optimizer.learning_rate,tuner/epochs,reason")  # fmt: skip
    assert lines[1] == '0000,done,0.5,2,1.25,0,,"{""name"": ""mlp"", ""preset"": ""tiny""}",,,3,'
    assert lines[2].startswith("0001,failed,,,,0,")  # its process was killed: 0.00 seconds would be wrong
    assert lines[2].endswith(',3,"loss is nan, stopped"')
