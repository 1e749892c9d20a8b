"""The memory is estimated in a process of its own, which may die in the attempt."""

import pytest

from app.config.job_file import parse
from app.core.errors import WirechamberError
from app.submission.memory import advised_memory

DIES = """
import os, sys
if "app.submission.memory" in sys.orig_argv:
    print("E0000 out of memory", file=sys.stderr, flush=True)
    os.kill(os.getpid(), 9)
"""


def test_a_process_that_is_killed_is_named_with_what_it_wrote_last(small_job, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(DIES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(WirechamberError) as caught:
        advised_memory([parse(small_job)])
    assert str(caught.value) == (
        "The memory could not be estimated: its process was killed by SIGKILL (exit code 137), as the system does when "
        "memory runs out, and wrote last: E0000 out of memory (--no-estimate submits without it)."
    )
