"""Workflow files: what is a mistake, what the nodes are, and that nothing begins before all of it is sound."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import registry
from app.cli import main, parse_arguments
from app.core.errors import UserError
from app.runs.directory import of
from app.workflows.plan import plan_workflow
from datasets.files.shards import read_metadata

SUITE = Path(__file__).resolve().parents[2] / "json" / "track_extrapolation" / "suite.json"
SIMULATE = {"name": "track_states", "tracks": 600, "momentum": [5, 100], "accuracy": 1.0}

WARM_UP = 'training.schedule={"name": "cosine", "warmup_epochs": 200}'


@pytest.fixture
def content(small_job, tmp_path):
    """Return a workflow of three shards, two trainings and a summary; its job files lie in tmp_path."""
    (tmp_path / "small.json").write_text(json.dumps(small_job))
    sweep = {"job": "small.json", "sweep": {"seed": [1, 2]}, "name": "s{seed}"}
    (tmp_path / "sweep.json").write_text(json.dumps(sweep))
    return {
        "workflow": "tiny",
        "rationale": "A test.",
        "steps": {
            "summary": {"command": ["registry", "--state", "done"], "after": "train"},
            "generate": {"simulate": SIMULATE, "shards": 3},
            "merge": {"merge": "generate"},
            "train": {"jobs": "sweep.json", "reads": "merge", "name": "w_{name}", "set": ["training.epochs=2"]},
        },
    }


@pytest.fixture
def flow(tmp_path):
    def write(content):
        path = tmp_path / "flow.json"
        path.write_text(json.dumps(content))
        return path

    return write


@pytest.fixture
def plan(flow):
    return lambda content, *overrides: plan_workflow(flow(content), overrides, parse_arguments)


def test_each_shard_and_each_job_is_a_node_after_what_it_needs(content, plan, simulated, tmp_path):
    found = plan(content)
    names = ["generate-0", "generate-1", "generate-2", "merge", "train-w_s1", "train-w_s2", "summary"]
    assert [node.name for node in found.nodes] == names
    after = {node.name: node.after for node in found.nodes}
    assert after["generate-0"] == ()
    assert after["merge"] == tuple(names[:3])
    assert after["train-w_s2"] == ("merge",)
    assert after["summary"] == ("train-w_s1", "train-w_s2")
    (merged,) = [node.output for node in found.nodes if node.name == "merge"]
    assert merged.parent == simulated
    assert [job.dataset.options.files for job in found.jobs] == [(str(merged),)] * 2
    assert [job.training.epochs for job in found.jobs] == [2, 2]
    assert all(training.stand_in.dataset.options.simulate for training in found.trainings.values())
    assert found.nodes[-1].arguments == ("registry", "--state", "done")
    assert found.folder == tmp_path / "runs" / ".workflows" / "tiny"


def test_an_override_reaches_every_job(content, plan):
    assert [job.training.batch_size for job in plan(content, "training.batch_size=32").jobs] == [32, 32]


def test_a_verb_names_what_a_step_made_and_waits_for_it(content, plan):
    content["steps"]["look"] = {"command": ["track", "{train}"]}
    (node,) = [node for node in plan(content).nodes if node.name == "look"]
    assert node.arguments == ("track", "w_s1", "w_s2")
    assert node.after == ("train-w_s1", "train-w_s2")


def test_nodes_have_names_that_dagman_takes(content, plan, tmp_path, small_job):
    (tmp_path / "sweep.json").write_text(json.dumps({**small_job, "name": "a.b+c"}))
    assert [node.name for node in plan(content).nodes][4] == "train-w_a_b_c"


@pytest.mark.parametrize(
    ("step", "change", "line"),
    [
        ("summary", {"after": "trian"}, "flow.steps.summary: no such step. Did you mean 'train'?"),
        ("train", {"reads": "merg"}, "flow.steps.train: no such step. Did you mean 'merge'?"),
        ("train", {"reads": "summary"}, "flow.steps.train.reads: not such a step. Expected a step with 'simulate' or"),
        ("merge", {"merge": "train"}, "flow.steps.merge.merge: not such a step. Expected a step with 'simulate'."),
        ("generate", {"after": "train"}, "flow.steps: steps wait for each other. Expected no circle. Received '"),
        ("merge", {"jobs": "sweep.json"}, "flow.steps.merge: not one kind of step. Expected one of simulate, merge,"),
        ("merge", {"shards": 3}, "flow.steps.merge.shards: belongs to 'simulate'."),
        ("merge", {"afte": "train"}, "flow.steps.merge.afte: unknown key. Did you mean 'after'?"),
        ("merge", {"resources": {"transfer": True}}, "flow.steps.merge.resources.transfer: steps share their files."),
        ("train", {"set": ["training.epohs=3"]}, "training.epohs: unknown key. Did you mean 'epochs'?"),
        ("train", {"jobs": ["sweep.json", "small.jsn"]}, "small.jsn: no such file. Did you mean 'small.json'?"),
        ("train", {"set": [WARM_UP]}, "w_s1.training.schedule.warmup_epochs: the warm-up is as long as"),
        ("train", {"name": "same"}, "two jobs have one name."),
        (
            "summary",
            {"command": ["registri"]},
            "flow.steps.summary.command: wirechamber: unknown command 'registri'. Did you mean 'registry'?",
        ),
        ("summary", {"command": ["registry", "--sate", "done"]}, "unknown argument --sate. Did you mean '--state'?"),
        ("summary", {"command": ["track", "{trian}"]}, "flow.steps.summary: no such step. Did you mean 'train'?"),
        ("generate", {"simulate": {"name": "track_states", "trakcs": 5}}, "trakcs: unknown key. Did you mean 'tracks'"),
        ("generate", {"simulate": {"name": "photon_sensors", "events": 5}}, "ROOT files are not merged."),
    ],
)
def test_a_mistake_is_named_before_anything_begins(content, flow, tmp_path, capsys, step, change, line):
    content["steps"][step] |= change
    code = main(["run", "--config", str(flow(content))])
    said = capsys.readouterr().err
    assert code == 2, said
    assert line in said
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "registry").exists()


def test_the_old_name_of_a_command_is_accepted_with_one_line(content, flow, capsys):
    content["steps"]["summary"] = {"verb": ["registry", "--state", "done"], "after": "train"}
    content["steps"]["look"] = {"verb": ["track", "{train}"]}
    assert main(["validate", str(flow(content))]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if '"verb"' in line]
    assert line.endswith('the key "verb" of a step is called "command" now; the old name is still accepted')


def test_mistakes_of_several_steps_are_told_at_once(content, flow, capsys):
    content["steps"]["train"]["jobs"] = "absent.json"
    content["steps"]["summary"]["command"] = ["registri"]
    assert main(["validate", str(flow(content))]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_mistake_of_many_jobs_is_told_once(content, flow, capsys):
    content["steps"]["look"] = {"command": ["compare", "{train}"]}
    assert main(["run", "--config", str(flow(content)), "--set", "training.epochz=3"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    place = "flow.steps.train.2 jobs such as sweep:s1.training.epochz: unknown key."
    assert line.startswith(f"{place} Did you mean 'epochs'? Expected one of [epochs,")
    assert main(["run", "--config", str(flow(content)), "--set", WARM_UP]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("flow.steps.train.2 jobs such as w_s1.training.schedule.warmup_epochs: the warm-up")


def test_a_mistake_of_one_job_names_that_job(content, flow, capsys, tmp_path, small_job):
    (tmp_path / "other.json").write_text(json.dumps({**small_job, "name": "other", "trainin": {}}))
    content["steps"]["train"]["jobs"] = ["sweep.json", "other.json"]
    assert main(["validate", str(flow(content))]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "flow.steps.train.other.trainin: unknown key. Did you mean 'training'?" in line


def test_a_verb_of_a_step_that_failed_is_still_named(content, flow, capsys):
    content["steps"]["look"] = {"command": ["compair", "{train}"]}
    assert main(["validate", str(flow(content)), "--set", "training.epochz=3"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "flow.steps.look.command: wirechamber: unknown command 'compair'. Did you mean 'compare'?" in lines[1]


def test_runs_are_benchmarked_between_training_and_report(content, plan, flow, capsys):
    content["steps"]["speed"] = {"command": ["benchmark", "{train}", "--batch-sizes", "1", "256"], "after": "train"}
    content["steps"]["report"] = {"command": ["report"], "after": "speed"}
    nodes = {node.name: node for node in plan(content).nodes}
    assert nodes["speed"].arguments == ("benchmark", "w_s1", "w_s2", "--batch-sizes", "1", "256")
    assert nodes["speed"].after == ("train-w_s1", "train-w_s2")
    assert nodes["report"].after == ("speed",)
    assert main(["submit", str(flow(content)), "--dry-run", "--no-estimate"]) == 0
    shown = capsys.readouterr().out
    assert "PARENT train-w_s1 train-w_s2 CHILD speed" in shown
    assert "PARENT speed CHILD report" in shown


def test_the_nodes_of_the_track_suite(monkeypatch, tmp_path):
    monkeypatch.setenv("WIRECHAMBER_DATA", str(tmp_path))
    nodes = plan_workflow(SUITE, (), parse_arguments).nodes
    assert len(nodes) == 20
    assert [node.name for node in nodes[-3:]] == ["benchmark", "compare", "report"]
    assert "benchmark" in nodes[-2].after
    assert nodes[-1].after == ("compare",)


def test_validate_counts_nodes(content, flow, capsys):
    assert main(["validate", str(flow(content))]) == 0
    assert capsys.readouterr().out.strip().endswith("flow.json: a workflow of 7 nodes, 2 jobs, valid")


def test_a_run_that_exists_stops_the_whole(content, flow, tmp_path, capsys):
    of("w_s2").path.mkdir(parents=True)
    of("w_s2").model.touch()
    assert main(["run", "--config", str(flow(content))]) == 2
    assert "the run exists already" in capsys.readouterr().err
    assert not (tmp_path / "runs" / ".workflows").exists()


def test_other_verbs_say_what_the_file_is(content, flow, capsys, small_job, tmp_path):
    assert main(["estimate", str(flow(content))]) == 2
    assert "a workflow. Expected a job or sweep" in capsys.readouterr().err
    assert main(["run", "--config", str(tmp_path / "small.json"), "--workers", "2"]) == 2
    assert "--workers: not a workflow." in capsys.readouterr().err
    assert main(["run", "--config", str(flow(content)), "--overwrite"]) == 2
    assert "--overwrite: a workflow is not replaced." in capsys.readouterr().err


def test_dry_runs_write_nothing(content, flow, tmp_path, capsys):
    assert main(["run", "--config", str(flow(content)), "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "summary: wirechamber registry --state done  # after train-w_s1, train-w_s2" in shown
    assert main(["submit", str(flow(content)), "--dry-run", "--no-estimate"]) == 0
    shown = capsys.readouterr().out
    assert "PARENT generate-0 generate-1 generate-2 CHILD merge" in shown
    assert "/app/__main__.py run --config" in shown
    assert not (tmp_path / "runs").exists()


def test_a_run_that_is_registered_is_not_submitted_again(content, flow, tmp_path, capsys):
    registry.create(tmp_path / "registry", registry.Record(run="w_s1", application="x", state="done"))
    assert main(["submit", str(flow(content)), "--dry-run", "--no-estimate"]) == 2
    assert "a run of this name is registered already" in capsys.readouterr().err
    assert main(["submit", str(flow(content)), "--dry-run", "--no-estimate", "--resume"]) == 2


def test_one_shard_is_the_same_alone_or_among_others(tmp_path):
    words = ["--tracks", "300", "--shard-size", "100", "--momentum", "5", "100", "--accuracy", "1"]
    assert main(["simulate", "track_states", "--out", str(tmp_path / "all"), *words]) == 0
    assert main(["simulate", "track_states", "--out", str(tmp_path / "one"), "--shard", "1", *words]) == 0
    (path,) = (tmp_path / "one").glob("shard_*")
    assert path.name == "shard_00001.npz"
    assert read_metadata(path)["rows"] == 100
    with np.load(path) as one, np.load(tmp_path / "all" / path.name) as other:
        for name in ("X", "Y", "P", "Z", "key"):
            np.testing.assert_array_equal(one[name], other[name])
    assert main(["simulate", "track_states", "--out", str(tmp_path / "one"), "--shard", "3", *words]) == 2


def test_a_merged_file_is_accepted_again_only_if_it_is_the_same(tmp_path, capsys):
    words = ["--tracks", "200", "--shard-size", "100", "--momentum", "5", "100", "--accuracy", "1"]
    assert main(["simulate", "track_states", "--out", str(tmp_path / "all"), *words]) == 0
    files, out = sorted(map(str, (tmp_path / "all").glob("shard_*"))), str(tmp_path / "merged.npz")
    assert main(["merge", *files, "--out", out]) == 0
    assert main(["merge", *files, "--out", out]) == 2
    assert main(["merge", *files, "--out", out, "--resume"]) == 0
    assert main(["merge", files[0], "--out", out, "--resume"]) == 2
    assert "exists already with other content" in capsys.readouterr().err


def test_another_workflow_is_not_resumed(content, plan, flow, capsys):
    from app.workflows.local import write_files

    write_files(plan(content))
    assert main(["run", "--config", str(flow(content))]) == 2
    assert "the workflow exists already" in capsys.readouterr().err
    content["steps"]["generate"]["shards"] = 2
    assert main(["run", "--config", str(flow(content)), "--resume"]) == 2
    assert "differs from the workflow that is resumed" in capsys.readouterr().err


@pytest.mark.slow
def test_a_workflow_runs_and_is_not_repeated(content, flow, tmp_path, capsys):
    path = str(flow(content))
    assert main(["run", "--config", path, "--workers", "2"]) == 0, capsys.readouterr()
    states = {run: registry.read(tmp_path / "registry", run).state for run in ("w_s1", "w_s2")}
    assert states == {"w_s1": "done", "w_s2": "done"}
    assert "w_s1" in (tmp_path / "runs/.workflows/tiny/logs/summary.log").read_text()
    capsys.readouterr()
    assert main(["run", "--config", path, "--resume"]) == 0
    assert capsys.readouterr().out.count("done before") == 7


def test_a_step_that_is_no_step(flow, plan):
    with pytest.raises(UserError, match=r"flow\.steps: "):
        plan({"workflow": "x", "rationale": "x", "steps": {}})
