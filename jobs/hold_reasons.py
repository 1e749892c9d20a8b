"""Why a job is held, as plain text, and the command that releases it."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """What happened, what to do before the job is released, and whether it needs more memory."""

    reason: str
    advice: str = ""
    memory: bool = False

    def remedy(self, run: str) -> str:
        """Return the command that releases the job, and before it what must be done first."""
        command = f"wirechamber resubmit {run}"
        return f"{self.advice}, then {command}" if self.advice else command


MEMORY = Explanation("it used more memory than it asked for", memory=True)
CARRY_IN = "an input file could not be carried to the worker"
CARRY_OUT = "its output could not be carried back"

CODES: dict[int, Explanation] = {
    1: Explanation("somebody held it manually (condor_hold)"),
    3: Explanation("a periodic_hold or on_exit_hold of the job held it", "see resources.extra"),
    4: Explanation("its credentials were not valid", "renew them (kinit)"),
    6: Explanation("the worker could not start it", "check that job.sh and its interpreter exist"),
    7: Explanation("the worker could not open its output", "make the folder of the logs writable"),
    8: Explanation("the worker could not open its input", "check that the workers see the file"),
    12: Explanation(CARRY_OUT, "look at the files of the run and its log"),
    13: Explanation(CARRY_IN, "check that the file exists and is readable"),
    14: Explanation(
        "its initial folder does not exist on the worker", "set resources.transfer, or use a shared folder"
    ),
    15: Explanation("it was submitted on hold"),
    16: Explanation("its input files are still being spooled", "wait"),
    21: Explanation("the site's machine refused it (WANT_HOLD of the startd)", "ask the site"),
    22: Explanation("the site's machine refused it", "ask the site"),
    26: Explanation("the site's scheduler held it (SYSTEM_PERIODIC_HOLD)", "read the site's message"),
    34: MEMORY,
    35: Explanation("docker or the container did not start", "check resources.container_image"),
    44: Explanation("its container's image could not be fetched", "check resources.container_image"),
    46: Explanation("it ran longer than allowed_job_duration", "ask for a longer resources.flavour"),
    47: Explanation(
        "one epoch, or the loading before it, took longer than its flavour",
        "submit with a longer resources.flavour (wirechamber submit --resume)",
    ),
    48: Explanation("it used more disk than it asked for", "ask for more resources.request_disk"),
}
SUBCODES: dict[tuple[int, int], Explanation] = {
    (26, 102): MEMORY,
    (34, 102): MEMORY,
    (6, 2): Explanation(
        "job.sh or its interpreter does not exist on the worker",
        "set resources.python to one that the workers have, or resources.transfer",
    ),
    (6, 13): Explanation("job.sh is not executable", "chmod +x job.sh"),
    (7, 2): Explanation("the folder of its logs does not exist", "make it again"),
    (7, 13): Explanation("the folder of its logs is not writable", "change its permissions"),
    (12, 2): Explanation("it ended without the output that was to be carried back", "read its .err file"),
    (13, 2): Explanation("a file that was to be carried is missing", "put it back"),
}


def explain(code: int, subcode: int) -> Explanation:
    """Return what a hold means.

    >>> explain(26, 102).memory
    True
    >>> explain(13, 13).reason
    'an input file could not be carried to the worker (Permission denied)'
    """
    known = SUBCODES.get((code, subcode))
    if known is not None:
        return known
    general = CODES.get(code, Explanation(f"HTCondor holds it, code {code} subcode {subcode}", "read its message"))
    if code in (6, 7, 8, 12, 13, 14) and subcode > 0:
        return Explanation(f"{general.reason} ({os.strerror(subcode)})", general.advice, general.memory)
    return general
