"""Jobs in a real pool: what is submitted, held, evicted, resumed, killed and removed, and what the registry says."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import pytest

from jobs.job_state import by_id
from jobs.pool_bindings import Bindings
from jobs.pool_commands import Commands

pytestmark = pytest.mark.condor

LONG = 500
"""Epochs that outlive the half minute in which the pool sees how much memory a job uses."""


def state(name):
    return lambda record: record["state"] == name


def arrays(run):
    last = max((run / "checkpoints").glob("epoch_*"))
    with np.load(last / "variables.npz") as found:
        return [found[name] for name in sorted(found.files)]


def history(run):
    found = json.loads((run / "history.json").read_text())
    found.pop("training_time")
    return found


def submitted(tmp_path, run):
    (folder,) = (tmp_path / "runs" / ".condor").glob(f"{run}-*")
    return folder


def test_a_run_that_leaves_with_85_after_every_epoch_ends_with_the_same_bits(content, wirechamber, until, tmp_path):
    """A limit of half a second is over before the first epoch ends."""
    hurried = {"setup": ["export WIRECHAMBER_TIME_LIMIT=0.5"], "python": sys.executable}
    code, output = wirechamber("submit", job=content)
    assert code == 0, output
    code, output = wirechamber(
        "submit", job={**content, "name": "hurried", "resources": {**content["resources"], **hurried}}
    )
    assert code == 0, output
    until("small", state("done"))
    found = until("hurried", state("done"))
    assert found["epoch"] == 3
    assert found["config"] == str(tmp_path / "hurried.json")
    log = (tmp_path / "runs/hurried/log.txt").read_text()
    assert log.count("the time limit of 0.5 s") == 2
    whole, parts = tmp_path / "runs/small", tmp_path / "runs/hurried"
    for one, other in zip(arrays(whole), arrays(parts), strict=True):
        np.testing.assert_array_equal(one, other)
    assert history(whole) == history(parts)
    assert "2 done" in wirechamber("status")[1]


def test_held_for_its_memory_released_with_more_sent_away_and_done(content, wirechamber, until, tmp_path, pool):
    long = {**content["training"], "epochs": LONG}
    job = {**content, "name": "hog", "training": long, "resources": {**content["resources"], "request_memory": "256MB"}}
    assert wirechamber("submit", job=job)[0] == 0
    found = until("hog", state("held"))
    assert found["reason"].startswith("it used more memory than it asked for (")
    assert "fix: wirechamber resubmit hog" in wirechamber("status")[1]
    code, output = wirechamber("resubmit")
    assert code == 0, output
    assert "hog: released, asks for" in output

    def is_true(said):
        """Release the job whenever it is held: the memory that was measured was that of a process that still grew."""
        return lambda found: said(found) or (found["state"] == "held" and wirechamber("resubmit")[0] != 0)

    until("hog", is_true(lambda record: record["state"] == "running" and (record["epoch"] or 0) >= 3))
    _vacate(found["job_id"])
    resumed = until("hog", is_true(lambda _: "evicted and resumed" in wirechamber("status")[1]))
    assert resumed["job_id"] == found["job_id"]
    done = until("hog", is_true(state("done")))
    assert done["epoch"] == LONG
    assert "resumed from" in (tmp_path / "runs/hog/log.txt").read_text()


def _vacate(job):
    import htcondor2

    htcondor2.Schedd().act(htcondor2.JobAction.Vacate, [job], reason=("a test", 0))


def test_memory_grows_by_itself(content, wirechamber, until, record, tmp_path):
    long = {**content["training"], "epochs": LONG}
    asked = {**content["resources"], "request_memory": "256MB", "max_retries": 3}
    assert wirechamber("submit", job={**content, "name": "grows", "training": long, "resources": asked})[0] == 0
    until("grows", state("done"), looking=False)  # nobody looks, nobody releases
    assert "Code 26 Subcode 102" in (submitted(tmp_path, "grows") / "events.log").read_text()


def test_a_worker_that_dies_without_a_word_is_found_failed_and_submitted_again(content, wirechamber, until, tmp_path):
    marker = tmp_path / "died"
    dies = {"setup": [f"test -e {marker} || {{ touch {marker}; kill -9 $$; }}"], "python": sys.executable}
    job = {**content, "name": "dies", "resources": {**content["resources"], **dies}}
    assert wirechamber("submit", job=job)[0] == 0
    found = until("dies", state("failed"))
    assert found["reason"] == "killed by signal 9"
    code, output = wirechamber("resubmit", "dies")
    assert code == 0, output
    again = until("dies", state("done"))
    assert again["job_id"] != found["job_id"]
    assert again["config"] == str(tmp_path / "dies.json")


def test_a_job_that_was_removed_has_failed_until_it_is_named(content, wirechamber, until, pool):
    content["resources"]["extra"] = {"hold": "True"}
    assert wirechamber("submit", job={**content, "name": "removed"})[0] == 0
    found = until("removed", state("held"))
    assert found["reason"].startswith("it was submitted on hold")
    pool.remove([tuple(map(int, found["job_id"].split(".")))], "a test")
    found = until("removed", state("failed"))
    assert found["reason"].startswith("removed from the queue")
    assert "nothing is held or has failed" in wirechamber("resubmit")[1]


def test_htcondor_carries_what_the_workers_do_not_see(content, wirechamber, until, tmp_path, monkeypatch):
    job = {**content, "name": "carried", "resources": {**content["resources"], "transfer": True}}
    assert wirechamber("submit", job=job)[0] == 0
    found = until("carried", state("done"))
    assert found["value"] > 0
    assert found["epoch"] == 3
    assert (tmp_path / "runs/carried/model.keras").exists()
    events = (submitted(tmp_path, "carried") / "events.log").read_text()
    assert "Run Bytes Sent By Job" in events
    assert found["config"] == str(tmp_path / "carried.json")


def test_what_the_pool_refuses_leaves_nothing_behind(content, wirechamber, tmp_path):
    content["resources"]["extra"] = {"requirements": "((("}
    code, output = wirechamber("submit", job=content)
    assert code == 2
    assert output.startswith("the pool refused the job:")
    assert len(output.splitlines()) == 1
    assert not list((tmp_path / "registry" / "runs").glob("*"))
    assert not list((tmp_path / "runs" / ".condor").glob("*"))


def test_two_hundred_jobs_are_validated_and_submitted_in_seconds(content, wirechamber, tmp_path, pool):
    content["resources"]["extra"] = {"hold": "True"}
    (tmp_path / "one.json").write_text(json.dumps(content))
    sweep = {"job": "one.json", "sweep": {"seed": list(range(200))}, "name": "seed_{seed}"}
    begun, used = time.perf_counter(), time.process_time()
    code, output = wirechamber("submit", job=sweep)
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    print(f"200 jobs: {seconds:.1f} s, of which {used:.1f} s of this process")
    assert code == 0, output
    cluster = int(output.split("cluster ")[1].split(":")[0])
    ads = by_id(pool.queue([cluster]))
    pool.remove(list(ads), "a test")
    assert len(ads) == 200
    assert len(list((tmp_path / "registry" / "runs").glob("seed_*.json"))) == 200
    assert used < 5.0


@pytest.mark.parametrize("way", [Bindings, Commands])
def test_bindings_and_commands_do_the_same(way, pool, tmp_path):
    spoken = way()
    assert spoken.version == pool.version
    assert spoken.version[0] >= 23
    description = tmp_path / "sleep.sub"
    description.write_text("executable = /bin/sleep\narguments = 60\nrequest_memory = 10\nhold = True\nqueue 2\n")
    cluster = spoken.submit(description)
    ids = [(cluster, 0), (cluster, 1)]
    ads = by_id(spoken.queue([cluster]))
    assert list(ads) == ids
    assert [(ad["JobStatus"], ad["HoldReasonCode"], ad["RequestMemory"]) for ad in ads.values()] == [(5, 15, 10)] * 2
    spoken.edit([ids[0]], "RequestMemory", "20")
    spoken.release([ids[0]], "a test")
    ad = by_id(spoken.queue([cluster]))[ids[0]]
    assert (ad["JobStatus"] in (1, 2), ad["RequestMemory"]) == (True, 20)
    spoken.remove(ids, "a test")
    deadline = time.monotonic() + 60
    while spoken.queue([cluster]) and time.monotonic() < deadline:
        time.sleep(1)
    assert sorted(by_id(spoken.history([cluster]))) == ids
