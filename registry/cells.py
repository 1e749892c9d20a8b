"""The cells of a table of runs, on a page and in the terminal."""

from registry.record import Record, State, describe_results, number

SYMBOLS: dict[State, str] = {
    "queued": "🕒",
    "idle": "💤",
    "running": "⏳",
    "evicted": "⏏️",
    "held": "✋",
    "interrupted": "⏸️",
    "done": "✅",
    "failed": "❌",
    "resubmitted": "🔁",
    "removed": "🗑️",
}
MEANINGS: dict[State, str] = {
    "queued": "submitted to the pool",
    "idle": "waiting for resources",
    "running": "running",
    "evicted": "evicted by the pool, continues from its checkpoint",
    "held": "held by the pool, needs manual action",
    "interrupted": "stopped at a checkpoint, to be resumed",
    "done": "finished",
    "failed": "failed",
    "resubmitted": "submitted to the pool again",
    "removed": "its files were removed",
}
UNBEATEN = "⚠️"
SIMULATED = "🧪"


def state(record: Record) -> str:
    """Return symbol, name and, while it runs, progress: '⏳ running 12/100'."""
    text = f"{SYMBOLS[record.state]} {record.state}"
    if record.state == "done" or record.epoch is None:
        return text
    return f"{text} {record.epoch}/{record.epochs}" if record.epochs else f"{text} {record.epoch}"


def count(value: int | None) -> str:
    """Return a number of parameters: '100,996'."""
    return "" if value is None else f"{value:,}"


def loss(record: Record) -> str:
    """Return loss and transform: 'mse / kick'."""
    return " / ".join(part for part in (record.loss, record.transform) if part)


def figure(record: Record, metric: str) -> str:
    """Return the run's value of a metric as text."""
    value = record.figure(metric)
    if value is None:
        return "not finite" if record.state == "done" and metric == record.metric else ""
    return number(value)


def other_tasks(record: Record) -> str:
    """Return what follows the leading figure of a run of several tasks: '; charge: accuracy 0.912'."""
    return "".join(
        f"; {task}: {r.metric} {number(r.value)}" for task, r in record.others.items() if r.value is not None
    )


def result(record: Record) -> str:
    """Return the metric and value of each task: 'place: pos_mean_mm 1.25; charge: accuracy 0.912'."""
    own = figure(record, record.metric)
    task = f"{record.task}: " if record.others else ""
    return f"{task}{record.metric} {own}{other_tasks(record)}" if own else ""


def against(record: Record) -> str:
    """Return how the run compares with the strongest baseline of each task."""
    strongest = record.verdict.partition("; ")[0]
    if record.others:
        strongest = record.caution + describe_results(record.results, strongest=True)
    return f"{UNBEATEN} {strongest}" if record.unbeaten else strongest


def duration(seconds: float | None) -> str:
    """Return a training time: '15 s', '3 min 05 s', '2 h 07 min'."""
    if seconds is None:
        return ""
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def minute(time: str | None) -> str:
    """Return a time to the minute: '2025-11-03 12:00'."""
    return "" if time is None else time[:16].replace("T", " ")


def commit(record: Record) -> str:
    """Return the commit, with a plus where the checkout had changes."""
    return record.commit[:8] + ("+" if record.dirty else "")
