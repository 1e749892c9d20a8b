"""`wirechamber registry`: the runs in the terminal, and remarks by hand."""

import json
import subprocess

import pytest

import registry
from app.cli import main
from app.core.files import REPOSITORY


def test_runs_are_listed_with_result_and_verdict(copied, capsys):
    assert main(["registry"]) == 0
    output = capsys.readouterr().out
    assert "track_extrapolation" in output
    assert "trained" in output
    assert "does NOT beat polynomial" in output


@pytest.mark.parametrize(
    ("arguments", "listed"),
    [
        (["--application", "track_extrapolation"], True),
        (["--state", "done", "--sort", "slope_mean"], True),
        (["--state", "failed"], False),
    ],
)
def test_runs_are_chosen(copied, capsys, arguments, listed):
    assert main(["registry", *arguments]) == 0
    assert ("trained" in capsys.readouterr().out.replace(str(copied), "")) is listed


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--application", "track_extrapolaton"], "unknown application. Did you mean 'track_extrapolation'?"),
        (["--state", "don"], "unknown state. Did you mean 'done'?"),
        (["--sort", "pos_mean"], "unknown metric. Did you mean 'pos_mean_mm'?"),
        (["note", "traned", "text"], "no such run in the registry. Did you mean 'trained'?"),
        (["note", "trained"], "registry: missing argument."),
        (["nte", "trained", "text"], "registry: unknown subcommand."),
        (["delete", "trained"], 'Expected note RUN "TEXT", or wirechamber remove trained.'),
        (["note", "trained", " "], "note: an empty note."),
    ],
)
def test_mistakes_are_named(copied, capsys, arguments, line):
    before = (copied / "registry" / "README.md").read_bytes()
    assert main(["registry", *arguments]) == 2
    assert line in capsys.readouterr().err
    assert (copied / "registry" / "README.md").read_bytes() == before


def test_a_note_is_in_the_page(copied, capsys):
    assert main(["registry", "note", "trained", "Too few epochs", "to mean anything."]) == 0
    assert capsys.readouterr().out == "noted: trained\n"
    assert "Too few epochs to mean anything." in (copied / "registry" / "README.md").read_text()


def test_an_empty_registry(tmp_path, capsys):
    assert main(["registry"]) == 0
    assert capsys.readouterr().out == f"no runs in {tmp_path / 'registry'}; --reference lists those that ship\n"


def test_results_that_ship_are_listed_alone_and_do_not_count_as_registered(capsys):
    assert main(["registry", "--reference", "--json"]) == 0
    results = {row["run"]: row["value"] for row in json.loads(capsys.readouterr().out)}
    assert results["mlp_tiny"] == pytest.approx(0.0098, rel=0.01)
    assert registry.find(registry.root(), "mlp_tiny") is None


@pytest.mark.parametrize("arguments", [["note", "mlp_tiny", "text"], ["--check"], ["--repair"]])
def test_results_that_ship_are_only_listed(capsys, arguments):
    assert main(["registry", "--reference", *arguments]) == 2
    assert capsys.readouterr().err == "--reference: only lists the results that ship. Expected it alone.\n"


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="an unpacked archive")
def test_git_does_not_see_what_runs_write():
    def git(*words):
        return subprocess.check_output(["git", "-C", str(REPOSITORY), *words], text=True).split()

    written = [f"registry/{name}" for name in ("README.md", "runs/mlp_tiny.json", "notes/runs/mlp_tiny.md")]
    assert git("check-ignore", *written) == written
    assert git("ls-files", "registry/runs", *written) == []


def test_another_place_is_named_on_the_command_line(trained, capsys):
    assert main(["registry", "--registry", str(trained / "registry")]) == 0
    assert "trained" in capsys.readouterr().out


def test_names_in_a_file_are_whole(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("WIRECHAMBER_REGISTRY", str(tmp_path))
    name = "muon_transformer_with_a_name_of_many_words_" + 60 * "x"
    record = registry.Record(run=name, application="muon_spectrometer", state="queued", model=90 * "m")
    registry.create(tmp_path, record)
    assert main(["registry"]) == 0
    output = capsys.readouterr().out
    assert name in output
    assert 90 * "m" in output
    assert "…" not in output


def test_a_note_in_a_registry_that_cannot_be_written_is_one_line(copied, capsys):
    notes = copied / "registry" / "notes"
    notes.write_text("in the way")
    assert main(["registry", "note", "trained", "text"]) == 1
    assert capsys.readouterr().err == f"{notes / 'runs'}: cannot be written (Not a directory).\n"


def test_a_long_list_is_printed_whole(tmp_path, capsys):
    for number in range(301):
        registry.store.write(tmp_path / "registry", registry.Record(run=f"run_{number:03d}", application="a"))
    assert main(["registry"]) == 0
    title, _, header, _, *rows, _ = capsys.readouterr().out.replace("│", "").replace("┃", "").splitlines()
    assert title == f"registry {tmp_path / 'registry'}"
    assert header.split()[:3] == ["application", "run", "state"]
    assert [row.split()[1] for row in rows] == sorted((f"run_{n:03d}" for n in range(301)), reverse=True)
    assert len({row.index("queued") for row in rows}) == 1


@pytest.mark.parametrize("run", ["../x", "x" * 300, "a b"])
def test_a_note_on_what_no_run_is_called(made_run, tmp_path, capsys, run):
    made_run("one")
    (tmp_path / "registry" / "x.json").write_text("{}")
    assert main(["registry", "note", run, "text"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"not a name. Did you mean '{run.strip('./').replace(' ', '_')[:120]}'? Expected 1 to 120 letters"
    )
    assert not (tmp_path / "registry" / "notes").exists()
