"""The best run of an application: by its metric, among finished runs on the same data."""

from __future__ import annotations

import pytest

import registry
from app.core.errors import UserError
from registry.ranking import best_run, comparable
from registry.store import read_all


def record(run, value, data="aaaa1111", state="done", **more):
    reason = "NaN" if state == "failed" else ""
    facts = {"application": "tracks", "metric": "pos_mean_mm", "better": "lower", "dataset": f"data {data[:1]}"}
    return registry.Record(run=run, value=value, state=state, reason=reason, fingerprint=data, **{**facts, **more})


@pytest.fixture
def root(tmp_path):
    def filled(*records):
        for one in records:
            registry.create(tmp_path, one)
        return tmp_path

    return filled


def test_the_lowest_or_the_highest_of_those_that_are_done(root):
    where = root(record("a", 2.0), record("b", 1.0), record("c", 0.5, state="failed"), record("d", None))
    found = best_run(where, "tracks")
    assert (found.record.run, found.metric, found.better, found.runs) == ("b", "pos_mean_mm", "lower", 2)
    more = {"application": "tags", "metric": "auc", "better": "higher"}
    root(record("e", 0.7, **more), record("f", 0.9, **more))
    assert best_run(where, "tags").record.run == "f"


def test_runs_on_other_data_are_not_compared(root):
    where = root(record("a", 2.0), record("b", 1.5), record("easy", 0.1, data="bbbb2222"))
    found = best_run(where, "tracks")
    assert found.record.run == "b"
    assert [other.run for other in found.elsewhere] == ["easy"]
    assert (found.runs, found.others) == (2, 1)
    assert best_run(where, "tracks", data="bbbb").record.run == "easy"
    with pytest.raises(UserError, match=r"--data: unknown fingerprint of data"):
        best_run(where, "tracks", data="cccc")


def test_the_same_data_in_other_words_are_the_same_data(root):
    """As versions before this one described them; a run that has not read its data goes by the words alone."""
    words = ("900 of 1,000 rows", "1,000 rows")
    where = root(record("a", 2.0, dataset=words[0]), record("b", 1.0, dataset=words[1]))
    root(record("c", None, state="running", data="", dataset=words[1]))
    assert best_run(where, "tracks").runs == 2
    assert [[r.run for r in group] for group in comparable(read_all(where).records)] == [["a", "b", "c"]]


def test_the_notes_name_the_metric(root):
    where = root(record("a", 2.0, metrics={"pos_95_mm": 3.0}), record("b", 1.0, metrics={"pos_95_mm": 4.0}))
    (where / "notes").mkdir(exist_ok=True)
    (where / "notes" / "tracks.md").write_text("---\nmetric: pos_95_mm\nbetter: lower\n---\n")
    found = best_run(where, "tracks")
    assert (found.record.run, found.metric) == ("a", "pos_95_mm")


def test_what_has_no_best_run(root):
    where = root(record("a", None, state="running"))
    with pytest.raises(UserError, match=r"unknown application\. Did you mean 'tracks'\?"):
        best_run(where, "track")
    with pytest.raises(UserError, match=r"no run of tracks is done with a finite pos_mean_mm"):
        best_run(where, "tracks")
