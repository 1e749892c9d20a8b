"""The pool through condor_submit, condor_q and similar commands, where the Python bindings are not installed."""

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from jobs.pool import ATTRIBUTES, Ad, Id, Refused, Unreachable, as_text, constraint, version_in

SECONDS = 120
AWAY = re.compile(r"connect|can't find address|locate|communicat|not found in the collector", re.IGNORECASE)


class Commands:
    """A schedd, used through commands; no shell is involved."""

    def __init__(self) -> None:
        self.queue([0])
        self.version = version_in(_run("condor_version").stdout)

    def submit(self, description: Path) -> int:
        """Submit a description and return the number of its cluster."""
        answer = _checked(_run("condor_submit", "-terse", str(description)), "the job")
        return int(answer.split(".")[0])

    def submit_dag(self, dag: Path) -> int:
        """Submit a DAG, from its rescue file where it left one, and return the number of DAGMan's cluster."""
        return submit_dag(dag)

    def queue(self, clusters: Sequence[int]) -> list[Ad]:
        """Return the jobs of the clusters that are in the queue."""
        return self._query("condor_q", clusters)

    def history(self, clusters: Sequence[int]) -> list[Ad]:
        """Return the jobs of the clusters that left the queue, as far as the pool still lists them."""
        return self._query("condor_history", clusters)

    def _query(self, command: str, clusters: Sequence[int]) -> list[Ad]:
        if not clusters:
            return []
        done = _run(command, "-json", "-attributes", ",".join(ATTRIBUTES), "-constraint", constraint(clusters))
        if done.returncode:
            raise Unreachable(f"No HTCondor pool answers ({_last_line(done)}).")
        ads = json.loads(done.stdout or "[]")
        return [{n: v for n, v in ad.items() if not str(v).startswith("/Expr(")} for ad in ads]  # no expressions

    def edit(self, jobs: Sequence[Id], attribute: str, value: str) -> None:
        """Change an attribute of jobs in the queue."""
        for job in as_text(jobs):
            _checked(_run("condor_qedit", job, attribute, value), "the change")

    def release(self, jobs: Sequence[Id], reason: str) -> None:
        """Release held jobs."""
        _checked(_run("condor_release", "-reason", reason, *as_text(jobs)), "the release")

    def remove(self, jobs: Sequence[Id], reason: str) -> None:
        """Remove jobs from the queue."""
        _checked(_run("condor_rm", "-reason", reason, *as_text(jobs)), "the removal")


def submit_dag(dag: Path) -> int:
    """Submit a DAG; never by force, which would move its rescue file away."""
    answer = _checked(_run("condor_submit_dag", "-update_submit", str(dag)), "the workflow")
    match = re.search(r"submitted to cluster (\d+)", answer)
    if match is None:
        raise Refused("the workflow", answer)
    return int(match[1])


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except FileNotFoundError:
        raise Unreachable(f"No HTCondor here: the command {command[0]} is missing.") from None
    except subprocess.TimeoutExpired:
        raise Unreachable(f"No HTCondor pool answers ({command[0]} took more than {SECONDS} s).") from None


def _checked(done: subprocess.CompletedProcess[str], what: str) -> str:
    """Return the output of a command; raises Refused or Unreachable when it failed."""
    if done.returncode == 0:
        return done.stdout
    if AWAY.search(done.stderr):
        raise Unreachable(f"No HTCondor pool answers ({_last_line(done)}).")
    raise Refused(what, done.stderr.strip() or done.stdout.strip())


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return " ".join(lines[-1].split()) if lines else f"exit code {done.returncode}"
