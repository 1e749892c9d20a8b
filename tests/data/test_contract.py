"""Every dataset keeps what the program relies on; each kind of mistake of a user's own dataset is one line."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from loader_files import FAMILIES, write

from app.cli import main
from app.core.files import REPOSITORY
from app.data.contract import RULES, Subject, check_contract
from datasets import DATASETS, Column, Events, Input, Source
from datasets.pipeline.event_keys import hash_rows

ROWS = 40
TUBE = Input((Column("time", "ns"), Column("width", "ns")), (2,))


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in ("primitives.root", "photons.root"))) for n in FAMILIES]
)
def test_every_dataset_keeps_the_contract(name, tmp_path):
    dataset, make, options = FAMILIES[name]
    write(tmp_path / name, make())
    spec = DATASETS.parse({"name": dataset, "files": [str(tmp_path / name)], **options})
    found = dict(check_contract(Subject(spec, [tmp_path / name])))
    assert {rule: str(error) for rule, error in found.items() if isinstance(error, Exception)} == {}
    assert list(found) == list(RULES)
    assert found["fingerprint"].endswith(", another one when a file changes")


def test_a_table_keeps_the_contract(tmp_path):
    rng = np.random.default_rng(1)
    for number in range(2):
        columns = {name: rng.normal(size=ROWS) for name in ("a", "b", "y")}
        np.savetxt(
            tmp_path / f"{number}.csv", np.stack([*columns.values()], -1), header="a,b,y", comments="", delimiter=","
        )
    files = sorted(tmp_path.glob("*.csv"))
    spec = DATASETS.parse({"name": "table", "files": [str(f) for f in files], "inputs": ["a", "b"], "targets": ["y"]})
    found = dict(check_contract(Subject(spec, files)))
    assert found["rows"] == "80 events of 80 rows; reading selects"
    assert sorted(found["order"].removeprefix("the same with ").split(" and ")) == [
        "files in another order",
        "other blocks",
    ]


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(1)
    for number in range(2):
        np.savez(tmp_path / f"{number}.npz", time=rng.uniform(0, 9, (ROWS, 2)), radius=rng.uniform(0, 15, ROWS))
    return sorted(tmp_path.glob("*.npz"))


@pytest.fixture
def checked(files, monkeypatch):
    """Return a function that checks a loader without a mistake, or one whose source or events are changed."""

    def check(of_source=lambda source: source, of_events=lambda events, number: events):
        def read(path, number):
            with np.load(path) as arrays:
                time, radius = arrays["time"].astype(np.float32), arrays["radius"]
            return of_events(Events({"tube": time}, {"radius": radius}, hash_rows([time, radius])), number)

        def mine(files):
            """Drift tubes."""
            blocks = [partial(read, path, number) for number, path in enumerate(files)]
            names = [str(path) for path in files]
            return of_source(Source({"tube": TUBE}, {"radius": Column("radius", "mm")}, {}, blocks, names, 2 * ROWS))

        DATASETS.names()
        others = {name: one for name, one in DATASETS._components.items() if name != "mine"}
        monkeypatch.setattr(DATASETS, "_components", others)
        DATASETS("mine")(mine)
        spec = DATASETS.parse({"name": "mine", "files": [str(path) for path in files]})
        return dict(check_contract(Subject(spec, files)))

    return check


def test_a_loader_without_a_fingerprint_keeps_it(checked):
    found = checked()
    assert {rule: str(error) for rule, error in found.items() if isinstance(error, Exception)} == {}
    assert found["rows"] == "80 events"
    assert found["order"] == "the same with files in another order"
    assert found["fingerprint"].endswith(", another one when a file changes")


COUNTER = iter(range(1000))
SOURCES = {
    "no source": (lambda s: 7, "source", "the function returns no Source. Expected a Source. Received 'int'."),
    "inputs": (lambda s: replace(s, inputs={}), "source", "inputs: names nothing. Expected {name: Input}."),
    "an array": (
        lambda s: replace(s, inputs={"tube": (2,)}),
        "source",
        "inputs.tube: of another type. Expected Input. Received (2,).",
    ),
    "shape": (
        lambda s: replace(s, inputs={"tube": Input(TUBE.columns, (5,))}),
        "source",
        "inputs.tube: 2 columns do not fit the shape (5,). Expected a column for each number of an event.",
    ),
    "no shape": (lambda s: replace(s, inputs={"tube": Input((), (0, 2))}), "source", "inputs.tube.shape: not a shape."),
    "a text": (
        lambda s: replace(s, targets={"radius": "mm"}),
        "source",
        "targets.radius: of another type. Expected Column. Received 'mm'.",
    ),
    "files": (
        lambda s: replace(s, files=["a"]),
        "source",
        "files: another number than of blocks. Expected the file of",
    ),
    "blocks": (lambda s: replace(s, blocks=[]), "source", "blocks: not functions that read events."),
    "rows": (
        lambda s: replace(s, rows=7),
        "blocks",
        "rows: another number of events. Expected 80 events, as all blocks hold, or selects=True where reading leaves "
        "out some rows. Received 7.",
    ),
    "no rows": (lambda s: replace(s, rows=None), "source", "rows: not a number of events."),
    "missing column": (
        lambda s: replace(s, targets={**s.targets, "drift": Column("drift")}),
        "blocks",
        "targets.drift: no such column in block 0 (",
    ),
    "fingerprint": (
        lambda s: replace(s, fingerprint="mine"),
        "fingerprint",
        "fingerprint: the same when a file changes. Expected a hash of the content of the files; without one the "
        "program makes it. Received 'mine'.",
    ),
    "names": (
        lambda s: replace(s, fingerprint="-".join(s.files)),
        "fingerprint",
        "fingerprint: another one for copies of the files in another folder.",
    ),
    "time": (
        lambda s: replace(s, fingerprint=f"{next(COUNTER)}"),
        "openings",
        "fingerprint: another one when the files are opened again.",
    ),
}
EVENTS = {
    "no events": (lambda e, n: e.inputs, "blocks", "blocks: no Events in block 0 ("),
    "input": (
        lambda e, n: replace(e, inputs={"tub": e.inputs["tube"]}),
        "blocks",
        "inputs: unknown input in block 0 (",
    ),
    "five": (
        lambda e, n: replace(e, inputs={"tube": np.zeros((ROWS, 5), "f4")}),
        "blocks",
        "Expected numbers of shape (40, 2). Received 'float32 [40, 5]'.",
    ),
    "text": (
        lambda e, n: replace(e, columns={"radius": np.array(["a"] * ROWS)}),
        "blocks",
        "Expected numbers of shape (40). Received '<U1 [40]'.",
    ),
    "fewer": (
        lambda e, n: replace(e, columns={"radius": np.zeros(ROWS - 1)}),
        "blocks",
        "targets.radius: another number of events in block 0 (",
    ),
    "float key": (
        lambda e, n: replace(e, key=np.arange(ROWS) * 1.5),
        "blocks",
        "key: not keys in block 0 (",
    ),
    "equal keys": (
        lambda e, n: replace(e, key=np.arange(ROWS, dtype=np.uint64)),
        "keys",
        "key: 40 of 80 events are there with a key that another event has. Expected a key of its own for each event, "
        "or shared_keys=True where several have to be in one split. Received 0.",
    ),
    "NaN": (
        lambda e, n: replace(e, columns={"radius": np.where(np.arange(ROWS) < 3, np.nan, e.columns["radius"])}),
        "values",
        "radius: 6 values are not finite. Expected finite numbers.",
    ),
    "random": (
        lambda e, n: replace(e, inputs={"tube": e.inputs["tube"] + np.float32(next(COUNTER))}),
        "openings",
        "80 of 80 events have other values when the files are opened again.",
    ),
    "order": (
        lambda e, n: replace(e, key=np.arange(ROWS * n, ROWS * (n + 1), dtype=np.uint64)),
        "order",
        "80 of 80 events have other keys with files in another order.",
    ),
    "none": (lambda e, n: e[:0], "blocks", "rows: another number of events. Expected 0 events"),
}


@pytest.mark.parametrize("mistake", SOURCES)
def test_a_mistake_of_a_source_is_one_line(mistake, checked):
    change, rule, message = SOURCES[mistake]
    found = checked(of_source=change)
    assert message in str(found[rule])
    assert str(found[rule]).startswith(("dataset mine.", "dataset mine:")) or rule not in ("source", "blocks")


@pytest.mark.parametrize("mistake", EVENTS)
def test_a_mistake_of_events_is_one_line(mistake, checked):
    change, rule, message = EVENTS[mistake]
    assert message in str(checked(of_events=change)[rule])


def test_events_without_rows_and_shared_keys(checked):
    from datasets.pipeline.arrays import Jagged

    hits = {"tube": Input((Column("time"),), (None, 1))}

    def jagged(events, _):
        return replace(events, inputs={"tube": Jagged.of(np.ones((ROWS - 1, 1), "f4"), np.arange(ROWS) > 0)})

    found = checked(lambda source: replace(source, inputs=hits), jagged)
    assert "inputs.tube: 2 of 80 events have no row. Expected at least one row" in str(found["rows"])

    def shared(source):
        return replace(source, shared_keys=True)

    found = checked(shared, lambda events, _: replace(events, key=events.key // np.uint64(2**62)))
    assert found["keys"] == "4 different of 80 events"
    found = checked(shared, lambda events, _: replace(events, key=np.zeros(ROWS, np.uint64)))
    assert "key: all events have one key. Expected several, which are split." in str(found["keys"])


OWN = '''
import numpy as np
from datasets import DATASETS, Column, Events, Input, Source


@DATASETS("tubes")
def tubes(files, *, column: str = "radius"):
    """Drift tubes."""

    def read(path):
        with np.load(path) as arrays:
            time, radius = arrays["time"], {"radius": arrays["radius"]}[column]
        return Events({"tube": time}, {"radius": radius}, np.arange(len(time), dtype=np.uint64) + int(path.stem) * 1000)

    tube = Input((Column("time"), Column("width")), (2,))
    blocks = [lambda path=path: read(path) for path in files]
    return Source({"tube": tube}, {"radius": Column("radius")}, {}, blocks, [str(p) for p in files], 80)
'''


def test_the_command_checks_a_dataset_of_ones_own(files, tmp_path, monkeypatch):
    (tmp_path / "mine/datasets").mkdir(parents=True)
    (tmp_path / "mine/datasets/tubes.py").write_text(OWN)
    monkeypatch.setenv("WIRECHAMBER_COMPONENTS", str(tmp_path / "mine"))
    monkeypatch.setenv("COLUMNS", "400")
    command = [sys.executable, "-m", "app", "check", "dataset", "tubes", "--files", str(tmp_path / "*.npz")]
    done = subprocess.run([*command, "--set", "column=y"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    line = OWN.splitlines().index('            time, radius = arrays["time"], {"radius": arrays["radius"]}[column]') + 1
    assert f"dataset tubes: KeyError: 'y' in tubes.py, line {line} (time, radius = arrays" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "│ blocks │ FAILED │" in done.stdout
    assert "KeyError: 'y' in tubes.py" in done.stdout


def test_the_files_are_named_or_those_of_a_job(files, tmp_path, capsys, small_job):
    assert main(["check", "dataset", "track_states"]) == 2
    assert "check dataset: which files are read? Expected --files FILE... or --config JOB." in capsys.readouterr().err
    (tmp_path / "job.json").write_text(json.dumps(small_job))
    assert main(["check", "dataset", "table", "--config", str(tmp_path / "job.json")]) == 2
    assert "dataset.name: another dataset. Expected 'table'. Received 'track_states'." in capsys.readouterr().err
    assert main(["check", "dataset", "track_states", "--config", str(tmp_path / "job.json"), "--csv"]) == 0
    assert "keys,kept,600 different\n" in capsys.readouterr().out
