"""The pool through htcondor2, HTCondor's Python bindings."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jobs.pool import ATTRIBUTES, Ad, Id, Refused, Unreachable, as_text, constraint, version_in
from jobs.pool_commands import submit_dag


class Bindings:
    """A schedd; every error of the bindings becomes an error of this program."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where there is no configuration; the error below says so
            import htcondor2
        self._htcondor = htcondor2
        try:
            self._schedd = htcondor2.Schedd()
            location = htcondor2.Collector().locate(htcondor2.DaemonType.Schedd)
            self._schedd.query(constraint="false", projection=["ClusterId"])
        except (htcondor2.HTCondorException, OSError, RuntimeError, ValueError) as error:
            raise _unreachable(error) from None
        self.version = version_in(str(location.get("CondorVersion", "")) if location is not None else "")

    def submit(self, description: Path) -> int:
        """Submit a description and return the number of its cluster."""
        with self._refusals("the job"):
            return int(self._schedd.submit(self._htcondor.Submit(description.read_text(encoding="utf-8"))).cluster())

    def submit_dag(self, dag: Path) -> int:
        """Submit a DAG by the command that comes with DAGMan: the bindings only write what it would submit."""
        return submit_dag(dag)

    def queue(self, clusters: Sequence[int]) -> list[Ad]:
        """Return the jobs of the clusters that are in the queue."""
        return self._query(self._schedd.query, clusters)

    def history(self, clusters: Sequence[int]) -> list[Ad]:
        """Return the jobs of the clusters that left the queue, as far as the pool still lists them."""
        return self._query(self._schedd.history, clusters)

    def _query(self, ask: Any, clusters: Sequence[int]) -> list[Ad]:
        """Return the ads that a query gives; expressions in them are evaluated, what has no plain value is left out."""
        try:
            ads = ask(constraint(clusters), list(ATTRIBUTES)) if clusters else []
            values = [{name: ad.eval(name) for name in ATTRIBUTES if name in ad} for ad in ads]
            return [{n: v for n, v in ad.items() if isinstance(v, (str, int, float, bool))} for ad in values]
        except (self._htcondor.HTCondorException, OSError, RuntimeError) as error:
            raise _unreachable(error) from None

    def edit(self, jobs: Sequence[Id], attribute: str, value: str) -> None:
        """Change an attribute of jobs in the queue."""
        with self._refusals("the change"):
            self._schedd.edit(as_text(jobs), attribute, value)

    def release(self, jobs: Sequence[Id], reason: str) -> None:
        """Release held jobs."""
        with self._refusals("the release"):  # a plain string as the reason is lost
            self._schedd.act(self._htcondor.JobAction.Release, as_text(jobs), reason=(reason, 0))

    def remove(self, jobs: Sequence[Id], reason: str) -> None:
        """Remove jobs from the queue."""
        with self._refusals("the removal"):
            self._schedd.act(self._htcondor.JobAction.Remove, as_text(jobs), reason=(reason, 0))

    @contextlib.contextmanager
    def _refusals(self, what: str) -> Iterator[None]:
        try:
            yield
        except (self._htcondor.HTCondorException, OSError, RuntimeError, ValueError, KeyError) as error:
            raise Refused(what, error) from None


def _unreachable(error: BaseException) -> Unreachable:
    return Unreachable(f"No HTCondor pool answers ({' '.join(str(error).split())}).")
