from __future__ import annotations

import pytest

from app.config.job_file import parse
from app.core.errors import UserError
from jobs.resources import FLAVOURS, megabytes


def resources(small_job, **block):
    return parse({**small_job, "resources": block}).resources


def test_the_flavours_last_as_long_as_at_cern():
    hours = [seconds / 3600 for seconds in FLAVOURS.values()]
    assert hours == [pytest.approx(1 / 3), 1, 2, 8, 24, 72, 168]


@pytest.mark.parametrize(
    ("size", "expected"), [("1MB", 1), ("8GB", 8192), ("1.5 GB", 1536), ("0.3MB", 1), ("1TB", 2**20)]
)
def test_sizes_are_counted_as_htcondor_counts(size, expected):
    assert megabytes(size) == expected


def test_nothing_is_asked_for_by_itself(small_job):
    found = resources(small_job)
    assert (found.request_gpus, found.gpus_minimum_memory, found.request_memory) == (0, None, None)
    assert found.seconds == 8 * 3600


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"request_memory": "8 GiB"}, "job.resources.request_memory"),
        ({"flavour": "tomorow"}, "'workday', 'tomorrow'"),
        ({"request_cpu": 1}, "Did you mean 'request_cpus'?"),
        ({"request_gpus": -1}, "job.resources.request_gpus"),
        ({"setup": ["source a\nrm -r b"]}, "job.resources.setup"),
        ({"extra": {"two words": "1"}}, "job.resources.extra"),
    ],
)
def test_mistakes_are_named(small_job, block, words):
    with pytest.raises(UserError) as caught:
        resources(small_job, **block)
    assert words in str(caught.value)
