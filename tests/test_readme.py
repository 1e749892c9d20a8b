"""What README and docs say is true: jobs are valid, commands and paths exist, the notebook call works."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from newcomer import dimuons, write_columns

from app.cli import main
from app.commands._results import show_results
from app.commands._table import GROUPS
from app.config.job_file import merge, parse
from app.runs.directory import RunDirectory

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"]


def section(title):
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", README, re.M | re.S)[1]


def test_the_first_commands_are_those_of_the_makefile():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    (first, *_) = re.findall(r"^```sh\n(.*?)^```", README, re.M | re.S)
    named = re.findall(r"^make (\S+)", first, re.M)
    assert named == ["demo", "test"]
    assert set(named) <= set(targets)


def test_the_job_is_valid():
    (text, *_) = re.findall(r"^```json\n(.*?)^```", section("A job"), re.M | re.S)
    content = json.loads(text)
    base = json.loads((ROOT / "json" / content.pop("extends").removeprefix("../")).read_text())
    assert parse(merge(base, content)).name == "mlp_small"


def test_the_commands_stand_in_the_groups_of_the_help():
    parts = re.findall(r"^\*\*([\w ]+)\*\*\n\n(\| \| \|\n.*?\n)\n", section("Commands"), re.M | re.S)
    found = {title: re.findall(r"^\| `([\w-]+)", rows, re.M) for title, rows in parts}
    assert found == {title: list(group) for title, group in GROUPS.items()}


def test_the_screen_of_a_result_is_what_a_run_prints(tmp_path, capsys):
    screen = re.search(r"^```\n(mlp_tiny, state: .*?┘\n)directory", README, re.M | re.S)[1]
    metric, rows = re.match(r"mlp_tiny, state: (\w+)", screen)[1], re.findall(r"^│ (.*?) │$", screen, re.M)
    cells = [re.split(r" +│ +", row) for row in rows]
    names = re.search(r"^┃ (.*?) ┃$", screen, re.M)[1].split(" ┃ ")[2:]

    def of(column, row):
        return {metric: float(row[column + 2]), "rows": int(row[1])}

    def all_bins(column):
        low_high = [row[0].strip().split(" - ") for row in cells[1:]]
        bins = zip(low_high, cells[1:], strict=True)
        return {
            **of(column, cells[0]),
            "bins": [{"low": float(a), "high": float(b), **of(column, r)} for (a, b), r in bins],
        }

    model, *baselines = map(all_bins, range(len(names)))
    content = {"metric": metric, "binned_in": "p [GeV]", "model": model}
    content["baselines"] = dict(zip(map(str.strip, names[1:]), baselines, strict=True))
    show_results(RunDirectory(tmp_path / "mlp_tiny"), {"state": content}, tmp_path)
    assert capsys.readouterr().out == f"{screen}directory: {tmp_path}\n"


def test_the_screen_of_mistakes_is_what_validate_prints(tmp_path, monkeypatch, capsys):
    (text,) = re.findall(r"^\$ wirechamber validate mistakes.json\n(.*?)^```", README, re.M | re.S)
    (job, *_) = re.findall(r"^```json\n(.*?)^```", section("A job"), re.M | re.S)
    content = json.loads(job)
    del content["extends"]
    content["dataset"]["simulate"]["momentum"] = [100, 2]
    content["model"]["preset"] = "smal"
    content["tasks"]["state"]["loss"] = {"name": "huber", "delta": -1}
    content["training"]["schedule"] = {"name": "cosine", "warmup": 1}
    (tmp_path / "mistakes.json").write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)
    assert main(["validate", "mistakes.json"]) == 2
    assert capsys.readouterr().err == text


def unify(text):
    """Return a screen without its figures, on which the processor has a say, and without what aligns them."""
    return re.sub(r"[ ━─]+", " ", re.sub(r"-?\d[\d.]*", "#", text))


@pytest.mark.slow
def test_the_screen_of_a_file_of_ones_own_is_what_the_commands_print(tmp_path, monkeypatch, capsys):
    (screen,) = re.findall(r"^```\n(\$ wirechamber init .*?)^```", README, re.M | re.S)
    columns = dimuons(3000)
    write_columns(tmp_path / "zmumu.root", columns)
    write_columns(tmp_path / "new.root", {name: v[:50] for name, v in columns.items() if name not in ("M", "label")})
    monkeypatch.chdir(tmp_path)
    for command, expected in re.findall(r"^\$ wirechamber (.*)\n((?:[^$].*\n)*)", screen, re.M):
        assert main(command.split()) == 0
        printed = [
            line for line in capsys.readouterr().out.splitlines() if not line.startswith(("directory:", "plots:"))
        ]
        found = "\n".join(printed).partition("zmumu_mlp, M: other")[0].strip()
        assert unify(found) == unify(expected.strip()), command
    assert (tmp_path / "new.csv").exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link


def test_the_tree_exists():
    tree = re.search(r"^json/ .*?(?=^```)", section("Directory layout"), re.M | re.S)[0]
    folder = ROOT
    for line in tree.splitlines():
        first, *rest = re.findall(r"[\w.]+(?:/|\.py|\.md)", line)
        folder = folder if line.startswith(" ") else ROOT / first
        for name in (first, *rest) if line.startswith(" ") else rest:
            assert (folder / name).exists(), line
        assert folder.is_dir(), line


def test_the_notebook_call(copied):
    (code,) = re.findall(r"^```python\n(import wirechamber.*?)^```", README, re.M | re.S)
    lines = code.replace("mlp_tiny", "trained").replace("model.predict", "found = model.predict")
    names = {}
    exec(lines, names)
    assert {name: values.shape for name, values in names["found"].items()} == dict.fromkeys(
        ("x", "y", "tx", "ty"), (1,)
    )
