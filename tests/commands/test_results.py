"""What a run prints at its end: figures with their units in a table, and one line for all plots."""

import json
import logging

import pytest

from app.commands._results import show_plots, show_results
from app.runs import directory
from datasets.simulate.engine.generator import show_progress


def test_figures_stand_in_a_table_next_to_the_baselines(made_run, capsys):
    made_run("one")
    run = directory.of("one")
    run.provenance.write_text('{"dataset": {"units": {"energy": "GeV"}}}')
    model = {"energy_68": 0.125, "energy_bias": -0.5, "rows": 50, "bins": []}
    mean = {"energy_68": 0.25, "energy_bias": 0.0, "rows": 50, "bins": []}
    task = {"metric": "energy_68", "binned_in": "", "model": model, "baselines": {"mean": mean}}
    show_results(run, {"energy": task}, run.path)
    output = capsys.readouterr().out
    assert "one, energy: energy_68 [GeV] on the test split (50 events)\n" in output
    assert "one, energy: other metrics\n" in output
    assert [cell.strip() for cell in output.split("energy_bias")[1].splitlines()[0].split("│")[1:-1]] == [
        "GeV",
        "-0.5",
        "0",
    ]
    assert output.count("energy_bias") == 1


@pytest.mark.parametrize(("weighting", "said"), [([], 0), ([{"name": "column", "column": "w"}], 1)])
def test_metrics_of_a_weighted_training_say_that_they_are_not_weighted(made_run, capsys, weighting, said):
    made_run("one")
    run = directory.of("one")
    run.job.write_text(json.dumps({"weighting": weighting}))
    model = {"energy_68": 0.125, "rows": 50}
    show_results(run, {"energy": {"metric": "energy_68", "model": model, "baselines": {}}}, run.path)
    line = "every event counts alike in the metrics and the baselines: only the loss is weighted\n"
    assert capsys.readouterr().out.count(line) == said


def test_all_plots_take_one_line(tmp_path, capsys):
    show_plots([])
    show_plots([tmp_path / "a.png"])
    show_plots([tmp_path / "a.png", tmp_path / "b.png"])
    assert capsys.readouterr().out == f"plot: {tmp_path / 'a.png'}\nplots: {tmp_path} (2 files)\n"


def test_a_single_shard_is_no_news(caplog):
    caplog.set_level(logging.INFO)
    with show_progress(10, "tracks") as advance:
        advance(10, "")
        advance(10, "shard 2 of 2")
    assert caplog.messages == ["shard 2 of 2 written"]
