"""From resources to the text that HTCondor reads: the templates in `templates/`, with values in place of @{...}."""

from __future__ import annotations

import re
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.core.errors import Problem, UserError, WirechamberError
from app.core.files import write_text
from jobs.resources import Resources, megabytes
from jobs.submission import Submission

TEMPLATES = Path(__file__).parent / "templates"
PLACE = re.compile(r"@\{(\w+)\}")
CARRIED = ("app", "datasets", "losses", "jobs", "registry")
"""What HTCondor carries to a worker that does not see the checkout; no run may have such a name then."""
FIRST_WITH_MEMORY_RETRY = (25, 0)
ON_THE_WORKER = {
    "WIRECHAMBER_RUNS": "$PWD",
    "WIRECHAMBER_REGISTRY": "$PWD/$1/registry",
    "WIRECHAMBER_DATA": "$PWD/data",
}
"""Where a run writes when HTCondor carries its results: all that is to come back lies in the run's own directory."""


@dataclass(frozen=True)
class Request:
    """What one cluster shall be.

    Attributes:
        resources: of every process.
        memory: MiB of each run, in the order of the processes.
        checkout: the program.
        runs: the folder of the runs.
        environment: variables that the runs need, WIRECHAMBER_RUNS and the like.
        python: the interpreter that submits.
        version: of the pool's schedd.
        words: the verb and its arguments, where it is not the run of a job.
        workers: how many processes work on a run, where it is not one.
    """

    resources: Resources
    memory: Mapping[str, int]
    checkout: Path
    runs: Path
    python: str
    environment: Mapping[str, str] = field(default_factory=dict)
    version: tuple[int, ...] = (0,)
    words: tuple[str, ...] = ()
    workers: Mapping[str, int] = field(default_factory=dict)

    @property
    def processes(self) -> list[str]:
        """The run of each process, in the order of their numbers."""
        return [run for run in self.memory for _ in range(self.workers.get(run, 1))]


def write(submission: Submission, request: Request) -> None:
    """Write the submit description and the script of a submission."""
    write_text(submission.description, description(submission, request))
    write_text(submission.script, script(submission, request))
    submission.script.chmod(submission.script.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def description(submission: Submission, request: Request) -> str:
    """Return the submit description of a cluster.

    Raises:
        UserError: `resources.extra` says again what the template says, or a run cannot be carried by its name.
    """
    template = (TEMPLATES / "training.sub").read_text(encoding="utf-8")
    _check_extra(template, request.resources)
    wanted, memory = request.resources, "isUndefined(MemoryUsage) ? $(memory) : max({$(memory), MemoryUsage * 3 / 2})"
    by_itself = request.version >= FIRST_WITH_MEMORY_RETRY
    return fill(
        template,
        {
            "universe": "container" if wanted.container_image else "vanilla",
            "container_image": wanted.container_image,
            "folder": submission.path,
            "batch": submission.path.name,
            "request_cpus": wanted.request_cpus,
            "request_gpus": wanted.request_gpus or None,
            "gpus_minimum_memory": wanted.gpus_minimum_memory and megabytes(wanted.gpus_minimum_memory),
            "request_disk": wanted.request_disk and f"{megabytes(wanted.request_disk)}MB",
            "request_memory": "$(memory)" if by_itself else memory,
            "retry_request_memory_increase": "RequestMemory * 3 / 2" if by_itself else None,
            "max_retries": wanted.max_retries,
            "flavour": wanted.flavour,
            "seconds": wanted.seconds,
            "grace_seconds": wanted.grace_seconds,
            **_transfer(submission, request),
            "extra": "\n".join(f"{key} = {value}" for key, value in wanted.extra.items()),
            "runs": "\n".join(f"{run}, {request.memory[run]}" for run in request.processes),
        },
    )


def _transfer(submission: Submission, request: Request) -> dict[str, object]:
    if not request.resources.transfer:
        return {"should_transfer_files": "NO", "initialdir": request.checkout}
    taken = sorted(request.memory.keys() & set(CARRIED))
    if taken:
        expected = f"none of {', '.join(CARRIED)}: these folders are carried beside it"
        raise UserError(
            Problem("a run that HTCondor carries has no such name", ("name",), expected=expected, received=taken[0])
        )
    inputs = [*(request.checkout / name for name in CARRIED), submission.jobs / "$(run).json"]
    return {
        "initialdir": request.runs,
        "should_transfer_files": "YES",
        "when_to_transfer_output": "ON_EXIT_OR_EVICT",
        "transfer_input_files": ", ".join(map(str, inputs)),
        "transfer_output_files": "$(run)",
        "transfer_checkpoint_files": "$(run)",
    }


def _check_extra(template: str, resources: Resources) -> None:
    known = {line.partition("=")[0].strip().lower() for line in template.splitlines() if re.match(r"[+\w]+ *=", line)}
    for key in resources.extra:
        if key.lower() in known | {"queue", "request_memory", "environment", "getenv"}:
            expected = "a line that wirechamber does not write itself"
            raise UserError(Problem("not a further line", ("resources", "extra", key), expected=expected, received=key))


def script(submission: Submission, request: Request) -> str:
    """Return the shell script that every process of the cluster runs."""
    wanted = request.resources
    values = dict(request.environment) | {"WIRECHAMBER_TIME_LIMIT": str(wanted.seconds)}
    lines = [f"export {n}={shlex.quote(v)}" for n, v in values.items() if not (wanted.transfer and n in ON_THE_WORKER)]
    if wanted.transfer:
        lines += ['mkdir -p "$1"', *(f'export {name}="{value}"' for name, value in ON_THE_WORKER.items())]
    return fill(
        (TEMPLATES / "job.sh").read_text(encoding="utf-8"),
        {
            "environment": "\n".join(lines),
            "setup": "\n".join(wanted.setup),
            "checkout": "." if wanted.transfer else shlex.quote(str(request.checkout)),
            "python": shlex.quote(_python(request)),
            "command": _command(submission, request),
        },
    )


def _command(submission: Submission, request: Request) -> str:
    if request.words:
        return f"-m app {shlex.join(request.words)}"
    jobs = "." if request.resources.transfer else shlex.quote(str(submission.jobs))
    return f'app/run.py --config {jobs}/"$1".json --resume'


def _python(request: Request) -> str:
    wanted = request.resources
    if wanted.python:
        return wanted.python
    return "python3" if wanted.container_image or wanted.setup else request.python


def fill(template: str, values: Mapping[str, object]) -> str:
    """Put values into a template; a line whose value is None or empty is left out, comments stay as they are."""
    found = (_line(line, values) for line in template.splitlines())
    return "\n".join(line for line in found if line is not None) + "\n"


def _line(line: str, values: Mapping[str, object]) -> str | None:
    if line.startswith("#"):
        return line
    names = PLACE.findall(line)
    if any(values.get(name) in (None, "") for name in names):
        return None
    filled = PLACE.sub(lambda match: str(values[match[1]]), line)
    if len(names) and "\n" in filled and not PLACE.fullmatch(line):
        raise WirechamberError(f"a value of the template line {line!r} has several lines")
    return filled
