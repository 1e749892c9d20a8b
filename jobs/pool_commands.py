"""The pool through condor_submit, condor_q and their kind, where the Python bindings are not installed."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from jobs.pool import ATTRIBUTES, Ad, Id, Refused, Unreachable, as_text, constraint, version_in

SECONDS = 120
AWAY = re.compile(r"connect|can't find address|locate|communicat|not found in the collector", re.IGNORECASE)


class Commands:
    """A schedd, asked by commands; no shell is involved."""

    def __init__(self) -> None:
        self.queue([0])
        self.version = version_in(_done("condor_version").stdout)

    def submit(self, description: Path) -> int:
        """Submit a description and return the number of its cluster."""
        answer = _refused_or(_done("condor_submit", "-terse", str(description)), "the job")
        return int(answer.split(".")[0])

    def submit_dag(self, dag: Path) -> int:
        """Submit a DAG, from its rescue file where it left one, and return the number of DAGMan's cluster."""
        return submit_dag(dag)

    def queue(self, clusters: Sequence[int]) -> list[Ad]:
        """Return the jobs of the clusters that are in the queue."""
        return self._asked("condor_q", clusters)

    def history(self, clusters: Sequence[int]) -> list[Ad]:
        """Return the jobs of the clusters that left the queue, as far as the pool remembers them."""
        return self._asked("condor_history", clusters)

    def _asked(self, command: str, clusters: Sequence[int]) -> list[Ad]:
        if not clusters:
            return []
        done = _done(command, "-json", "-attributes", ",".join(ATTRIBUTES), "-constraint", constraint(clusters))
        if done.returncode:
            raise Unreachable(f"No HTCondor pool answers ({_last(done)}).")
        return [_plain(ad) for ad in json.loads(done.stdout or "[]")]

    def edit(self, jobs: Sequence[Id], attribute: str, value: str) -> None:
        """Change an attribute of jobs in the queue."""
        for job in as_text(jobs):
            _refused_or(_done("condor_qedit", job, attribute, value), "the change")

    def release(self, jobs: Sequence[Id], reason: str) -> None:
        """Release held jobs."""
        _refused_or(_done("condor_release", "-reason", reason, *as_text(jobs)), "the release")

    def remove(self, jobs: Sequence[Id], reason: str) -> None:
        """Take jobs out of the queue."""
        _refused_or(_done("condor_rm", "-reason", reason, *as_text(jobs)), "the removal")


def submit_dag(dag: Path) -> int:
    """Submit a DAG; never by force, which would put its rescue file aside."""
    answer = _refused_or(_done("condor_submit_dag", "-update_submit", str(dag)), "the workflow")
    found = re.search(r"submitted to cluster (\d+)", answer)
    if found is None:
        raise Refused("the workflow", answer)
    return int(found[1])


def _done(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except FileNotFoundError:
        raise Unreachable(f"No HTCondor here: the command {command[0]} is missing.") from None
    except subprocess.TimeoutExpired:
        raise Unreachable(f"No HTCondor pool answers ({command[0]} took more than {SECONDS} s).") from None


def _refused_or(done: subprocess.CompletedProcess[str], what: str) -> str:
    if done.returncode == 0:
        return done.stdout
    if AWAY.search(done.stderr):
        raise Unreachable(f"No HTCondor pool answers ({_last(done)}).")
    raise Refused(what, done.stderr.strip() or done.stdout.strip())


def _last(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return " ".join(lines[-1].split()) if lines else f"exit code {done.returncode}"


def _plain(ad: Ad) -> Ad:
    return {name: value for name, value in ad.items() if not (isinstance(value, str) and value.startswith("/Expr("))}
