from __future__ import annotations

import pytest

from jobs.hold_reasons import CODES, SUBCODES, explain


@pytest.mark.parametrize("codes", [(34, 102), (34, 0), (26, 102)])
def test_memory_is_known_by_the_codes_of_cgroups_and_of_the_scheduler(codes):
    found = explain(*codes)
    assert found.memory
    assert found.remedy("mlp") == "wirechamber resubmit mlp"


@pytest.mark.parametrize("codes", [*SUBCODES, *((code, 0) for code in CODES)])
def test_every_reason_is_a_phrase_with_a_command(codes):
    found = explain(*codes)
    assert found.reason
    assert found.reason[0].islower()
    assert found.remedy("mlp").endswith("wirechamber resubmit mlp") or "--resume" in found.remedy("mlp")


def test_the_error_of_the_system_stands_behind_codes_that_carry_one():
    assert explain(7, 28).reason == "the worker could not open its output (No space left on device)"
    assert explain(6, 2).reason == "job.sh or its interpreter does not exist on the worker"


def test_a_code_that_nobody_knows_is_named():
    assert "code 99 subcode 3" in explain(99, 3).reason
