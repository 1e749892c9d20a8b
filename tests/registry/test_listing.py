"""The registry in the terminal: filters, order, and unknown names."""

from __future__ import annotations

from pathlib import Path

import pytest

import registry
from app.core.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    runs = [
        ("a", "tracks", "done", "pos_mean_mm", "lower", 0.3, {"slope_mean": 1e-4}),
        ("b", "tracks", "done", "pos_mean_mm", "lower", 0.1, {"slope_mean": 3e-4}),
        ("c", "tracks", "running", "", "lower", None, {}),
        ("d", "tagging", "done", "auc", "higher", 0.8, {}),
        ("e", "tagging", "done", "auc", "higher", 0.9, {}),
    ]
    for run, application, state, metric, better, value, metrics in runs:
        facts = {"state": state, "metric": metric, "better": better, "value": value, "metrics": metrics}
        registry.store.write(
            tmp_path, registry.Record.model_validate({"run": run, "application": application, **facts})
        )
    return tmp_path


def names(listing: registry.Listing) -> list[str]:
    return [row[1] for row in listing.rows]


def test_each_application_is_sorted_by_its_own_metric(root: Path) -> None:
    listing = registry.list_runs(root)
    assert names(listing) == ["e", "d", "b", "a", "c"]
    assert {len(row) for row in listing.rows} == {len(listing.header)}
    assert listing.rows[0][6] == "auc 0.900"


def test_every_task_of_a_run_stands_in_its_line(root: Path) -> None:
    others = {"charge": registry.record.Result(metric="accuracy", better="higher", value=0.9, baselines={})}
    registry.update(root, "b", task="place", others=others)
    by_run = {row[1]: row[6] for row in registry.list_runs(root).rows}
    assert by_run["b"] == "place: pos_mean_mm 0.100; charge: accuracy 0.900"
    assert by_run["a"] == "pos_mean_mm 0.300"
    by_slope = registry.list_runs(root, application="tracks", sort="slope_mean").rows
    assert {row[1]: row[6] for row in by_slope}["b"] == "0.000300"


def test_filters_and_order_can_be_chosen(root: Path) -> None:
    assert names(registry.list_runs(root, application="tracks")) == ["b", "a", "c"]
    assert names(registry.list_runs(root, state="running")) == ["c"]
    by_slope = registry.list_runs(root, application="tracks", sort="slope_mean")
    assert names(by_slope) == ["a", "b", "c"]
    assert (by_slope.header[6], by_slope.rows[0][6]) == ("slope_mean", "0.000100")
    assert names(registry.list_runs(root, application="tagging", sort="auc")) == ["e", "d"]


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"application": "track"}, "unknown application. Did you mean 'tracks'?"),
        ({"state": "finnished"}, "unknown state."),
        ({"state": "runing"}, "unknown state. Did you mean 'running'?"),
        ({"sort": "slope_men"}, "unknown metric. Did you mean 'slope_mean'?"),
    ],
)
def test_a_name_that_no_run_knows_is_an_error_with_the_nearest(root: Path, choice: dict[str, str], words: str) -> None:
    with pytest.raises(UserError) as caught:
        registry.list_runs(root, **choice)
    assert str(caught.value).startswith(words)


def test_damaged_files_are_named_beside_the_rows(root: Path) -> None:
    (root / "runs" / "a.json").write_text("{")
    listing = registry.list_runs(root)
    assert names(listing) == ["e", "d", "b", "c"]
    assert [line.startswith(f"{root / 'runs' / 'a.json'}: damaged record") for line in listing.damaged] == [True]


def test_an_empty_registry_has_no_rows(tmp_path: Path) -> None:
    assert registry.list_runs(tmp_path / "missing").rows == ()
