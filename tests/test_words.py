"""Words that readers stumbled over must not come back, in code, messages, pages and job files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SUFFIXES = {".py", ".md", ".html", ".js", ".css", ".cfg", ".toml", ".json", ".yaml", ".cff", ".sub", ".sh", ""}
LEFT_OUT = ("tests/data/v0_1/", "tests/compatibility/", "tests/test_words.py", "registry/reference/runs/")
"""Files of version 0.1, this list, and records that keep what was written when they were made."""

PLAIN_WORDS = {
    r"(is|are|was|were|be|been|being) told": "is reported, is flagged, is given",
    r"tells? (all|both) (of )?them": "reports all together",
    r"(held|hold|holds|holding) (it |them |each |runs )?against": "compare with",
    r"sent away": "evicted",
    r"hand(ed|s)? (\w+ )?to the pool": "submitted",
    r"mend(s|ed|ing)?": "fix, repair",
    r"for nothing": "simple physics baselines",
    r"GPU was seen": "no GPU found",
    r"the same bits|to the bit|bit by bit|bit for bit": "bitwise equal, bitwise reproducible",
    r"smoke runs?": "a quick test run",
    r"by heart": "overfits",
    r"surest": "most certain",
    r"where things lie|rules of the house": "Directory layout, Conventions",
    r"opens without a network": "works offline",
    r"draws? (\w+ )?(\w+ )?plots again": "redraw",
    r"stands? twice": "duplicate key",
    r"nobody (says|said|knows)": "cannot tell",
    r"no single origin": "give exactly one of",
    r"how far (they|members) are apart": "the spread of the members",
    r"besides": "also, in addition",
    r"verbs?": "command",
    r"is well": "is complete",
}
"""What was found in version 0.1, and what to say in its place."""
QUOTED = {
    "verb": ("CHANGELOG.md", "CONTRIBUTING.md", "app/config/workflow.py", "tests/workflows/test_plan.py"),
}
"""Where a word is named as such: the key of version 0.1 that is still accepted, the rule that a function is a verb."""


def shipped_files():
    listed = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive
        names = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file()]
    return [
        name
        for name in names
        if Path(name).suffix in SUFFIXES and not name.startswith(LEFT_OUT) and (ROOT / name).is_file()
    ]


FILES = {name: (ROOT / name).read_text(encoding="utf-8", errors="replace").splitlines() for name in shipped_files()}


@pytest.mark.parametrize("word", PLAIN_WORDS)
def test_the_word_is_not_used(word):
    pattern = re.compile(rf"\b(?:{word})\b", re.IGNORECASE)
    places = [
        f"{name}:{number}: {match[0]}"
        for name, lines in FILES.items()
        for number, line in enumerate(lines, 1)
        for match in pattern.finditer(line)
        if name not in QUOTED.get(match[0].lower(), ())
    ]
    assert not places, f"say {PLAIN_WORDS[word]!r}: {places}"


def test_the_search_reads_the_files():
    """The list is of use only if code, pages and templates are read."""
    assert {"README.md", "app/cli.py", "docs/tour.md", "json/base.json"} <= FILES.keys()
    assert any(name.endswith(".html") for name in FILES)
