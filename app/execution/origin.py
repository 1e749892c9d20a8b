"""What differs from the time of the run whose job.json is run again: commit, components, versions, data."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.errors import UserError
from app.runs.directory import RunDirectory
from app.runs.files import read_file
from app.runtime.outside_commit import hashes, used_files
from app.runtime.provenance import provenance


@dataclass(frozen=True)
class Origin:
    """The run that a job file belongs to, and its provenance as it was before anything was replaced."""

    run: str
    then: Mapping[str, Any]

    @classmethod
    def of(cls, config: Path) -> "Origin | None":
        """Return the run whose job.json a file is, None where it is another file or the run has no provenance."""
        run = RunDirectory(config.absolute().parent)
        if config.name != run.job.name or not run.provenance.exists():
            return None
        try:
            return cls(run.name, read_file(run.provenance))
        except UserError:
            return None

    def differences(self, data: str | None) -> list[str]:
        """Return a line for each difference between then and now.

        Args:
            data: the fingerprint of the content of the data that were just read; None where these are not compared.
        """
        return list(self._differences(provenance({"components": hashes(used_files()), "data": data})))

    def _differences(self, now: Mapping[str, Any]) -> Iterator[str]:
        then = self.then
        commits = [f"{p.get('commit') or 'none'}{' with changes' if p.get('dirty') else ''}" for p in (then, now)]
        if commits[0] != commits[1]:
            yield f"commit: {commits[0]} then, {commits[1]} now"
        if "components" in then:
            yield from compare_files(then["components"], now["components"])
        elif now["components"]:
            yield f"components: {', '.join(now['components'])} now; that run kept none"
        known = then.get("versions", {})
        for name, version in now["versions"].items():
            if name in known and known[name] != version:
                yield f"{name}: {known[name] or 'none'} then, {version or 'none'} now"
        data = then.get("dataset", {}).get("fingerprint")
        if data and now["data"] and data != now["data"]:
            yield f"data: other files or other events ({_shorten(data)} then, {_shorten(now['data'])} now)"

    def describe(self, data: str | None) -> list[str]:
        """Return the lines that are shown before the training begins."""
        lines, when = self.differences(data), str(self.then.get("start", ""))[:16].replace("T", " ")
        if not lines:
            same = "commit, components, versions and data" if data else "commit, components and versions"
            return [f"as in the run {self.run} of {when}: {same} are the same"]
        return [f"differs from the run {self.run} of {when}:", *(f"  {line}" for line in lines)]


def compare_files(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each file outside of the commit that is another than then; the run keeps those of then."""
    for name in sorted(then.keys() | now.keys()):
        if name not in now:
            yield f"component {name}: used then from outside of the commit, not now"
        elif name not in then:
            yield f"component {name}: used now from outside of the commit, not then"
        elif then[name] != now[name]:
            yield f"component {name}: its content is another"


def _shorten(fingerprint: str) -> str:
    """Return the first letters of a fingerprint, with the limit that may stand behind it."""
    hashed, comma, limit = fingerprint.partition(",")
    return f"{hashed[:8]}{comma}{limit}"
