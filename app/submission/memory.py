"""The memory to ask for, estimated in a process of its own.

TensorFlow brings its own cryptography, and HTCondor's bindings fail to reach a pool from a process that has loaded it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from app.config import Job
from app.config.job_file import parse
from app.core.errors import UserError, WirechamberError
from app.core.files import base
from app.core.system import describe_end, first_packages

HINT = "--no-estimate submits without it"
DEFAULT_MEMORY = 2048
"""MiB asked for where neither the job nor an estimate says how much."""


def advised_memory(jobs: Sequence[Job]) -> dict[str, int]:
    """Return the MiB to ask for, by job.

    Raises:
        UserError: the networks of a job cannot be built on its data, which the worker would report hours later.
    """
    text = json.dumps([job.dump() for job in jobs])
    command = [sys.executable, "-m", "app.submission.memory"]
    done = subprocess.run(
        command,
        cwd=base(),
        env={**os.environ, **first_packages()},
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == UserError.exit_code:
        raise UserError(*done.stderr.splitlines())
    if done.returncode:
        last = next(reversed(done.stderr.strip().splitlines()), "nothing")
        what = f"its process {describe_end(done.returncode)}, and wrote last: {last}"
        raise WirechamberError(f"The memory could not be estimated: {what} ({HINT}).")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def answer() -> int:
    """Read jobs from standard input and write what to ask for as the last line."""
    from app.training.estimate import memory_requests

    try:
        memory = memory_requests([parse(content) for content in json.load(sys.stdin)])
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"\n{json.dumps(memory)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(answer())
