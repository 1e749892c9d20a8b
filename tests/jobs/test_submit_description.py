from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.errors import UserError
from jobs.resources import Resources
from jobs.submission import Submission
from jobs.submit_description import Request, description, script, write

SUBMISSION = Submission(Path("/runs/.condor/sizes-1"))


def request(version=(23, 9, 6), memory=None, environment=None, **block):
    environment = {"WIRECHAMBER_RUNS": "/runs", "DATA": "with a blank"} if environment is None else environment
    return Request(
        Resources(**block),
        memory or {"a": 800, "b": 1600},
        Path("/code"),
        Path("/work"),
        Path("/runs"),
        "/venv/python",
        environment,
        version,
    )


def lines(**changes):
    text = description(SUBMISSION, request(**changes))
    assert "{" not in re.sub(r"max\(\{[^}]*\}\)", "", text)
    assert "\n\n\n" not in text
    return dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line and not line.startswith("#"))


def test_a_sweep_is_one_cluster_with_the_memory_of_each_run():
    text = description(SUBMISSION, request())
    assert text.endswith("queue run, memory from (\na, 800\nb, 1600\n)\n")
    found = lines()
    assert found["request_memory"] == "isUndefined(MemoryUsage) ? $(memory) : max({$(memory), MemoryUsage * 3 / 2})"
    assert found["executable"] == "/runs/.condor/sizes-1/job.sh"
    assert found["output"] == "/runs/.condor/sizes-1/logs/$(ClusterId).$(ProcId).out"
    assert found["log"] == "/runs/.condor/sizes-1/events.log"


def test_what_was_not_asked_for_is_not_written():
    found = lines()
    for name in ("request_gpus", "gpus_minimum_memory", "request_disk", "container_image", "transfer_input_files"):
        assert name not in found
    assert found["universe"] == "vanilla"
    assert not [name for name in found if name.lower().startswith("require")]  # each leaves fewer machines


def test_time_and_checkpoints():
    found = lines(flavour="espresso", grace_seconds=30)
    assert found["+JobFlavour"] == '"espresso"'
    assert found["allowed_execute_duration"] == "1200"
    assert found["checkpoint_exit_code"] == "85"
    assert found["job_max_vacate_time"] == "30"
    assert "export WIRECHAMBER_TIME_LIMIT=1200" in script(SUBMISSION, request(flavour="espresso"))


def test_everything_that_was_asked_for():
    found = lines(
        request_gpus=1, request_cpus=4, request_disk="2GB", gpus_minimum_memory="16GB", max_retries=5,
        container_image="docker://tensorflow/tensorflow", extra={"accounting_group": "group_x", "+Project": '"x"'},
    )  # fmt: skip
    assert found["request_gpus"] == "1"
    assert found["gpus_minimum_memory"] == "16384"
    assert found["request_disk"] == "2048MB"
    assert found["universe"] == "container"
    assert (found["accounting_group"], found["+Project"]) == ("group_x", '"x"')
    assert found["periodic_release"].startswith("NumJobStarts <= 5 && (HoldReasonCode == 34 ||")


def test_a_pool_that_raises_memory_by_itself_is_told_so():
    found = lines(version=(25, 1, 0))
    assert found["request_memory"] == "$(memory)"
    assert found["retry_request_memory_increase"] == "RequestMemory * 3 / 2"


def test_files_are_carried_or_shared():
    shared, carried = lines(), lines(transfer=True)
    assert (shared["should_transfer_files"], shared["initialdir"]) == ("NO", "/work")
    assert (carried["should_transfer_files"], carried["initialdir"]) == ("YES", "/runs")
    assert carried["when_to_transfer_output"] == "ON_EXIT_OR_EVICT"
    assert carried["transfer_output_files"] == carried["transfer_checkpoint_files"] == "$(run)"
    assert "/code/app" in carried["transfer_input_files"]
    text = script(SUBMISSION, request(transfer=True))
    assert 'export WIRECHAMBER_RUNS="$PWD"' in text
    assert "WIRECHAMBER_RUNS=/runs" not in text


def test_a_run_that_is_carried_has_no_name_of_the_program():
    with pytest.raises(UserError, match=r"name: a run that HTCondor carries has no such name.*Received 'jobs'"):
        description(SUBMISSION, request(memory={"jobs": 800}, transfer=True))


@pytest.mark.parametrize("key", ["executable", "Request_CPUs", "queue", "+JobFlavour", "request_memory"])
def test_extra_lines_say_nothing_twice(key):
    with pytest.raises(UserError, match="not a further line"):
        description(SUBMISSION, request(extra={key: "1"}))


def test_the_interpreter():
    assert "exec /venv/python /code/app/run.py" in script(SUBMISSION, request())
    assert "exec python3 /code/app/run.py" in script(SUBMISSION, request(setup=("source /cvmfs/view/setup.sh",)))
    assert "exec /other /code/app/run.py" in script(SUBMISSION, request(setup=("true",), python="/other"))
    assert "exec /venv/python app/run.py" in script(SUBMISSION, request(transfer=True))


def test_paths_of_a_job_begin_where_it_was_submitted_by_a_program_that_is_a_copy():
    assert "\ncd /work || exit 1\n" in script(SUBMISSION, request())
    assert "\ncd . || exit 1\n" in script(SUBMISSION, request(transfer=True))
    assert "\ninitialdir = /work\n" in description(SUBMISSION, request())


def test_the_script_does_what_it_says(tmp_path):
    """With a program that prints what it sees, in an environment that is as empty as that of a job."""
    code = tmp_path / "with a blank"
    (code / "app").mkdir(parents=True)
    (code / "app" / "run.py").write_text("import os, sys; print(sys.argv[1:], os.environ['DATA'], os.environ['SITE'], "
                                         "os.environ['HOME'], os.environ['WIRECHAMBER_JOB_ID'])\n")  # fmt: skip
    (tmp_path / "s").mkdir()
    made = Submission(tmp_path / "s")
    wanted = Request(
        Resources(setup=("export SITE=cern",), python="python3"),
        {"a": 1},
        code,
        tmp_path,
        tmp_path,
        "",
        {"DATA": "x 'y' $z"},
    )
    write(made, wanted)
    assert os.access(made.script, os.X_OK)
    done = subprocess.run([made.script, "a", "12.0"], env={}, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == f"['--config', '{made.jobs}/a.json', '--resume'] x 'y' $z cern /tmp 12.0\n"
    assert made.description.read_text() == description(made, wanted)


def test_another_command_than_run():
    wanted = replace(request(), arguments=("merge", "a b.npz", "--resume"))
    assert script(SUBMISSION, wanted).endswith("exec /venv/python /code/app/__main__.py merge 'a b.npz' --resume\n")


ODD = "/my data/a=b #1 $(x) $HOME 100% {c}; d|e & `f` <g> 'h' größe 😀"
"""A folder that a file system allows, and HTCondor too."""


@pytest.mark.parametrize("transfer", [False, True])
def test_every_path_is_what_htcondor_reads(transfer):
    """Read by HTCondor itself, with its own rules of macros."""
    htcondor2 = pytest.importorskip("htcondor2")
    submission = Submission(Path(f"{ODD}/.condor/my $job-1"))
    asked = replace(request(transfer=transfer), program=Path(f"{ODD}/code"), runs=Path(f"{ODD}/runs"))
    text = description(submission, asked).partition("queue run")[0]
    read = htcondor2.Submit(f"run = a\nmemory = 800\n{text}queue 1\n")
    assert read.expand("executable") == f"{ODD}/.condor/my $job-1/job.sh"
    assert read.expand("batch_name") == "my $job-1"
    assert read.expand("log") == f"{ODD}/.condor/my $job-1/events.log"
    assert read.expand("output").startswith(f"{ODD}/.condor/my $job-1/logs/")
    assert read.expand("initialdir") == (f"{ODD}/runs" if transfer else str(asked.start))
    if transfer:
        carried = [f"{ODD}/code/{name}" for name in ("app", "datasets", "losses", "jobs", "registry")]
        assert read.expand("transfer_input_files").split(", ") == [*carried, f"{ODD}/.condor/my $job-1/jobs/a.json"]


@pytest.mark.parametrize("character", ['"', "\\", "\n", "\r", "\t", "\x7f"])
def test_a_path_that_htcondor_cannot_be_given_is_refused(character):
    with pytest.raises(
        UserError, match=r"^a path that HTCondor cannot be given\. Expected no quotation mark, backslash"
    ):
        description(Submission(Path(f"/runs/a{character}b-1")), request())


def test_a_comma_is_refused_where_files_are_listed():
    submission = Submission(Path("/a,b/x-1"))
    assert "log = /a,b/x-1/events.log\n" in description(submission, request())
    with pytest.raises(UserError, match="no quotation mark, backslash, comma or line end"):
        description(submission, request(transfer=True))


def test_the_script_quotes_every_path(tmp_path):
    """A shell runs it: the checkout's name has all that a shell could read as more than a name."""
    start = tmp_path / f'it\'s {ODD[1:]} "i" \\j\n'
    start.mkdir(parents=True)
    python = tmp_path / "python; touch x"
    python.write_text('#!/bin/sh\npwd; for a; do printf "%s|" "$a"; done; printf "%s" "$WIRECHAMBER_RUNS"\n')
    python.chmod(0o755)
    asked = request(environment={"WIRECHAMBER_RUNS": "$(x) 'y'\n"})
    asked = replace(asked, start=start, python=str(python), arguments=("list", "`touch x`", "-x", "$HOME"))
    (tmp_path / "job.sh").write_text(script(Submission(tmp_path), asked))
    done = subprocess.run(["/bin/bash", tmp_path / "job.sh", "a", "1.0"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{start}\n")
    assert done.stdout.endswith("|list|`touch x`|-x|$HOME|$(x) 'y'\n")
    assert not list(tmp_path.rglob("x"))
