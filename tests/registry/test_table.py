"""The page of the registry: pure, sorted the right way round, and honest about what does not beat a baseline."""

from __future__ import annotations

import json
import logging
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

import registry
from app.core.errors import UserError
from registry import Contents, Record, cells
from registry.notes import Notes

NOTES = {
    "track_extrapolation": Notes(
        goal="Extrapolate a track state.",
        dataset="track_states",
        metric="pos_mean_mm",
        baseline="polynomial",
        text="Kept **as written**.\n\n- also this",
    )
}


def a_record(run: str, **facts: object) -> Record:
    common = {
        "application": "track_extrapolation",
        "state": "done",
        "metric": "pos_mean_mm",
        "created": "2026-01-01T00:00:00Z",
        "updated": "2026-01-02T00:00:00Z",
        "dataset": "15,000 tracks",
        "fingerprint": "abcdef0123456789",
    }
    return Record.model_validate({**common, "run": run, **facts})


def page(*records: Record, **parts: object) -> str:
    return registry.render(Contents(records, **{"notes": NOTES, **parts}))  # type: ignore[arg-type]


def rows(text: str) -> list[list[str]]:
    cells_of = [[cell.strip() for cell in line.split(" | ")] for line in text.splitlines() if line.startswith("| ")]
    return [row for row in cells_of if row[1] not in ("run", "---")]


def test_the_same_contents_give_the_same_text() -> None:
    records = (a_record("a", value=0.1), a_record("b", state="running"), a_record("c", application="other"))
    assert page(*records) == page(*records)
    assert page(*reversed(records)) == page(*records)


def test_the_page_of_one_run_whole() -> None:
    record = a_record(
        "mlp_v1",
        rationale="Baseline of the\nsize scan.",
        config="json/track_extrapolation/mlp.json",
        model="mlp medium",
        parameters=100996,
        loss="mse",
        transform="kick",
        seed=42,
        epoch=100,
        best_epoch=87,
        started="2026-01-01T23:56:55Z",
        finished="2026-01-02T00:00:00Z",
        training_time=185.2,
        simulated=True,
        value=0.083,
        baselines={"straight_line": 431.0, "polynomial": 0.114},
        verdict=registry.verdict(0.083, {"straight_line": 431.0, "polynomial": 0.114}, "lower"),
        metrics={"pos_95_mm": 0.31},
        device="CPU",
        host="node7",
        resources={"request_memory": "8GB"},
        commit="ba8e9b4123",
        dirty=True,
        job_id="17.3",
        notes=(("2026-01-01T23:58:00Z", "resumed in epoch 12"),),
    )
    expected = """## track_extrapolation

- **Goal**: Extrapolate a track state.
- **Dataset**: track_states
- **Evaluation metric**: pos_mean_mm (lower is better)
- **Baseline**: polynomial

### 🧪 simulated: 15,000 tracks `abcdef01`

**Best so far**: 0.0830 by `mlp_v1`; beats polynomial (0.114) by 1.4x; beats straight_line (431) by 5193x

|  | run | model | parameters | loss / transform | pos_mean_mm | against baselines | time | finished | commit |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| ✅ done | mlp_v1 | mlp medium | 100,996 | mse / kick | 0.0830 | beats polynomial (0.114) by 1.4x | 3 min 05 s \
| 2026-01-02 00:00 | ba8e9b41+ |

#### mlp_v1 - ✅ done

- **Config**: `json/track_extrapolation/mlp.json`
- **Job ID**: 17.3
- **Rationale**: Baseline of the size scan.
- **Architecture**: mlp medium, 100,996 parameters, loss mse / kick
- **Training**: seed 42, best epoch 87 of 100, started 2026-01-01 23:56, 3 min 05 s
- **Result**: pos_mean_mm 0.0830: beats polynomial (0.114) by 1.4x; beats straight_line (431) by 5193x
- **Figures**: pos_95_mm 0.310
- **Resources**: CPU, node7, request_memory 8GB
- **Analysis**:
  - 2026-01-01: resumed in epoch 12
  - 2026-01-03: Kick is the winner.

### Notes

Kept **as written**.

- also this
"""
    text = page(record, remarks={"mlp_v1": "- 2026-01-03: Kick is the winner."})
    assert text.partition("## track_extrapolation")[2] == expected.partition("## track_extrapolation")[2]


@pytest.mark.parametrize(("better", "order"), [("lower", ["c", "a", "b"]), ("higher", ["b", "a", "c"])])
def test_the_best_comes_first_whichever_way_the_metric_runs(better: str, order: list[str]) -> None:
    values = {"a": 0.5, "b": 0.9, "c": 0.1}
    notes = {"track_extrapolation": Notes(metric="accuracy", better=better)}  # type: ignore[arg-type]
    records = [a_record(run, value=value, metric="accuracy", better=better) for run, value in values.items()]
    text = page(*records, notes=notes)
    assert [row[1] for row in rows(text)] == order
    assert f"**Best so far**: {values[order[0]]:.3f} by `{order[0]}`" in text
    assert f"accuracy ({better} is better)" in text


def test_runs_without_a_figure_follow_by_state_and_age_and_say_why() -> None:
    failed = a_record("failed", state="failed", reason="loss is NaN | epoch 3")
    old, new = (a_record(run, state="queued", created=f"2026-01-0{day}T00:00:00Z") for run, day in (("o", 1), ("n", 2)))
    running = a_record("r", state="running", epoch=3, epochs=10)
    text = page(failed, old, new, running, a_record("d", value=9.0))
    assert [row[1] for row in rows(text)] == ["d", "n", "o", "r", "failed"]
    assert "| loss is NaN \\| epoch 3 |" in text
    assert "- **Reason**: loss is NaN | epoch 3" in text
    assert "| ⏳ running 3/10 | r |" in text


def test_every_task_of_a_run_is_shown_and_the_one_that_orders_the_runs_is_named() -> None:
    energy = {"energy": {"metric": "energy_rms", "better": "lower", "value": 3.25, "baselines": {"mean": 9.0}}}
    two = a_record("two", value=0.1, task="place", others=energy, verdict="place: nothing known")
    text = page(a_record("one", value=0.2), two)
    assert "pos_mean_mm (lower is better) of the task place, which alone orders the runs" in text
    assert [row[5] for row in rows(text)] == ["0.100; energy: energy_rms 3.25", "0.200"]
    assert "**Best so far**: 0.100 by `two`; energy: energy_rms 3.25; place: nothing known" in text
    assert "- **Result**: place: pos_mean_mm 0.100; energy: energy_rms 3.25: place: nothing known" in text
    assert "orders the runs" not in page(a_record("one", value=0.2))


def test_only_a_run_that_is_done_is_the_best() -> None:
    text = page(a_record("fast", state="interrupted", value=0.01), a_record("whole", value=0.1))
    assert "**Best so far**: 0.100 by `whole`" in text
    assert "**Best so far**: none" in page(a_record("fast", state="running", value=0.01))


def test_a_run_that_beats_no_baseline_is_marked_in_table_best_and_details() -> None:
    words = registry.verdict(0.2, {"polynomial": 0.1}, "lower")
    text = page(a_record("weak", value=0.2, baselines={"polynomial": 0.1}, verdict=words))
    assert "| ⚠️ does NOT beat polynomial (0.100): 2.0x worse |" in text
    assert "0.200 by `weak`; ⚠️ **does NOT beat polynomial (0.100): 2.0x worse**" in text
    assert "- **Result**: pos_mean_mm 0.200: ⚠️ **does NOT beat polynomial" in text


def test_runs_on_other_data_stand_in_a_table_of_their_own() -> None:
    first, other = a_record("a", value=1.0), a_record("b", value=0.5, fingerprint="0123456789", simulated=True)
    waiting = a_record("c", state="queued", fingerprint="", dataset="50 tracks")
    text = page(first, other, waiting)
    assert text.count("**Best so far**") == 3
    assert "### 15,000 tracks `abcdef01`" in text
    assert "### 🧪 simulated: 15,000 tracks `01234567`" in text
    assert "### 50 tracks\n" in text
    assert "Runs on 3 sets of data, told apart by fingerprint: only those on one are compared." in text


def test_a_run_that_has_not_read_its_data_stands_with_those_of_the_same_description() -> None:
    text = page(a_record("a", value=1.0), a_record("b", state="queued", fingerprint=""))
    assert text.count("**Best so far**") == 1
    assert [row[1] for row in rows(text)] == ["a", "b"]


def test_a_run_measured_by_another_metric_shows_the_applications_metric_when_it_has_it() -> None:
    text = page(a_record("a", metric="val_loss", value=1e-6, metrics={"pos_mean_mm": 0.4}), a_record("b", value=0.3))
    assert [(row[1], row[5]) for row in rows(text)] == [("b", "0.300"), ("a", "0.400")]


def test_without_notes_the_newest_run_names_the_metric_and_notes_without_runs_are_shown() -> None:
    older = a_record("a", application="new", metric="old", value=1.0)
    newer = a_record("b", application="new", metric="auc", better="higher", created="2026-01-02T00:00:00Z")
    text = page(older, newer)
    assert "- **Evaluation metric**: auc (higher is better)" in text
    assert "- **Baseline**: polynomial\n\nNo training yet.\n\n### Notes" in text


def test_every_state_has_a_symbol_and_the_legend_says_what_it_means() -> None:
    legend = next(line for line in page().splitlines() if line.startswith("**Legend**"))
    assert set(cells.SYMBOLS) == set(cells.MEANINGS) == set(registry.STATES)
    assert len(set(cells.SYMBOLS.values())) == len(registry.STATES)
    assert all(f"{cells.SYMBOLS[state]} {cells.MEANINGS[state]}" in legend for state in registry.STATES)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"run": "bad", "appl', "damaged record: not JSON: EOF while parsing"),
        ("", "damaged record: not JSON: EOF while parsing"),
        ('{"run": "bad"}', "damaged record: application: required key is missing"),
        ('{"run": "bad", "application": "x", "valeu": 1}', "valeu: unknown key. Did you mean 'value'?"),
        (
            '{"run": "other", "application": "x"}',
            "damaged record: run: not the name of its file. Expected 'bad'. Received 'other'",
        ),
        ('{"run": "bad", "application": "x", "state": "failed"}', "a run that is failed needs a reason"),
    ],
)
def test_a_damaged_record_is_named_and_hides_nothing_else(
    tmp_path: Path, content: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    registry.create(tmp_path, a_record("good", value=0.1))
    (tmp_path / "runs" / "bad.json").write_text(content)
    with caplog.at_level(logging.WARNING):
        registry.refresh(tmp_path)
    assert [r.getMessage() for r in caplog.records if "bad.json" in r.getMessage() and words in r.getMessage()]
    text = (tmp_path / "README.md").read_text()
    assert "## Damaged files\n\n- **`runs/bad.json`**: damaged record" in text
    assert words in text
    assert str(tmp_path) not in text
    assert rows(text)[0][1] == "good"
    with pytest.raises(registry.store.UserError, match=r"bad\.json: damaged record"):
        registry.update(tmp_path, "bad", state="running")
    assert (tmp_path / "runs" / "bad.json").read_text() == content


def test_what_a_killed_writer_left_is_not_a_record(tmp_path: Path) -> None:
    registry.create(tmp_path, a_record("good"))
    (tmp_path / "runs" / ".bad.json.0a1b2c3d.part").write_text('{"run": ')
    assert registry.read_all(tmp_path).damaged == {}


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    record = a_record("a", value=0.1, notes=(("2026-01-01T00:00:00Z", "text"),), resources={"request_gpus": 1})
    registry.store.write(tmp_path, record)
    assert registry.read(tmp_path, "a") == record
    assert json.loads((tmp_path / "runs" / "a.json").read_text())["notes"] == [["2026-01-01T00:00:00Z", "text"]]


@pytest.mark.parametrize(
    ("value", "baselines", "better", "words"),
    [
        (0.083, {"line": 431.0, "poly": 0.114}, "lower", "beats poly (0.114) by 1.4x; beats line (431) by 5193x"),
        (0.05, {"a": 431.0, "b": 0.018}, "lower", "does NOT beat b (0.0180): 2.8x worse; beats a (431) by 8620x"),
        (0.917, {"cut": 0.9, "chance": 0.5}, "higher", "beats cut (0.900) by 1.9 %; beats chance (0.500) by 1.8x"),
        (0.45, {"chance": 0.5}, "higher", "does NOT beat chance (0.500): 1.1x worse"),
        (1.0, {"same": 1.0}, "lower", "does NOT beat same (1.00): equal"),
        (-2.0, {"nll": 1.0}, "lower", "beats nll (1.00) by 3.00"),
        (None, {"line": 1.0}, "lower", "no finite value, so it beats no baseline"),
        (1.0, {"line": None}, "lower", "no baseline to compare with"),
        (1.0, {}, "lower", "no baseline to compare with"),
    ],
)  # fmt: skip
def test_the_verdict_in_words(value: float | None, baselines: dict[str, float | None], better: str, words: str) -> None:
    assert registry.verdict(value, baselines, better) == words  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.5, "0.5 s"), (59.4, "59.4 s"), (59.96, "1 min 00 s"), (60, "1 min 00 s"), (185.2, "3 min 05 s"),
     (3599.9, "1 h 00 min"), (7620, "2 h 07 min")],
)  # fmt: skip
def test_a_duration_reads_as_people_say_it(seconds: float | None, text: str) -> None:
    assert cells.duration(seconds) == text


@pytest.mark.parametrize("kind", ["folder", "link to nothing", "closed"])
def test_a_record_that_cannot_be_read_hides_no_other(tmp_path: Path, kind: str) -> None:
    registry.create(tmp_path, a_record("good"))
    path = tmp_path / "runs" / "bad.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "closed":
        path.symlink_to("/proc/self/mem")  # a file that even root cannot read from its beginning
    else:
        path.symlink_to("nowhere")
    contents = registry.read_all(tmp_path)
    assert [record.run for record in contents.records] == ["good"]
    (line,) = contents.damaged.values()
    reason = {
        "folder": "Is a directory",
        "closed": "Input/output error",
        "link to nothing": "a link to a file that is not there",
    }
    assert reason[kind] in line
    assert len(registry.list_runs(tmp_path).rows) == 1


def test_remarks_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    registry.create(tmp_path, a_record("good"))
    (tmp_path / "notes" / "runs" / "good.md").mkdir(parents=True)
    assert registry.read_all(tmp_path).damaged == {"notes/runs/good.md": "cannot be read (Is a directory)"}
    with pytest.raises(UserError, match=r"good\.md: cannot be read \(Is a directory\)"):
        registry.note(tmp_path, "good", "text")


def test_a_page_written_again_is_that_of_a_fresh_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.memory, "MOMENT", -1.0)  # every record is known again
    for name in ("a", "b"):
        registry.create(tmp_path, a_record(name, metric="m", value=1.0))
    for value in (2.0, 3.0):
        registry.update(tmp_path, "a", value=value)
        registry.note(tmp_path, "b", f"a remark {value}")
    page = (tmp_path / "README.md").read_text()
    registry.memory._known.clear()
    registry.table._texts.clear()
    assert page == registry.render(registry.read_all(tmp_path))
    assert "a remark 3.0" in page


def test_the_page_shows_the_best_and_the_newest_of_many_runs_and_says_so() -> None:
    times = [f"2026-01-01T{n // 60:02d}:{n % 60:02d}:00Z" for n in range(250)]
    facts = {"metric": "m", "fingerprint": "f" * 8, "dataset": "d"}
    records = [a_record(f"run_{n:03d}", value=1.0 + n, created=time, **facts) for n, time in enumerate(times)]
    page = registry.render(registry.Contents(tuple(records)))
    shown = [row.split("|")[2].strip() for row in page.splitlines() if "| run_" in row]
    assert shown == [f"run_{n:03d}" for n in (*range(50), *range(200, 250))]
    assert [line.split()[1] for line in page.splitlines() if line.startswith("#### ")] == shown
    assert "100 of 250 runs, the 50 best and the 50 newest; all: `wirechamber registry --application " in page
    few = registry.render(registry.Contents(tuple(records[:100])))
    assert "100 of" not in few
    assert few.count("#### ") == 100


ODD = ["a|b", "a\\|b", "`c`", "<b>d</b>", "*e* _f_ ~~g~~", "[h](i) ![j](k)", "&amp;", "$l$", "größe 😀", "--"]
"""Names of columns as branches of other programs have them."""
KINDS = {*("h1", "h2", "h3", "h4", "p", "ul", "li", "strong", "code"), *("table", "thead", "tbody", "tr", "th", "td")}


def read_page(text: str) -> tuple[str, list[list[str]], set[str]]:
    """Return what a reader sees of the page: its words, the rows of its tables, and the kinds of its elements."""
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    seen = Reader()
    seen.feed(html)
    return "".join(seen.words), [[cell.strip() for cell in row] for row in seen.rows], seen.kinds


class Reader(HTMLParser):
    """Collects words, cells and elements."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.rows: list[list[str]] = []
        self.kinds: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.kinds.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def test_every_name_is_on_the_page_as_it_is() -> None:
    metrics = {f"{name}_bias": 0.5 for name in ODD}
    config = "/my `jobs`/a|b <i>j</i> 'k'\n$HOME.json"
    text = page(a_record("one", value=0.1, metrics=metrics, config=config, metric=f"{ODD[0]}_rmse"), notes={})
    words, _, kinds = read_page(text)
    for name in ODD:
        assert f"{name}_bias 0.500" in words, name
    assert f"{ODD[0]}_rmse (lower is better)" in words
    assert config.replace("\n", "\\n") in words
    assert kinds <= KINDS


def test_no_text_of_people_changes_the_page() -> None:
    reason = "<script>alert(1)</script> | x \\| y\n# no title\n\n- no point `a|b` <!-- c -->"
    record = a_record("one", state="failed", reason=reason, rationale=reason, dataset=reason, model="a|b", notes=())
    words, rows, kinds = read_page(page(record, notes={}))
    shown = "<script>alert(1)</script> | x | y # no title - no point a|b <!-- c -->"
    header, row = rows
    assert len(header) == len(row) == 10
    assert row[2:4] == ["a|b", ""]
    assert row[5] == shown.replace("x | y", "x \\| y")
    assert words.count("alert(1)") == 4
    assert kinds <= KINDS


def test_damaged_files_of_any_name_are_listed() -> None:
    words, _, _ = read_page(page(damaged={"runs/a `b` <c>|d\n.json": "damaged"}, notes={}))
    assert "runs/a `b` <c>|d\\n.json: damaged" in words
