"""The registry as Markdown: a pure function of the files in its folder."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from registry import cells, markdown, ranking
from registry.notes import Notes
from registry.record import Record, number
from registry.store import Contents

HEAD = """# Trainings

This page is generated from `runs/*.json` and `notes/`; changes made to it by hand are lost. Write about an application
in `notes/<application>.md`, about a run with `wirechamber registry note RUN "..."`. All results are those of the test
split; a table holds only runs on the same data and split. A `+` after a commit: the checkout had changes."""

COLUMNS = (
    "",
    "run",
    "model",
    "parameters",
    "loss / transform",
    "against baselines",
    "time",
    "finished",
    "commit",
)
BEST = NEWEST = 50
"""Runs on the same data of which the page shows a line and a section; `wirechamber registry` lists all."""

_texts: dict[tuple[str, str], tuple[Record, str]] = {}


def render(contents: Contents) -> str:
    """Return the whole page; the same contents give the same text."""
    states = [f"{cells.SYMBOLS[state]} {meaning}" for state, meaning in cells.MEANINGS.items()]
    marks = [f"{cells.UNBEATEN} does not beat a baseline", f"{cells.SIMULATED} simulated data"]
    parts = [HEAD, "**Legend**: " + " · ".join([*states, *marks])]
    if contents.damaged:
        parts.append("## Damaged files")
        parts.append(
            _bullets((markdown.code(path), markdown.prose(line)) for path, line in sorted(contents.damaged.items()))
        )
    for name in sorted({r.application for r in contents.records} | set(contents.notes)):
        parts += application_section(name, contents)
    return "\n\n".join(parts) + "\n"


def application_section(name: str, contents: Contents) -> list[str]:
    """Return the paragraphs about one application: its goal, a table for each set of data, its runs, its notes."""
    notes = contents.notes.get(name, Notes())
    records = [r for r in contents.records if r.application == name]
    metric, better = ranking.metric_of(notes, records)
    facts = [("Goal", notes.goal), ("Dataset", notes.dataset), ("Baseline", notes.baseline)]
    facts.append(("Target", "; ".join(target.text for target in notes.target)))
    if metric:
        leading = markdown.name(ranking.leading_task(records, metric))
        facts.insert(2, ("Evaluation metric", f"{markdown.name(metric)} ({better} is better){leading}"))
    parts = [f"## {name}", _bullets(facts)]
    shown: list[Record] = []
    groups = ranking.comparable(records)
    if len(groups) > 1:
        parts.append(f"Runs on {len(groups)} sets of data, told apart by fingerprint: only those on one are compared.")
    for group in groups:
        ranked = ranking.by_metric(group, metric, better)
        some = select(ranked)
        parts += data_section(ranked, some, metric)
        shown += some
    for record in ranking.by_metric(shown, metric, better):
        remarks = contents.remarks.get(record.run, "")
        parts.append(_kept(record, f"section {remarks}", partial(run_section, record, remarks)))
    if not records:
        parts.append("No training yet.")
    if notes.text:
        parts += ["### Notes", notes.text]
    return [part for part in parts if part]


def select(ranked: Sequence[Record]) -> list[Record]:
    """Return the runs that the page shows of those on the same data, in their order: the best and the newest."""
    newest = sorted(ranked, key=lambda record: record.created, reverse=True)[:NEWEST]
    shown = {record.run for record in (*ranked[:BEST], *newest)}
    return [record for record in ranked if record.run in shown]


def data_section(ranked: Sequence[Record], shown: Sequence[Record], metric: str) -> list[str]:
    """Return the paragraphs about runs on the same data, the best first: title, best run, table of those shown."""
    first = ranked[0]
    mark = f"{cells.SIMULATED} simulated: " if first.simulated else ""
    fingerprint = next((f" `{r.fingerprint[:8]}`" for r in ranked if r.fingerprint), "")
    title = f"### {mark}{markdown.prose(first.dataset) or 'Data not named'}{fingerprint}"
    best = next(iter(ranking.finished(ranked, metric)), None)
    text = (
        f"{cells.figure(best, metric)} by `{best.run}`{markdown.name(cells.other_tasks(best))}; {_verdict(best)}"
        if best
        else "none"
    )
    head = [(*COLUMNS[:5], metric or "result", *COLUMNS[5:]), ["---"] * (len(COLUMNS) + 1)]
    lines = [*map(markdown.row, head), *(_kept(r, f"row {metric}", partial(run_row, r, metric)) for r in shown)]
    command = f"`wirechamber registry --application {first.application}`"
    left_out = f"{len(shown):,} of {len(ranked):,} runs, the {BEST} best and the {NEWEST} newest; all: {command}"
    return [
        title,
        f"**Best so far**: {text}",
        left_out if len(shown) < len(ranked) else "",
        "\n".join(lines),
    ]


def run_row(r: Record, metric: str) -> str:
    """Return the line of a table about one run."""
    figures = f"{cells.figure(r, metric)}{cells.other_tasks(r)}".removeprefix("; ")
    result = figures or (r.reason if r.state != "done" else "")
    end = (cells.duration(r.training_time), cells.minute(r.finished), cells.commit(r))
    own = (cells.state(r), r.run, r.model, cells.count(r.parameters), cells.loss(r))
    return markdown.row((*own, result, cells.against(r), *end))


def run_section(r: Record, remarks: str) -> str:
    """Return everything that the registry knows about one run."""
    own = "\n".join(f"- {time[:10]}: {markdown.prose(text)}" for time, text in r.notes)
    parameters = f"{cells.count(r.parameters)} parameters" if r.parameters is not None else ""
    training = (
        "" if r.seed is None else f"seed {r.seed}",
        f"best epoch {r.best_epoch} of {r.epoch or r.epochs}" if r.best_epoch is not None else "",
        f"started {cells.minute(r.started)}" if r.started else f"registered {cells.minute(r.created)}",
        cells.duration(r.training_time),
    )
    resources = (r.device, r.host, *(f"{key} {value}" for key, value in r.resources.items()))
    facts = [
        ("Config", markdown.code(r.config) if r.config else ""),
        ("Job ID", r.job_id or ""),
        ("Rationale", markdown.prose(r.rationale)),
        ("Reason", markdown.prose(r.reason)),
        ("Architecture", _join(r.model, parameters, r.loss and f"loss {cells.loss(r)}")),
        ("Hyperparameters", markdown.prose(r.hyperparameters)),
        ("Training", _join(*training)),
        ("Result", f"{markdown.name(cells.result(r))}: {_verdict(r)}" if r.verdict else ""),
        ("Figures", ", ".join(f"{markdown.name(name)} {number(value)}" for name, value in r.metrics.items())),
        ("Resources", _join(*resources)),
        ("Analysis", "".join(f"\n  {line}" for line in "\n".join(filter(None, (own, remarks))).splitlines())),
    ]
    return f"#### {r.run} - {cells.state(r)}\n\n{_bullets(facts)}"


def _kept(record: Record, what: str, make: Callable[[], str]) -> str:
    """Return a text about a record, made once for each: a process that updates one writes the others as before."""
    known = _texts.get((record.run, what))
    if known is None or known[0] is not record:
        _texts[record.run, what] = known = (record, make())
    return known[1]


def _verdict(record: Record) -> str:
    return markdown.prose(f"{cells.UNBEATEN} **{record.verdict}**" if record.unbeaten else record.verdict)


def _join(*parts: str) -> str:
    return markdown.prose(", ".join(part for part in parts if part))


def _bullets(facts: Iterable[tuple[str, str]]) -> str:
    """Return a bullet for each fact that is not empty; only an analysis has lines of its own below the first."""
    pairs = ((name, text if text.startswith("\n") else f" {markdown.one_line(text)}") for name, text in facts if text)
    return "\n".join(f"- **{name}**:{text}" for name, text in pairs)
