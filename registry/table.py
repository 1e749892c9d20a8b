"""The registry as Markdown: a pure function of what lies in its folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from registry import cells, order
from registry.notes import Notes
from registry.record import Better, Record, number
from registry.store import Contents

HEAD = """# Trainings

This page follows `runs/*.json` and `notes/`; what is written into it by hand is lost. Write about an application in
`notes/<application>.md`, about a run with `wirechamber registry note RUN "..."`. Figures are those of the test split;
runs stand in one table only when data and split are the same. A `+` behind a commit: the checkout had changes."""

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


def render(contents: Contents) -> str:
    """Write the whole page; the same contents give the same text."""
    applications = sorted({r.application for r in contents.records} | set(contents.notes))
    parts = [HEAD, _legend(), *_damaged(contents)]
    for name in applications:
        parts += _application(name, contents)
    return "\n\n".join(parts) + "\n"


def _legend() -> str:
    states = [f"{cells.SYMBOLS[state]} {meaning}" for state, meaning in cells.MEANINGS.items()]
    marks = [f"{cells.UNBEATEN} does not beat a baseline", f"{cells.SIMULATED} simulated data"]
    return "**Legend**: " + " · ".join([*states, *marks])


def _damaged(contents: Contents) -> list[str]:
    if not contents.damaged:
        return []
    return ["## Damaged files", _bullets((f"`{path}`", line) for path, line in sorted(contents.damaged.items()))]


def _application(name: str, contents: Contents) -> list[str]:
    notes = contents.notes.get(name, Notes())
    records = [r for r in contents.records if r.application == name]
    metric, better = order.metric_of(notes, records)
    facts = [("Goal", notes.goal), ("Dataset", notes.dataset), ("Baseline", notes.baseline)]
    if metric:
        facts.insert(2, ("Evaluation metric", f"{metric} ({better} is better)"))
    parts = [f"## {name}", _bullets(facts)]
    for group in order.comparable(records):
        parts += _group(group, metric, better)
    ranked = order.by_metric(records, metric, better)
    parts += [_details(record, contents.remarks.get(record.run, "")) for record in ranked] or ["No training yet."]
    if notes.text:
        parts += ["### Notes", notes.text]
    return [part for part in parts if part]


def _group(records: Sequence[Record], metric: str, better: Better) -> list[str]:
    first = records[0]
    mark = f"{cells.SIMULATED} simulated: " if first.simulated else ""
    fingerprint = next((f" `{r.fingerprint[:8]}`" for r in records if r.fingerprint), "")
    title = f"### {mark}{_line(first.dataset) or 'Data not named'}{fingerprint}"
    best = order.best(records, metric, better)
    words = f"{cells.figure(best, metric)} by `{best.run}`; {_words(best)}" if best else "none"
    return [title, f"**Best so far**: {words}", _table(order.by_metric(records, metric, better), metric)]


def _words(record: Record) -> str:
    return _line(f"{cells.UNBEATEN} **{record.verdict}**" if record.unbeaten else record.verdict)


def _table(records: Iterable[Record], metric: str) -> str:
    columns = (*COLUMNS[:5], metric or "result", *COLUMNS[5:])
    rows = [columns, ["---"] * len(columns), *(_row(r, metric) for r in records)]
    return "\n".join("| " + " | ".join(_line(cell).replace("|", "\\|") for cell in row) + " |" for row in rows)


def _row(r: Record, metric: str) -> tuple[str, ...]:
    figure = cells.figure(r, metric) or (r.reason if r.state != "done" else "")
    return (
        cells.state(r),
        r.run,
        r.model,
        cells.count(r.parameters),
        cells.loss(r),
        figure,
        cells.against(r),
        cells.duration(r.training_time),
        cells.day(r.finished),
        cells.commit(r),
    )


def _details(r: Record, remarks: str) -> str:
    own = "\n".join(f"- {time[:10]}: {_line(text)}" for time, text in r.notes)
    facts = [
        ("Config", f"`{r.config}`" if r.config else ""),
        ("Job ID", r.job_id or ""),
        ("Rationale", r.rationale),
        ("Reason", r.reason),
        ("Architecture", _architecture(r)),
        ("Hyperparameters", r.hyperparameters),
        ("Training", _training(r)),
        ("Result", f"{r.metric} {cells.figure(r, r.metric)}: {_words(r)}" if r.verdict else ""),
        ("Figures", ", ".join(f"{name} {number(value)}" for name, value in r.metrics.items())),
        ("Resources", _resources(r)),
        ("Analysis", "".join(f"\n  {line}" for line in "\n".join(filter(None, (own, remarks))).splitlines())),
    ]
    return f"#### {r.run} - {cells.state(r)}\n\n{_bullets(facts)}"


def _architecture(r: Record) -> str:
    parameters = f"{cells.count(r.parameters)} parameters" if r.parameters is not None else ""
    return ", ".join(part for part in (r.model, parameters, r.loss and f"loss {cells.loss(r)}") if part)


def _training(r: Record) -> str:
    seed = "" if r.seed is None else f"seed {r.seed}"
    epochs = f"best epoch {r.best_epoch} of {r.epoch or r.epochs}" if r.best_epoch is not None else ""
    times = f"started {cells.day(r.started)}" if r.started else f"registered {cells.day(r.created)}"
    return ", ".join(part for part in (seed, epochs, times, cells.duration(r.training_time)) if part)


def _resources(r: Record) -> str:
    asked = [f"{key} {value}" for key, value in r.resources.items()]
    return ", ".join(part for part in (r.device, r.host, *asked) if part)


def _bullets(facts: Iterable[tuple[str, str]]) -> str:
    """Write what is not empty; only an analysis, which begins on a line of its own, has more than one line."""
    return "\n".join(f"- **{name}**:{_value(text)}" for name, text in facts if text)


def _value(text: str) -> str:
    return text if text.startswith("\n") else f" {_line(text)}"


def _line(text: str) -> str:
    return " ".join(text.split())
