"""From resources to the files that HTCondor reads: the jinja2 templates in `templates/`, filled in."""

import re
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.core.errors import Problem, UserError
from app.core.files import write_text
from jobs.resources import Resources, megabytes
from jobs.submission import Submission

TEMPLATES = Path(__file__).parent / "templates"
CARRIED = ("app", "datasets", "losses", "jobs", "registry")
"""Folders that HTCondor carries to a worker that does not see the program; then no run may have such a name."""
FIRST_WITH_MEMORY_RETRY = (25, 0)
BROKEN = re.compile(r'[\x00-\x1f\x7f"\\]|\s$')
"""What ends a value of a submit description."""
ON_THE_WORKER = {"WIRECHAMBER_RUNS", "WIRECHAMBER_REGISTRY", "WIRECHAMBER_DATA"}
"""Variables that `job.sh` sets itself when HTCondor carries the results."""


@dataclass(frozen=True)
class Request:
    """What one cluster asks of the pool.

    Attributes:
        resources: of every process.
        memory: MiB of each run, in the order of the processes.
        program: folder of its packages: the checkout, or site-packages.
        start: where relative paths of the jobs begin.
        runs: the folder of the runs.
        environment: variables that the runs need, WIRECHAMBER_RUNS and the like.
        python: the interpreter that submits.
        version: version of the pool's schedd.
        arguments: a command and its arguments, where it is not the run of a job.
        workers: number of processes of each run that has several.
    """

    resources: Resources
    memory: Mapping[str, int]
    program: Path
    start: Path
    runs: Path
    python: str
    environment: Mapping[str, str] = field(default_factory=dict)
    version: tuple[int, ...] = (0,)
    arguments: tuple[str, ...] = ()
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
        UserError: `resources.extra` repeats a line of the template, or a run has the name of a folder of the program.
    """
    template = (TEMPLATES / "training.sub").read_text(encoding="utf-8")
    known = {line.partition("=")[0].strip().lower() for line in template.splitlines() if re.match(r"[+\w]+ *=", line)}
    for key in request.resources.extra:
        if key.lower() in known | {"queue", "environment", "getenv"}:
            expected = "a line that wirechamber does not write itself"
            raise UserError(Problem("not a further line", ("resources", "extra", key), expected=expected, received=key))
    if request.resources.transfer and (taken := sorted(request.memory.keys() & set(CARRIED))):
        what, expected = "a run that HTCondor carries has no such name", f"none of {', '.join(CARRIED)}"
        expected += ": these folders are carried next to it"
        raise UserError(Problem(what, ("name",), expected=expected, received=taken[0]))
    return _fill(
        "training.sub",
        submission=submission,
        resources=request.resources,
        start=request.start,
        runs=request.runs,
        carried=[request.program / name for name in CARRIED],
        raises_memory=request.version >= FIRST_WITH_MEMORY_RETRY,
        processes=request.processes,
        memory=request.memory,
    )


def script(submission: Submission, request: Request) -> str:
    """Return the shell script that every process of the cluster runs."""
    wanted = request.resources
    left_out = ON_THE_WORKER if wanted.transfer else set()
    entry = Path("app", "__main__.py" if request.arguments else "run.py")
    return _fill(
        "job.sh",
        submission=submission,
        resources=wanted,
        entry=entry if wanted.transfer else request.program / entry,
        start=request.start,
        environment={name: value for name, value in request.environment.items() if name not in left_out},
        python=wanted.python or ("python3" if wanted.container_image or wanted.setup else request.python),
        arguments=request.arguments,
    )


def literal(path: object, listed: bool = False) -> str:
    """Return a path as a value in a submit description, where a dollar begins a macro, or in a list, `listed`, there.

    Raises:
        UserError: HTCondor has no way to write it.
    """
    text = str(path)
    if BROKEN.search(text) or (listed and "," in text):
        expected = f"no quotation mark, backslash{', comma' * listed} or line end in it, and no blank at its end"
        raise UserError(Problem("a path that HTCondor cannot be given", expected=expected, received=text))
    return text.replace("$", "$(DOLLAR)")


def _fill(template: str, **values: object) -> str:
    """Fill in a template; a name that has no value is an error."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(quote=lambda value: shlex.quote(str(value)), megabytes=megabytes, literal=literal)
    return environment.get_template(template).render(**values)
