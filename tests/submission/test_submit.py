"""What is refused before anything is submitted or written, and what a dry run shows; no pool is needed."""

from __future__ import annotations

import json

import pytest

import registry
from app.cli import main
from app.config.job_file import parse
from app.submission.submit import batches
from jobs.submission import Index, find_submissions, make_submission, newest_of


@pytest.fixture
def submit(tmp_path, monkeypatch, capsys):
    """Return a function that submits a content where no pool answers, and gives (exit code, output)."""
    config = tmp_path / "condor_config"
    config.write_text("CONDOR_HOST = 127.0.0.1\nCOLLECTOR_HOST = 127.0.0.1:1\n")
    monkeypatch.setenv("CONDOR_CONFIG", str(config))
    monkeypatch.setenv("PATH", "/nowhere")

    def run(content, *arguments):
        path = tmp_path / "job.json"
        path.write_text(json.dumps(content))
        code = main(["submit", str(path), "--no-estimate", *arguments])
        caught = capsys.readouterr()
        return code, caught.out + caught.err

    return run


@pytest.fixture
def nothing_written(tmp_path):
    """After the test no run was registered, and no folder of runs made."""
    yield
    assert not list((tmp_path / "registry").glob("runs/*.json"))
    assert not (tmp_path / "runs").exists()


@pytest.mark.usefixtures("nothing_written")
def test_without_a_pool_nothing_happens_and_the_exit_code_is_1(small_job, submit):
    code, output = submit(small_job)
    assert code == 1
    assert output.startswith("No HTCondor")
    assert len(output.splitlines()) == 1


@pytest.mark.usefixtures("nothing_written")
def test_a_bad_job_is_refused_as_the_worker_would(small_job, submit):
    small_job["training"]["epohs"] = 3
    code, output = submit(small_job)
    assert code == 2
    assert "training.epohs: unknown key. Did you mean 'epochs'?" in output


@pytest.mark.usefixtures("nothing_written")
def test_a_file_that_is_missing_is_found_before_it_is_submitted(small_job, submit, tmp_path):
    small_job["dataset"] = {"name": "track_states", "files": str(tmp_path / "tracks.npz")}
    code, output = submit(small_job)
    assert code == 2
    assert "dataset.files.0: no such file" in output


@pytest.mark.usefixtures("nothing_written")
def test_a_dry_run_shows_what_would_be_submitted(small_job, submit, tmp_path):
    small_job["resources"] = {"request_memory": "3GB", "flavour": "longlunch"}
    code, output = submit(small_job, "--dry-run")
    assert code == 0
    assert "small, 3072\n" in output
    assert '+JobFlavour = "longlunch"' in output
    assert "exec " in output
    assert "nothing was submitted or written" in output


def test_a_name_that_is_registered_is_refused_and_stays(small_job, submit, tmp_path):
    root = tmp_path / "registry"
    before = registry.create(root, registry.Record(run="small", application="x", state="done"))
    code, output = submit(small_job)
    assert code == 2
    assert "a run of this name is registered already" in output
    assert registry.read(root, "small") == before


def test_a_run_that_is_in_the_pool_is_not_submitted_twice(small_job, submit, tmp_path):
    registry.create(tmp_path / "registry", registry.Record(run="small", application="x", state="idle"))
    code, output = submit(small_job, "--resume")
    assert code == 2
    assert "this run is idle" in output


def test_an_existing_run_directory_is_refused(copied, submit):
    content = json.loads((copied / "trained.json").read_text())
    (copied / "registry" / "runs" / "trained.json").unlink()
    code, output = submit(content)
    assert code == 2
    assert "the run exists already" in output


def test_a_folder_of_logs_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"file.*the logs cannot be written \(Not a directory\)"):
        make_submission(tmp_path / "file" / "logs", "x")


def test_jobs_that_ask_for_the_same_are_one_cluster(small_job):
    def job(name, **block):
        return parse({**small_job, "name": name, "resources": block})

    jobs = [job("a", request_memory="1GB"), job("b", request_memory="2GB"), job("c", request_gpus=1)]
    found = batches(jobs, {"a": 1024, "b": 2048, "c": 4096})
    assert [dict(batch.memory) for batch in found] == [{"a": 1024, "b": 2048}, {"c": 4096}]


def test_the_newest_submission_of_a_run_counts(tmp_path):
    for cluster, runs in ((7, ("a", "b")), (9, ("b",))):
        make_submission(tmp_path, "sizes").write_index(Index(cluster=cluster, runs=runs, memory=(1,) * len(runs)))
    newest = newest_of(find_submissions(tmp_path))
    assert {run: (index.cluster, process) for run, (_, index, process) in newest.items()} == {"a": (7, 0), "b": (9, 0)}


def test_a_damaged_index_is_named(tmp_path):
    made = make_submission(tmp_path, "sizes")
    made.index.write_text('{"cluster": 7')
    with pytest.raises(ValueError, match=r"submission\.json: not the index of a submission"):
        find_submissions(tmp_path)


@pytest.mark.usefixtures("nothing_written")
def test_the_workers_of_a_search_are_processes_of_one_cluster(small_job, submit):
    space = {"training.batch_size": {"choice": [32, 64]}}
    small_job["hyperopt"] = {"max_trials": 2, "workers": 3, "space": space}
    code, output = submit(small_job, "--dry-run")
    assert code == 0
    assert output.count("\nsmall, 2048") == 3
    small_job["resources"] = {"transfer": True}
    code, output = submit(small_job, "--dry-run")
    assert code == 2
    assert "small.resources.transfer: the workers of a search share its folder" in output
