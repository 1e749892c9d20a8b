"""What the page begins with: best runs against baselines and targets, what is new, what is going on."""

import json
import os
from pathlib import Path

import pytest
from markupsafe import escape
from written_page import Page, Words, report

import registry
from app.cli import main
from app.report.news import last_made, moment

OLD = "2025-11-03T12:00:00Z"


def words_of(text):
    """Return the words of a page, divided by single spaces."""
    return " ".join(" ".join(Words(text).parts).split())


def part(text, first, last):
    """Return the words of a page from its section `first` up to the section `last`."""
    return words_of(text[text.index(f'<section id="{first}"') : text.index(f'<section id="{last}"')])


def test_the_best_run_stands_against_baselines_and_targets(made_run, tmp_path, picture):
    notes = tmp_path / "registry" / "notes" / "track_extrapolation.md"
    notes.parent.mkdir(parents=True)
    notes.write_text("---\nmetric: pos_mean_mm\ntarget: 2.5 polynomial of degree 6; 0.625\n---\n")
    both = {"straight_line": 3.0, "polynomial": 1.0}
    picture(made_run("good", 1.0, baselines=both) / "plots" / "truth_prediction.png", 200, 100)
    picture(tmp_path / "runs" / "good" / "plots" / "aaa.png", 200, 100)
    made_run("bad", 4.0, baselines=both)
    made_run("elsewhere", 0.1, seed=2)
    text = report(tmp_path)
    best = part(text, "page:best", "page:new")
    assert "Best of 2 on data not named (data1): good , pos_mean_mm 1.25" in best
    assert "polynomial 1.00 NOT beaten: 1.2x worse" in best
    assert "straight line 3.00 beaten by 2.4x" in best
    assert "target: polynomial of degree 6 2.50 met by 2.0x" in best
    assert "target 0.625 not met: 2.0x away" in best
    assert "data not named (data2): elsewhere 0.125" in best
    assert text.count('alt="truth prediction of good"') == 2  # at the top, and in the run's own section


def test_every_task_of_the_best_run_is_there(made_run, tmp_path):
    charge = registry.record.Result(metric="accuracy", better="higher", value=0.9, baselines={})
    made_run("both", task="place", others={"charge": charge})
    best = part(report(tmp_path), "page:best", "page:new")
    assert "both , pos_mean_mm 1.25 ; charge: accuracy 0.900" in best
    assert "pos_mean_mm (lower is better of the task place, which alone orders the runs)" in best


def test_what_is_new_names_the_new_best_and_what_failed(made_run, tmp_path):
    now = registry.now()
    made_run("older", 2.0, finished=OLD, updated=OLD)
    made_run("newer", 1.0, finished=now)
    made_run("worse", 4.0, finished=now)
    made_run("broken", state="failed", value=None, reason="no memory", updated=now)
    made_run("long_ago", state="failed", value=None, reason="no disk", finished=OLD)
    registry.note(tmp_path / "registry", "older", "Too slow.")
    text = report(tmp_path)
    new = part(text, "page:new", "page:now")
    assert "New in the last 7 days" in new
    assert "pos_mean_mm 1.25, the new best: 2.0x better than older (2.50)" in new
    assert "pos_mean_mm 5.00; does NOT beat straight_line" in new
    assert "failed: no memory" in new
    assert "noted: Too slow." in new
    assert "no disk" not in new


def test_news_reach_back_to_the_last_report(made_run, tmp_path):
    made_run("old", finished="2026-01-02T00:00:00Z")
    out = tmp_path / "report.html"
    text = report(tmp_path)
    assert "No run has ended" in text
    made = last_made(out)
    out.write_text(text.replace(made, "2026-01-01T00:00:00Z"))
    text = report(tmp_path)
    assert "New since the last report of 2026-01-01 00:00 UTC" in text
    assert "pos_mean_mm 1.25" in part(text, "page:new", "page:now")
    assert moment(10**5)[0] == "1970-01-02T00:00:00Z"


def test_runs_on_other_data_have_tables_of_their_own(made_run, tmp_path):
    made_run("one", metrics={"pos_95_mm": 1.0})
    made_run("two", metrics={"pos_95_mm": 2.0})
    made_run("other", seed=2, metrics={"pos_95_mm": 3.0})
    text = report(tmp_path)
    tables = [table.partition("</table>")[0] for table in text.split("<table")[1:]]
    for kind in ("sortable board", ":suite"):
        found = [[run for run in ("one", "two", "other") if f">{run}<" in t] for t in tables if kind in t]
        assert found == [["one", "two"], ["other"]]


def test_the_convergence_of_runs_on_the_same_data(made_run, tmp_path):
    """The made runs have 8 / epoch as the error of epoch 1 to 5, so 90 % of the accuracy comes with the last."""
    made_run("one")
    (made_run("strange") / "history.json").write_text(
        json.dumps({"train": [{"epoch": 1, "loss": 1.0}], "val": [{"epoch": 1, "loss": "low"}], "best_epoch": 1})
    )
    text = report(tmp_path)
    assert "one 5 5 (the last) 5 10 s 2" in words_of(text)
    assert 'href="#run-strange"' in text


@pytest.fixture
def training(made_run):
    """Return the directory of a run that has written a checkpoint after its third epoch."""
    folder = made_run("early", state="running", epoch=3, epochs=9, value=None, host="here")
    for name in ("history", "metrics"):
        (folder / f"{name}.json").unlink()
    write_checkpoint(folder, 3)
    return folder


def write_checkpoint(folder, epoch):
    rows = [{"epoch": number, "loss": 1 / number} for number in range(1, epoch + 1)]
    place = folder / "checkpoints" / f"epoch_{epoch:06d}"
    place.mkdir(parents=True)
    (place / "progress.json").write_text(json.dumps({"epoch": epoch, "train": rows, "val": rows, "best_epoch": epoch}))


def test_what_is_running_has_its_curve_and_what_is_held_its_reason(training, made_run, tmp_path):
    made_run("stuck", state="held", reason="it used <more> memory", value=None, job_id="7.0")
    made_run("later", state="idle", value=None, job_id="7.1")
    text = report(tmp_path)
    now = text[text.index('<section id="page:now"') : text.index('<section id="track_extrapolation"')]
    assert "running 3/9" in now
    assert '"training": [1.0, 0.5, 0.3333]' in now
    assert str(escape("it used <more> memory")) in now
    assert "Waiting for the pool: later (idle)." in now
    ids = Page(text).ids
    assert len(ids) == len(set(ids))


def test_nothing_is_running(made_run, tmp_path):
    made_run("one")
    assert "Nothing is running, nothing is held." in report(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", '{"train": [3]}', None])
def test_a_broken_checkpoint_is_a_line_in_the_page(training, tmp_path, content):
    path = training / "checkpoints" / "epoch_000003" / "progress.json"
    path.unlink() if content is None else path.write_text(content)
    text = report(tmp_path)
    assert "No curve yet" in text
    assert ("progress.json" in text) == (content is not None)


def test_a_report_of_a_foreign_file_is_not_taken_for_one(tmp_path):
    page = tmp_path / "report.html"
    page.write_bytes(os.urandom(100))
    assert last_made(page) == last_made(tmp_path / "none.html") == last_made(Path(tmp_path)) == ""


def test_days_and_port_are_checked(capsys):
    for option in ("--days", "--port"):
        with pytest.raises(SystemExit) as caught:
            main(["report", option, "-1"])
        assert caught.value.code == 2
        assert "expected a whole number" in capsys.readouterr().err
