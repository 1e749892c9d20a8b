"""The comparison in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.comparison.change import Change
from app.comparison.compare import Comparison, facts
from app.comparison.convergence import Convergence
from app.comparison.measures import Place
from registry import cells

NONE = "-"
SIDE_BY_SIDE = 4
"""More runs have a row each, else their columns do not fit on a line."""
COLUMNS = 6
"""Figures in one table of many runs."""


@dataclass(frozen=True)
class Table:
    """Text in rows below a header; the columns from `numbers_from` on are set flush right."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers_from: int = 1


def markdown(tables: Iterable[Table]) -> str:
    """Return the tables as Markdown, for a page or a slide."""
    return "\n".join(_markdown(one) for one in tables)


def _markdown(table: Table) -> str:
    rule = ["---"] * table.numbers_from + ["---:"] * (len(table.header) - table.numbers_from)
    lines = [table.header, rule, *table.rows]
    return "\n".join([f"**{table.title}**", "", *(f"| {' | '.join(line)} |" for line in lines), ""])


def tables(found: Comparison) -> Iterator[Table]:
    """Yield the runs, all their figures, the changes of each task, the convergence and its terms.

    Few runs stand side by side; of many each has a row, and its figures are spread over several tables.
    """
    yield _summary(found)
    many = len(found.runs) > SIDE_BY_SIDE
    yield from _figures_of_many(found) if many else [_figures(found)]
    for task in found.measures.leading:
        yield _changes_of_many(found, task) if many else _changes(found, task)
    yield _convergence(found)
    yield from _terms(found)


def with_error(value: float, error: float | None) -> str:
    """Write a figure with the digits that its uncertainty leaves: '0.119 ± 0.053'."""
    return f"{value:.4g}" if error is None else f"{value:.4g} ± {error:.2g}"


def _cell(found: Comparison, run: str, place: Place) -> str:
    sampled = found.figures[run]
    return with_error(sampled.value[place], sampled.error(place))


def _summary(found: Comparison) -> Table:
    leading = list(dict.fromkeys(found.measures.leading.values()))
    header = ["run", "model", "parameters", "training events", "training time", "events/s (CPU)", *leading, "change"]
    rows = []
    for run in found.runs:
        known = facts(run)
        figures = [_cell(found, run.name, Place(name)) for name in leading]
        speed, trained = known["throughput_cpu"], known["train_rows"]
        numbers = [cells.count(run.parameters), cells.count(trained), cells.duration(run.training_time)]
        change = found.changes.get(run.name, {})
        said = [change_in_words(changes[0]) for changes in change.values()] or ["reference"]
        rows.append([run.name, run.model, *numbers, f"{speed:,.0f}" if speed else NONE, *figures, "; ".join(said)])
    title = f"{found.runs[0].application}: {found.events:,} test events, uncertainties from {found.draws} draws of them"
    return Table(title, header, rows, 2)


def change_in_words(change: Change) -> str:
    """Write a change with its uncertainty and significance: '+12 ± 3 % (4.1 sigma, p 0.007): better'."""
    if change.percent is None:
        return f"the reference is 0: {change.verdict}"
    error = f" ± {_digits(change.error)}" if change.error is not None else ""
    sigma = ""
    if change.significance is not None and change.p_value is not None:
        sigma = f" ({abs(change.significance):.1f} sigma, p {change.p_value:.2g})"
    sign = "+" if change.percent > 0 else ""
    return f"{sign}{_digits(change.percent)}{error} %{sigma}: {change.verdict}"


def _digits(percent: float) -> str:
    return f"{percent:,.0f}" if abs(percent) >= 10 else f"{percent:.2g}"


def _figures(found: Comparison) -> Table:
    header = ["figure", *(run.name for run in found.runs)]
    rows = [[name, *(_cell(found, run.name, Place(name)) for run in found.runs)] for name in found.names]
    return Table("All figures", header, rows)


def _figures_of_many(found: Comparison) -> Iterator[Table]:
    for begin in range(0, len(found.names), COLUMNS):
        names = found.names[begin : begin + COLUMNS]
        rows = [[run.name, *(_cell(found, run.name, Place(name)) for name in names)] for run in found.runs]
        yield Table(f"Figures {begin + 1} to {begin + len(names)} of {len(found.names)}", ["run", *names], rows)


def _changes_of_many(found: Comparison, task: str) -> Table:
    metric, unit = found.measures.leading[task], found.measures.binned_in[task] or "events"
    columns = {name: {c.place.label: _short(c) for c in changes[task]} for name, changes in found.changes.items()}
    places = list(dict.fromkeys(label for column in columns.values() for label in column))
    rows = [[name, *(column.get(place, NONE) for place in places)] for name, column in columns.items()]
    title = f"{task}: change of {metric} in % against {found.reference} (+ is better; in brackets: no clear difference)"
    return Table(title, [f"run, {unit}:", *places], rows)


def _short(change: Change) -> str:
    if change.percent is None:
        return NONE
    said = f"{change.percent:+.0f}" + (f" ± {_digits(change.error)}" if change.error is not None else "")
    return said if change.verdict in ("better", "worse") else f"({said})"


def _changes(found: Comparison, task: str) -> Table:
    others = list(found.changes)
    metric, unit = found.measures.leading[task], found.measures.binned_in[task]
    columns = [{change.place: change for change in found.changes[name][task]} for name in others]
    places = list(columns[0])
    rows = [[p.label, *(change_in_words(c[p]) if p in c else NONE for c in columns)] for p in places]
    title = f"{task}: change of {metric} against {found.reference} (+ is better)"
    return Table(title, [unit or "events", *others], rows)


def _convergence(found: Comparison) -> Table:
    header = ["run", "epochs", "best epoch", "epochs to 90 %", "time to 90 %", "validation / training loss"]
    rows = [[run.name, *_of_training(found.convergence[run.name])] for run in found.runs]
    return Table("Convergence", header, rows)


def _of_training(one: Convergence) -> list[str]:
    best = NONE if one.best_epoch is None else f"{one.best_epoch}{' (the last)' if one.at_the_end else ''}"
    quick = [NONE if one.epochs_to_90 is None else str(one.epochs_to_90), cells.duration(one.seconds_to_90) or NONE]
    ratio = NONE if one.overfitting is None else f"{one.overfitting:.3g}"
    return [str(one.epochs), best, *quick, ratio]


def _terms(found: Comparison) -> Iterator[Table]:
    terms = sorted({term for one in found.convergence.values() for term in one.terms})
    if terms:
        names = [term.removesuffix("_loss").replace("_", " ") for term in terms]
        known = {run.name: found.convergence[run.name].terms for run in found.runs}
        rows = [[run, *(f"{own[t]:.3g}" if t in own else NONE for t in terms)] for run, own in known.items()]
        yield Table("Terms of the training loss at the best epoch, without their weights", ["run", *names], rows)
