"""The state of a job in the pool: what the queue says now, and what the event log says about the past."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from jobs import event_log
from jobs.event_log import History, Phase
from jobs.hold_reasons import Explanation, explain
from jobs.pool import Ad, Id
from jobs.submission import Index, Submission

PHASES: dict[int, Phase] = {
    1: "idle",
    2: "running",
    3: "removed",
    4: "completed",
    5: "held",
    6: "running",  # its output is being transferred
    7: "running",  # suspended by the machine
}
"""HTCondor's JobStatus."""


@dataclass(frozen=True)
class JobState:
    """A process of a cluster, and what is known about it.

    Attributes:
        run: the run that it belongs to.
        id: cluster and process.
        history: what happened to it; None where neither the pool nor the log knows it any more.
        given: MiB of its slot, or what it asked for at first.
        asked: MiB that it would ask for now: HTCondor raises them after the measured use.
    """

    run: str
    id: Id
    history: History | None
    given: int
    asked: int

    @property
    def explanation(self) -> Explanation | None:
        """Why it is held."""
        held = self.history is not None and self.history.phase == "held" and self.history.hold
        return explain(held[0], held[1]) if held else None

    @property
    def number(self) -> str:
        """HTCondor's cluster.process."""
        return f"{self.id[0]}.{self.id[1]}"

    @property
    def failed(self) -> bool:
        """Whether it left the queue without success."""
        known = self.history
        return known is None or known.phase == "removed" or (known.phase == "completed" and known.exit_code != 0)

    @property
    def wants_memory(self) -> bool:
        """Whether it needs more memory: it was held for it, or killed without a message."""
        if self.explanation is not None:
            return self.explanation.memory
        return self.history is not None and self.history.phase == "completed" and self.history.signal == 9

    @property
    def ending(self) -> str:
        """Why it left the queue, as text."""
        known = self.history
        if known is None:
            return "it is neither in the queue nor in the event log"
        if known.phase == "removed":
            return f"removed from the queue: {known.reason or 'no reason given'}"
        return f"killed by signal {known.signal}" if known.signal else f"ended with exit code {known.exit_code}"


def states(submission: Submission, index: Index, ads: Mapping[Id, Ad] | None) -> list[JobState]:
    """Return the state of every process of a submission.

    Args:
        submission: its folder.
        index: its cluster and runs.
        ads: what the pool's queue and history know of it; None when no pool was asked.
    """
    histories = event_log.read(submission.events)
    jobs = []
    for process, run in enumerate(index.runs):
        job = (index.cluster, process)
        ad = (ads or {}).get(job) or {}
        sizes = (ad.get(name) for name in ("MemoryProvisioned", "RequestMemory"))
        given, asked = (int(n) if isinstance(n, (int, float)) else index.memory[process] for n in sizes)
        jobs.append(JobState(run, job, merge_history(histories.get(process), ad), given, asked))
    return jobs


def by_id(ads: Iterable[Ad]) -> dict[Id, Ad]:
    """Return ads by cluster and process, in this order, which a pool does not keep; of two of one job the later one."""
    found = {(ad["ClusterId"], ad["ProcId"]): ad for ad in ads}
    return {job: found[job] for job in sorted(found)}


def merge_history(logged: History | None, ad: Ad) -> History | None:
    """Return the history from the event log, brought up to the queue: it has the present phase.

    Only the log knows memory, evictions and earlier ends.
    """
    if not ad:
        return logged
    phase = PHASES.get(ad["JobStatus"], "idle")
    since = datetime.fromtimestamp(ad.get("EnteredCurrentStatus", 0), UTC)
    known = logged or History(phase, since, starts=ad.get("NumJobStarts", 0))
    if known.phase != phase:
        known = replace(known, phase=phase, since=since)
    if logged is None and "ResidentSetSize" in ad:
        known = replace(known, memory=ad["ResidentSetSize"] // 1024)
    if phase == "held":
        hold = (ad.get("HoldReasonCode", 0), ad.get("HoldReasonSubCode", 0), str(ad.get("HoldReason", "")))
        return replace(known, hold=hold)
    if phase == "completed" and known.exit_code is None and known.signal is None:
        by_signal = bool(ad.get("ExitBySignal"))
        return replace(
            known,
            exit_code=None if by_signal else ad.get("ExitCode"),
            signal=ad.get("ExitSignal") if by_signal else None,
        )
    if phase == "removed":
        return replace(known, reason=known.reason or str(ad.get("RemoveReason", "")))
    return known
