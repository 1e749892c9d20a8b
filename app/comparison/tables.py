"""The comparison as tables, for the terminal and as Markdown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.comparison.bootstrap import Change
from app.comparison.compare import Comparison
from app.comparison.convergence import Convergence
from app.comparison.run_metrics import MetricKey
from app.evaluation.units import units_of, with_unit
from registry import cells
from registry.markdown import row

NONE = "-"
SIDE_BY_SIDE = 4
"""More runs have a row each, else their columns do not fit on a line."""
COLUMNS = 6
"""The number of metrics in one table of many runs."""


@dataclass(frozen=True)
class Table:
    """Text in rows below a header; the columns from `numbers_from` on are set flush right."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers_from: int = 1


def markdown(tables: Iterable[Table]) -> str:
    """Return the tables as Markdown, for a page or a slide."""
    texts = []
    for table in tables:
        rule = ["---"] * table.numbers_from + ["---:"] * (len(table.header) - table.numbers_from)
        lines = [row(line) for line in (table.header, rule, *table.rows)]
        texts.append("\n".join([f"**{table.title}**", "", *lines, ""]))
    return "\n".join(texts)


def tables(comparison: Comparison) -> Iterator[Table]:
    """Yield the runs, all their metrics, the changes of each task, the convergence and its terms.

    Few runs stand side by side; of many each has a row, and its metrics are spread over several tables.
    """
    many = len(comparison.runs) > SIDE_BY_SIDE
    yield summary(comparison)
    yield from all_metrics(comparison, many)
    for task in comparison.run_metrics.leading:
        yield changes_of_many(comparison, task) if many else changes_side_by_side(comparison, task)
    yield from convergence(comparison.convergence)


def format_metric(comparison: Comparison, run: str, key: MetricKey) -> str:
    """Write a metric with the digits that its uncertainty leaves: '0.119 ± 0.053'."""
    value, error = comparison.metrics[run].value[key], comparison.metrics[run].error(key)
    return f"{value:.4g}" if error is None else f"{value:.4g} ± {error:.2g}"


def format_change(change: Change) -> str:
    """Write a change with its uncertainty and significance: '+12 ± 3 % (4.1 sigma, p 0.007): better'."""
    if change.percent is None:
        return f"the reference is 0: {change.verdict}"
    error = f" ± {_digits(change.error)}" if change.error is not None else ""
    sigma = ""
    if change.significance is not None and change.p_value is not None:
        sigma = f" ({abs(change.significance):.1f} sigma, p {change.p_value:.2g})"
    sign = "+" if change.percent > 0 else ""
    return f"{sign}{_digits(change.percent)}{error} %{sigma}: {change.verdict}"


def format_change_in_brackets(change: Change) -> str:
    """Write a change in few letters: '+12 ± 3', in brackets where it is no clear difference."""
    if change.percent is None:
        return NONE
    text = f"{change.percent:+.0f}" + (f" ± {_digits(change.error)}" if change.error is not None else "")
    return text if change.verdict in ("better", "worse") else f"({text})"


def _digits(percent: float) -> str:
    return f"{percent:,.0f}" if abs(percent) >= 10 else f"{percent:.2g}"


def summary(comparison: Comparison) -> Table:
    """Return one row for each run: its model, size, training, speed, leading metrics and their change."""
    leading = list(dict.fromkeys(comparison.run_metrics.leading.values()))
    units = units_of(comparison.runs[0].job, comparison.runs[0].provenance)
    header = ["run", "model", "parameters", "training events", "training time", "events/s (CPU)"]
    header += [*(with_unit(name, units) for name in leading), "change"]
    rows = []
    for run in comparison.runs:
        throughput = run.throughput()
        changes = {task: format_change(first) for task, (first, *_) in comparison.changes.get(run.name, {}).items()}
        named = [f"{task}: {text}" if len(changes) > 1 else text for task, text in changes.items()]
        row = [run.name, run.model, cells.count(run.parameters), cells.count(run.train_rows)]
        row += [cells.duration(run.training_time), f"{throughput:,.0f}" if throughput else NONE]
        row += [format_metric(comparison, run.name, MetricKey(name)) for name in leading]
        rows.append([*row, "; ".join(named) or "reference"])
    application, draws = comparison.runs[0].application, comparison.draws
    title = f"{application}: {comparison.events:,} test events, uncertainties from {draws} draws of them"
    return Table(title, header, rows, 2)


def all_metrics(comparison: Comparison, many: bool) -> Iterator[Table]:
    """Yield every metric on all events: a row for each metric, or of many runs a row for each run."""
    names, runs = comparison.names, [run.name for run in comparison.runs]
    units = units_of(comparison.runs[0].job, comparison.runs[0].provenance)
    if not many:
        figures = [[format_metric(comparison, run, MetricKey(name)) for run in runs] for name in names]
        rows = [[with_unit(name, units), *line] for name, line in zip(names, figures, strict=True)]
        yield Table("All metrics", ["metric", *runs], rows)
        return
    for begin in range(0, len(names), COLUMNS):
        columns = names[begin : begin + COLUMNS]
        rows = [[run, *(format_metric(comparison, run, MetricKey(name)) for name in columns)] for run in runs]
        header = ["run", *(with_unit(name, units) for name in columns)]
        yield Table(f"Metrics {begin + 1} to {begin + len(columns)} of {len(names)}", header, rows)


def binned_in(comparison: Comparison, task: str) -> str:
    """Return what the bins of a task's changes are those of, "events" where there are none."""
    known = any(change.key.label != "all" for of_run in comparison.changes.values() for change in of_run[task])
    return known * comparison.run_metrics.binned_in[task] or "events"


def changes_of_many(comparison: Comparison, task: str) -> Table:
    """Return the changes of a task's leading metric: a row for each run, a column for each bin."""
    metric, unit = comparison.run_metrics.leading[task], binned_in(comparison, task)
    changes = {
        run: {change.key.label: format_change_in_brackets(change) for change in of_run[task]}
        for run, of_run in comparison.changes.items()
    }
    bins = list(dict.fromkeys(label for of_run in changes.values() for label in of_run))
    rows = [[run, *(of_run.get(label, NONE) for label in bins)] for run, of_run in changes.items()]
    note = "(+ is better; in brackets: no clear difference)"
    title = f"{task}: change of {metric} in % against {comparison.reference} {note}"
    return Table(title, [f"run, {unit}:", *bins], rows)


def changes_side_by_side(comparison: Comparison, task: str) -> Table:
    """Return the changes of a task's leading metric: a row for each bin, a column for each run."""
    metric, unit = comparison.run_metrics.leading[task], binned_in(comparison, task)
    changes = [{change.key: format_change(change) for change in of_run[task]} for of_run in comparison.changes.values()]
    rows = [[key.label, *(of_run.get(key, NONE) for of_run in changes)] for key in changes[0]]
    title = f"{task}: change of {metric} against {comparison.reference} (+ is better)"
    return Table(title, [unit, *comparison.changes], rows)


def convergence(trainings: Mapping[str, Convergence]) -> Iterator[Table]:
    """Yield how each training went, and each term of its loss where a run has terms."""
    header = ["run", "epochs", "best epoch", "epochs to 90 %", "time to 90 %", "validation / training loss"]
    rows = []
    for run, training in trainings.items():
        best = (
            NONE if training.best_epoch is None else f"{training.best_epoch}{' (the last)' * bool(training.at_the_end)}"
        )
        epochs = NONE if training.epochs_to_90 is None else str(training.epochs_to_90)
        ratio = NONE if training.overfitting is None else f"{training.overfitting:.3g}"
        rows.append([run, str(training.epochs), best, epochs, cells.duration(training.seconds_to_90) or NONE, ratio])
    figures = ", ".join(sorted({training.figure for training in trainings.values() if training.figure}))
    yield Table(f"Convergence (90 % of the best accuracy by {figures})" if figures else "Convergence", header, rows)
    values = {run: training.terms for run, training in trainings.items()}
    terms = sorted({term for of_run in values.values() for term in of_run})
    if terms:
        names = [term.removesuffix("_loss").replace("_", " ") for term in terms]
        rows = [[run, *(f"{of_run[t]:.3g}" if t in of_run else NONE for t in terms)] for run, of_run in values.items()]
        yield Table("Terms of the training loss at the best epoch, without their weights", ["run", *names], rows)
