"""The `resources` block of a job: what its run asks of an HTCondor pool."""

import re
from typing import Annotated, Literal

from pydantic import Field

from app.core.types import Count, Strict

Flavour = Literal["espresso", "microcentury", "longlunch", "workday", "tomorrow", "testmatch", "nextweek"]
HOUR = 3600
FLAVOURS: dict[Flavour, int] = {
    "espresso": HOUR // 3,
    "microcentury": HOUR,
    "longlunch": 2 * HOUR,
    "workday": 8 * HOUR,
    "tomorrow": 24 * HOUR,
    "testmatch": 3 * 24 * HOUR,
    "nextweek": 7 * 24 * HOUR,
}
"""Seconds that a job of each flavour may run."""

UNITS = {"MB": 1, "GB": 1024, "TB": 1024**2}
Size = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)? ?(MB|GB|TB)$", examples=["8GB"])]
Line = Annotated[str, Field(pattern=r"^[^\r\n]+$", max_length=4000)]
Key = Annotated[str, Field(pattern=r"^(\+|My\.)?[A-Za-z_][A-Za-z0-9_]*$")]


class Resources(Strict):
    """What the run asks of a pool; nothing here changes the training, so it may differ when a run is resumed."""

    request_gpus: Annotated[int, Field(ge=0)] = 0
    request_cpus: Count = 1
    request_memory: Size | None = Field(None, description='"8GB"; null: what `wirechamber estimate` advises')
    request_disk: Size | None = Field(None, description="null: the default of the pool")
    gpus_minimum_memory: Size | None = Field(None, description="each requirement on the GPU leaves fewer machines")
    flavour: Flavour = Field(
        "workday",
        description="time limit: espresso 20 min, microcentury 1 h, longlunch 2 h, workday 8 h, tomorrow 1 d, "
        "testmatch 3 d, nextweek 7 d; the run leaves with a checkpoint before 80 % of it and continues by itself",
    )
    max_retries: Annotated[int, Field(ge=0, le=100)] = Field(
        3, description="starts again after a failure, or with more memory"
    )
    grace_seconds: Count = Field(120, description="from SIGTERM to SIGKILL when the job is evicted")
    transfer: bool = Field(
        False, description="true: HTCondor carries program, data and results; false: workers see this file system"
    )
    container_image: Line | None = Field(None, description="docker://..., or the path of a .sif file")
    setup: tuple[Line, ...] = Field((), description="shell lines before the program: source /cvmfs/.../setup.sh")
    python: Line | None = Field(
        None,
        description="interpreter on the worker; null: the submit node's, python3 in a container or after setup",
    )
    extra: dict[Key, Line] = Field(
        {},
        description='further lines of the submit description: {"accounting_group": "group_x"}',
    )

    @property
    def seconds(self) -> int:
        """The time limit of the flavour [s]."""
        return FLAVOURS[self.flavour]


def megabytes(size: str) -> int:
    """Return a size as HTCondor counts it, in MiB, rounded up: 8GB is 8192.

    >>> megabytes("1.5 GB"), megabytes("300MB")
    (1536, 300)
    """
    number, unit = re.fullmatch(r"([0-9.]+) ?([A-Z]+)", size).groups()  # type: ignore[union-attr]
    return max(1, -int(-float(number) * UNITS[unit] // 1))
