"""One policy for runs that exist: what is refused, continued and replaced, and that all mistakes come together."""

import json

import pytest

import registry
from app.config.job_file import parse
from app.core.errors import UserError
from app.runs.directory import of
from app.runs.existing import first_difference, refuse_existing, refuse_registered


@pytest.fixture
def jobs(small_job):
    """Return two jobs whose runs exist, each with a checkpoint."""
    made = [parse({**small_job, "name": name}) for name in ("a", "b")]
    for job in made:
        run = of(job.name)
        (run.checkpoints / "epoch_1").mkdir(parents=True)
        run.job.write_text(json.dumps(job.dump()))
    return made


def refused(refuse, *arguments, **options):
    with pytest.raises(UserError) as error:
        refuse(*arguments, **options)
    return str(error.value).splitlines()


def test_an_existing_run_is_refused_continued_or_replaced(jobs):
    lines = refused(refuse_existing, jobs, resume=False, overwrite=False)
    assert [line.partition(": ")[0].rpartition("/")[2] for line in lines] == ["a", "b"]
    assert "the run exists already. Expected another name, --resume to continue it or --overwrite" in lines[0]
    assert "Expected another name, or --resume to continue it." in refused(refuse_existing, jobs, resume=False)[0]
    refuse_existing(jobs, resume=True)
    refuse_existing(jobs, resume=False, overwrite=True)


def test_a_run_of_another_job_is_not_continued(jobs, small_job):
    other = parse({**small_job, "name": "a", "seed": 17})
    (line,) = refused(refuse_existing, [other, jobs[1]], resume=True)
    assert "a.seed: differs from the run that is resumed" in line
    patient = parse({**small_job, "name": "a", "rationale": "Another reason."})
    refuse_existing([patient], resume=True)


def test_a_registered_run_is_submitted_only_to_be_continued(jobs):
    root = registry.root()
    refuse_registered(jobs, resume=False)
    registry.create(root, registry.Record(run="a", application="x", state="interrupted"))
    (line,) = refused(refuse_registered, jobs, resume=False)
    assert "a run of this name is registered already. Expected another name, or --resume to continue it." in line
    refuse_registered(jobs, resume=True)
    registry.update(root, "a", state="idle")
    assert "this run is idle" in refused(refuse_registered, jobs, resume=True)[0]


def test_a_workflow_continues_its_own_runs_alone(jobs):
    registry.create(registry.root(), registry.Record(run="a", application="x", state="idle", config="flow.json"))
    refuse_registered(jobs, resume=True, is_own=lambda record: record.config == "flow.json")
    (line,) = refused(refuse_registered, jobs, resume=True, is_own=lambda record: False)
    assert "registered already. Expected another name. Received 'a'." in line


def test_the_first_difference_of_two_contents():
    assert first_difference({"a": {"b": 1}}, {"a": {"b": 1}}) is None
    assert first_difference({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 4}) == (("a", "b"), 1, 3)
    assert first_difference({"a": 1}, {}) == (("a",), 1, None)
