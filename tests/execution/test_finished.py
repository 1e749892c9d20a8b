"""A run that is done and resumed has its result already: it stays done whatever ends the second process."""

import pytest

import registry
from app.config.job_file import load
from app.core.errors import Interrupted, WirechamberError
from app.execution.session import Options, session
from app.runs.directory import of


def resume(copied, error=None):
    (job,) = load(copied / "trained.json")
    with session(job, Options(copied / "trained.json", resume=True)):
        assert registry.read(copied / "registry", "trained").state == "done"
        if error:
            raise error


@pytest.mark.parametrize("error", [Interrupted("SIGTERM"), WirechamberError("no data"), RuntimeError("a bug")])
def test_it_stays_done(copied, error):
    before = registry.read(copied / "registry", "trained")
    with pytest.raises(type(error)):
        resume(copied, error)
    assert registry.read(copied / "registry", "trained") == before
    assert before.state == "done"


def test_without_its_metrics_it_is_running_again(copied):
    of("trained").metrics.unlink()
    with pytest.raises(AssertionError):
        resume(copied)
    assert registry.read(copied / "registry", "trained").state == "failed"


def test_its_new_result_has_the_new_facts(copied):
    before = registry.read(copied / "registry", "trained")
    resume(copied)
    after = registry.read(copied / "registry", "trained")
    assert (after.state, after.value, after.finished) == ("done", before.value, before.finished)
    assert after.config == str(copied / "trained.json")
