"""Notes by hand: front matter checked key by key, text kept as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

import registry
from app.core.errors import UserError
from registry.notes import read_notes

REPOSITORY = Path(__file__).resolve().parents[2]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "notes" / "track_extrapolation.md"
    path.parent.mkdir()
    path.write_text(text)
    return path


def test_front_matter_and_text(tmp_path: Path) -> None:
    notes = read_notes(
        written(tmp_path, "---\ngoal: p: 1 -> 2\n\nmetric:auc\nbetter: higher\n---\n\n## Text\n---\nkept\n")
    )
    assert (notes.goal, notes.metric, notes.better, notes.text) == ("p: 1 -> 2", "auc", "higher", "## Text\n---\nkept")


def test_a_file_without_front_matter_is_all_text(tmp_path: Path) -> None:
    notes = read_notes(written(tmp_path, "Only text.\n"))
    assert (notes.metric, notes.text) == ("", "Only text.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "---\ngaol: x\n---\n",
            r"track_extrapolation\.md\.gaol: unknown key\. Did you mean 'goal'\? Expected one of \[",
        ),
        ("---\nbetter: smaller\n---\n", r"better: not valid\. Expected 'lower' or 'higher'\. Received 'smaller'"),
        ("---\ngoal: x\n", r"the front matter has no end\. Expected a second line '---'"),
        ("---\ngoal\n---\n", r"line 2: not front matter\. Expected 'key: value'\. Received 'goal'"),
        ("---\ntext: x\n---\n", r"line 2: not front matter"),
        ("---\ntarget: soon\n---\n", r"md\.target: 'soon' is no target; expected 'NUMBER WORDS'"),
        ("---\ntarget: 1 a; nan b\n---\n", r"md\.target: 'nan b' is no target"),
        ("---\ngoal: a\ngoal: b\n---\n", r"line 3: duplicate key\. Received 'goal'"),
    ],
)
def test_a_mistake_in_the_front_matter_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_notes(written(tmp_path, text))


def test_every_mistake_is_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_notes(written(tmp_path, "---\ngaol: x\nmetrik: y\n---\n"))
    assert len(caught.value.problems) == 2


def test_notes_that_cannot_be_read_are_shown_as_damaged_and_the_runs_stay(tmp_path: Path) -> None:
    written(tmp_path, "---\ngaol: x\n---\n")
    registry.create(tmp_path, registry.Record(run="a", application="track_extrapolation"))
    text = (tmp_path / "README.md").read_text()
    assert "- **`notes/track_extrapolation.md`**: gaol: unknown key. Did you mean 'goal'?" in text
    assert "#### a - 🕒 queued" in text


def test_text_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="not UTF-8 text"):
        read_notes(path)


def test_missing_notes_are_fine(tmp_path: Path) -> None:
    registry.refresh(tmp_path)
    assert (tmp_path / "README.md").read_text().startswith("# Trainings")


def test_targets_are_numbers_with_their_origin(tmp_path: Path) -> None:
    notes = read_notes(written(tmp_path, "---\ntarget: 0.018 polynomial of degree 8; 1e-2\n---\n"))
    assert [tuple(target) for target in notes.target] == [(0.018, "polynomial of degree 8"), (0.01, "")]
    first, second = notes.target
    assert (first.text, second.text) == ("0.0180, polynomial of degree 8", "0.0100")
    assert first.judge(0.009, "lower") == "met by 2.0x"
    assert first.judge(0.036, "lower") == "not met: 2.0x away"
    assert first.judge(0.018, "lower") == "met exactly"
    assert first.judge(0.036, "higher") == "met by 2.0x"


@pytest.mark.parametrize("path", sorted((REPOSITORY / "registry" / "notes").glob("*.md")), ids=lambda p: p.stem)
def test_the_shipped_notes_name_goal_metric_and_baseline(path: Path) -> None:
    notes = read_notes(path)
    assert all((notes.goal, notes.dataset, notes.metric, notes.baseline, notes.text))


def test_the_shipped_page_is_what_records_and_notes_say() -> None:
    root = registry.reference()
    assert (root / "README.md").read_text() == registry.render(registry.read_all(root))
