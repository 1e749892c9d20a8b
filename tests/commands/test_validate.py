"""`wirechamber validate`: every mistake of every file at once."""

import json

import pytest

from app.cli import main


@pytest.fixture
def write(tmp_path):
    def writer(name, content):
        path = tmp_path / name
        path.write_text(json.dumps(content))
        return str(path)

    return writer


def test_valid_files_are_counted(small_job, write, capsys):
    one = write("one.json", small_job)
    sweep = {"job": "one.json", "sweep": {"seed": [1, 2, 3]}, "name": "s{seed}"}
    assert main(["validate", one, write("sweep.json", sweep)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2] for line in lines] == ["1 job, valid", "3 jobs, valid"]


def test_all_mistakes_of_all_files_in_one_go(small_job, write, capsys):
    bad = write("bad.json", small_job | {"sed": 1, "training": {"epochs": "many"}})
    worse = write("worse.json", small_job | {"model": "mpl"})
    good = write("good.json", small_job)
    assert main(["validate", bad, good, worse]) == 2
    captured = capsys.readouterr()
    assert [line.partition(": ")[0] for line in captured.err.splitlines()] == [
        *("bad.training.epochs", "bad.sed", "worse.model.name"),
    ]
    assert "good.json: 1 job, valid" in captured.out


def test_two_files_with_one_name(small_job, write, capsys):
    assert main(["validate", write("a.json", small_job), write("b.json", small_job)]) == 2
    assert capsys.readouterr().err.startswith("two jobs have one name. Expected a name of its own for each.")


def test_rules_across_fields(small_job, write, capsys):
    small_job["dataset"] = {"name": "track_states", "files": ["absent.npz", "no_such_*.npz", "${WIRECHAMBER_NO}/a.npz"]}
    small_job["training"] = {
        **{"epochs": 5, "schedule": {"name": "cosine", "warmup_epochs": 5}},
        **{"steps_per_epoch": 2, "steps_per_execution": 3},
    }
    assert main(["validate", write("a.json", small_job)]) == 2
    text = capsys.readouterr().err
    assert "small.dataset.files.0: no such file." in text
    assert "small.dataset.files.1: the pattern matches no file." in text
    assert "small.dataset.files.2: a variable in the path is not set." in text
    assert "training.schedule.warmup_epochs: the warm-up is as long as the training." in text
    assert "training.steps_per_execution: more steps than an epoch has. Expected at most 2. Received 3." in text
    assert len(text.splitlines()) == 5


def test_set_applies_to_every_file(small_job, write, capsys):
    assert main(["validate", write("a.json", small_job), "--set", "training.epochs=0"]) == 2
    assert "a.training.epochs: not valid." in capsys.readouterr().err
