from __future__ import annotations

import pytest

from app.cli import main
from app.config.job_file import parse
from app.training.estimate import (
    FLOAT,
    GPU_CONTEXT,
    GPU_HOST,
    HELD,
    MARGIN,
    PROCESS,
    Estimate,
    estimate,
    memory_requests,
)

MIB = 2**20
SOME = Estimate(
    rows=1000, parameters=10**6, weights=16e6, activations=1e6, event=1e5, held=50e6, batch_size=64, on_gpu=False
)


def test_the_sum_of_what_a_process_needs():
    assert SOME.host == PROCESS + 16e6 + 64 * 1e6 + 4 * 64 * 1e5 + 50e6
    assert SOME.gpu == GPU_CONTEXT + 16e6 + 64 * (1e6 + 1e5)


def test_on_a_gpu_the_network_lies_there():
    there = Estimate(**{**vars(SOME), "on_gpu": True})
    assert there.host == PROCESS + GPU_HOST + 4 * 64 * 1e5 + 50e6


def test_a_request_is_above_the_estimate_and_round():
    assert SOME.request_memory % 100 == 0
    assert MARGIN * SOME.host / MIB <= SOME.request_memory < MARGIN * SOME.host / MIB + 100


@pytest.mark.parametrize("size", [8, 24, 80])
def test_the_largest_batch_fits_and_its_double_does_not(size):
    largest = SOME.largest_batch(size)

    def needed(batch):
        return MARGIN * (GPU_CONTEXT + SOME.weights + batch * (SOME.activations + SOME.event))

    assert needed(largest) <= size * 1e9 < needed(2 * largest)


def test_a_network_that_does_not_fit_has_no_batch():
    assert Estimate(**{**vars(SOME), "weights": 9e9}).largest_batch(8) == 0


def test_an_mlp_is_counted_by_hand(small_job):
    """6 inputs, 16 hidden units, 4 outputs; float32."""
    found = estimate(parse(small_job))
    assert found.parameters == 6 * 16 + 16 + 16 * 4 + 4
    assert found.weights == FLOAT * 4 * found.parameters
    assert found.rows == 476  # as the hash of their keys splits these 600
    assert found.event == FLOAT * (6 + 4)
    assert found.activations >= 2 * FLOAT * (6 + 16 + 4)
    assert found.held >= HELD * 600 * FLOAT * (6 + 4)


def test_data_that_stream_are_not_held_and_equal_jobs_are_built_once(small_job):
    small_job["dataset"]["streaming"] = True
    assert estimate(parse(small_job)).held == 0.0
    jobs = [parse({**small_job, "name": f"seed_{n}", "seed": n}) for n in range(50)]
    assert set(memory_requests(jobs)) == {job.name for job in jobs}
    assert len(set(memory_requests(jobs).values())) == 1


def test_the_verb_says_it_in_a_table(small_job, tmp_path, capsys):
    import json

    path = tmp_path / "small.json"
    path.write_text(json.dumps(small_job))
    assert main(["estimate", str(path)]) == 0
    output = capsys.readouterr().out
    for words in ("parameters", "180", "request_memory to ask for", "largest batch on a GPU of 80 GB"):
        assert words in output
    assert not (tmp_path / "runs").exists()
