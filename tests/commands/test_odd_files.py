"""Job files with something odd in them: each is valid, or ends with lines that say what is wrong, in bounded time."""

import contextlib
import copy
import json
import os
import random
import shutil
import signal
from pathlib import Path

import pytest

from app.cli import main

JSON = Path(__file__).resolve().parents[2] / "json"
SHIPPED = sorted(path.relative_to(JSON) for path in JSON.glob("*/*.json"))
SECONDS = 20
"""After which a file counts as one that hangs; a busy machine takes one second for the largest."""
FIRST = int(os.environ.get("WIRECHAMBER_ODD_FILES", "0"))
"""The first seed of the many files; others are looked at by hand."""
DEEP = 3000
NUMBERS = (0, -1, 1, 2, 5, 0.5, -0.0, 1e308, 5e-324, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, -(2**63))
WORDS = (
    *(
        "",
        " ",
        "x",
        "x" * 300,
        "state",
        "../..",
        ".",
        "/",
        "~nouser/x",
        "~",
        "a\0b",
        "a\nb",
        "\x1b[2J",
        "${NO}/x",
        "$HOME",
    ),
    *("{name}", "{}", "{step}", "*", "[", "*/*.npz", "a.root:", "/dev/null/x", "ä", "😀", "\udc80", "1e9", "-1", "NaN"),
)
PARTS = (
    *([], {}, [[]], [{}], {"": 1}, {"name": 5}, {"name": "mlp"}, {"name": ["mlp"]}, [1, 2], ["x", "x"], [[1], [1]]),
    *([{"a": [1]}], [["x", "y"], ["x"]], {"a": {"b": {"c": []}}}, [None], [True, 0, "x"], [0.5] * 200),
    *({"choice": [[8], [8], [16, 16]]}, {"choice": [{"name": "mlp"}]}, {"int": [0, 2**70]}, {"float": [1, 0]}),
    *({"bool": True}, {"choice": [1], "when": {"model.name": [["x"]]}}),
)
ODD = (None, True, False, *NUMBERS, *WORDS, *PARTS)
"""Values that are put in the place of others."""
TEXTS = (
    *("1e999", "-1e999", "NaN", "Infinity", "1" * 5000, '"\\ud800"', '"\\u0000"', "01", "'x'", "1,"),
    *("[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP, "[" * 200 + "]" * 200),
)
"""JSON, or nearly so, that is put in the place of values."""
MARK = "@@here@@"


def places(content, path=()):
    """Yield the path of every value."""
    yield path
    if isinstance(content, dict | list):
        for key, value in content.items() if isinstance(content, dict) else enumerate(content):
            yield from places(value, (*path, key))


def value_at(content, path):
    for key in path:
        content = content[key]
    return content


def change(content, draw):
    """Change one thing in `content`."""
    path = draw.choice([path for path in places(content) if path] or [("name",)])
    parent, key, kind = value_at(content, path[:-1]), path[-1], draw.randrange(7)
    known = list(parent) if isinstance(parent, dict) else range(len(parent))
    if kind == 0 and isinstance(parent, dict):
        parent.pop(key, None)
    elif kind == 1 and isinstance(parent, dict):
        parent[draw.choice(WORDS)] = parent.pop(key, None)
    elif kind == 2:
        parent[key] = copy.deepcopy(value_at(content, draw.choice(list(places(content)))))
    elif kind == 3 and key in known:
        parent[key] = [parent[key]] * draw.choice((1, 2, 50))
    else:
        parent[key] = copy.deepcopy(draw.choice(ODD))


def odd_file(content, draw):
    """Return the bytes of a file like `content` with one to three things changed, or damaged as a whole."""
    content, kind = copy.deepcopy(content), draw.randrange(20)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        change(content, draw)
    if kind == 0:
        path = draw.choice([path for path in places(content) if path] or [("name",)])
        value_at(content, path[:-1])[path[-1]] = MARK
    text = json.dumps(content).replace(f'"{MARK}"', draw.choice(TEXTS), 1)
    raw = text.encode("utf-16" if kind == 1 else "utf-8")
    at = draw.randrange(len(raw))
    damaged = {2: b"\xef\xbb\xbf" + raw, 3: raw[:at], 4: raw[:at] + bytes([draw.randrange(256)]) + raw[at + 1 :]}
    return damaged.get(kind, raw[:-1] + b', "name": "twice"}' if kind == 5 else raw)


@contextlib.contextmanager
def bounded():
    """Fail where the block takes longer than SECONDS, wherever it is."""

    def stop(*_):
        raise AssertionError(f"not done after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def validate(tmp_path, capsys):
    """Return a function that validates a file like a shipped one, changed as a seed says: exit code and lines."""
    shutil.copytree(JSON, tmp_path / "json")

    def run(seed):
        draw = random.Random(seed)
        shipped = draw.choice(SHIPPED)
        path = tmp_path / "json" / shipped.parent / "odd.json"
        path.write_bytes(odd_file(json.loads((JSON / shipped).read_text()), draw))
        with bounded():
            code = main(["validate", str(path)])
        return code, capsys.readouterr().err.splitlines()

    return run


def is_told(code, lines):
    """Whether a file is valid, or each line says what is wrong, and can be read on a terminal."""
    if code == 0:
        return not lines
    return code == 2 and bool(lines) and all(line.isprintable() and len(line) < 5000 for line in lines)


@pytest.mark.parametrize("seed", range(40))
def test_an_odd_file_is_valid_or_its_mistakes_are_listed(validate, seed):
    assert is_told(*validate(seed))


@pytest.mark.slow
def test_many_odd_files(validate):
    codes = set()
    for seed in range(1000 + 5000 * FIRST, 6000 + 5000 * FIRST):
        try:
            code, lines = validate(seed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        assert is_told(code, lines), seed
        codes.add(code)
    assert codes == {0, 2}


ABOVE = "./" + "x" * 300


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            {"extends": ABOVE},
            "/odd.json.extends: no usable path (File name too long). Expected names of at most 255 bytes",
        ),
        (
            {"extends": "a\0b"},
            "/odd.json.extends: no usable path (a character that no name can have). Expected names of",
        ),
        ({"job": ABOVE, "sweep": {"seed": [1]}, "name": "x"}, "odd.job: no usable path (File name too long). Expected"),
        (
            {"workflow": "w", "rationale": "", "steps": {"a": {"jobs": ABOVE}}},
            "x: no usable path (File name too long). Expected names of at most 255 bytes that this user can reach.",
        ),
        (
            {"job": "small.json", "sweep": {"seed": [*range(1000)], "name": ["a"] * 11}, "name": "x"},
            "odd.sweep: too many jobs. Expected at most 10,000. Received 11000.",
        ),
        (
            {"workflow": "w", "rationale": "", "steps": {"a": {"simulate": {"name": "track_states", "tracks": 2**53}}}},
            "odd.steps.a.simulate: too many shards. Expected at most 10,000: a larger shard_size, or fewer 'shards'.",
        ),
        (
            {
                **{"workflow": "w", "rationale": ""},
                "steps": {"a": {"simulate": {"name": "track_states", "tracks": 10}, "shards": 2**63}},
            },
            "odd.steps.a.shards: not valid. Expected less than or equal to 10000. Received 9223372036854775808.",
        ),
    ],
    ids=lambda value: None if isinstance(value, str) else " ".join(value),
)
def test_what_a_file_asks_for_is_bounded(small_job, tmp_path, capsys, content, line):
    (tmp_path / "small.json").write_text(json.dumps(small_job))
    (tmp_path / "odd.json").write_text(json.dumps(content))
    with bounded():
        assert main(["validate", str(tmp_path / "odd.json")]) == 2
    (text,) = capsys.readouterr().err.splitlines()
    assert line in text


@pytest.mark.parametrize("file", ["~nouser/x.npz", "x" * 300 + ".npz", "a\0b.npz"])
def test_files_that_cannot_be(small_job, tmp_path, capsys, file):
    job = small_job | {"dataset": {"name": "track_states", "files": ["absent.npz", file]}}
    (tmp_path / "odd.json").write_text(json.dumps(job))
    assert main(["validate", str(tmp_path / "odd.json")]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("small.dataset.files.0: no such file.")
    reason = "no such file. Expected an existing file" if file.startswith("~") else "no usable path ("
    assert second.startswith(f"small.dataset.files.1: {reason}")


def test_choices_that_are_lists_have_their_mistakes_listed_once(searched, tmp_path, capsys):
    space = {
        "model.hidden": {"choice": [[8], [0], [0], ["x"], [8]]},
        "training.batch_size": {"choice": [[1], {"a": 1}]},
    }
    (tmp_path / "odd.json").write_text(json.dumps(searched(space=space)))
    assert main(["validate", str(tmp_path / "odd.json")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" makes no job: ")[0] for line in lines] == [
        *("small.hyperopt.space.model.hidden: [0]", "small.hyperopt.space.model.hidden: ['x']"),
        *("small.hyperopt.space.training.batch_size: [1]", "small.hyperopt.space.training.batch_size: {'a': 1}"),
    ]


def test_names_of_trials_have_room(searched, tmp_path, capsys):
    for length, executions, room in ((111, 1, None), (112, 1, 111), (109, 3, None), (110, 3, 109)):
        content = searched(executions_per_trial=executions) | {"name": "n" * length}
        (tmp_path / "odd.json").write_text(json.dumps(content))
        assert main(["validate", str(tmp_path / "odd.json")]) == (0 if room is None else 2)
        text = capsys.readouterr().err
        assert not text if room is None else ".name: no room for the names of trials, '_trial_19" in text
        assert room is None or f"Expected at most {room} characters." in text
