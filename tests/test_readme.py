"""What README and docs say is true: jobs are valid, commands and paths exist, the notebook call works."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from app.commands._table import COMMANDS
from app.config.job_file import merge, parse

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


def test_every_command_is_in_the_table():
    assert set(re.findall(r"^\| `(\w+)", section("Commands"), re.M)) == set(COMMANDS)


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
