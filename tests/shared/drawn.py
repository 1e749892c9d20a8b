"""Tests of many drawn examples: few of them quickly, many with the slow tests."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings


def examples(few, many, **draws):
    """Run a test with few examples, and marked slow with many."""

    def decorate(test):
        quiet = {
            "phases": [Phase.generate, Phase.target],
            "deadline": None,
            "derandomize": True,
            "suppress_health_check": list(HealthCheck),
        }
        counts = [pytest.param(few, id="few"), pytest.param(many, id="many", marks=pytest.mark.slow)]

        @pytest.mark.parametrize("number", counts)
        @pytest.mark.filterwarnings("ignore:overflow encountered in cast")
        def run(number, tmp_path):
            settings(max_examples=number, **quiet)(given(**draws)(lambda **drawn: test(tmp_path, **drawn)))()

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate
