"""Track states to write into files; sources of the dataset and shards of the simulator that a module tests."""

from __future__ import annotations

import json

import numpy as np
import pytest

from app.core.errors import UserError
from app.core.files import find_files
from datasets import DATASETS, SIMULATORS
from datasets.pipeline.checked import open_source


def _tracks(rows=20, seed=1):
    """Columns of tracks through no field, in float64."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(2, 100, rows)
    columns = {
        "x": rng.uniform(-300, 300, rows),
        "y": rng.uniform(-250, 250, rows),
        "tx": rng.uniform(-0.3, 0.3, rows),
        "ty": rng.uniform(-0.25, 0.25, rows),
        "qop": rng.choice([-1.0, 1.0], rows) / p,
        "dz": np.full(rows, 5161.0),
        "p": p,
    }
    ends = {"x": columns["x"] + 5161 * columns["tx"], "y": columns["y"] + 5161 * columns["ty"]}
    return columns | {f"true_{n}": v for n, v in (ends | {"tx": columns["tx"], "ty": columns["ty"]}).items()}


@pytest.fixture(scope="session")
def tracks():
    """The function tracks(rows=20, seed=1)."""
    return _tracks


@pytest.fixture(scope="module")
def load(request):
    """The function load(*files, **options): the source of the module's DATASET and all of its blocks."""

    def loaded(*files, **options):
        """Build the source exactly as a job does, and read all of it."""
        spec = DATASETS.parse({"name": request.module.DATASET, "files": [str(f) for f in files], **options})
        source = open_source(spec, find_files(spec.options.files, ("dataset", "files")))
        return source, list(source)

    return loaded


@pytest.fixture(scope="module")
def the_events(load):
    """The function the_events(*files, **options): the only block of the module's DATASET."""

    def only(*files, **options):
        (events,) = load(*files, **options)[1]
        return events

    return only


@pytest.fixture(scope="module")
def refused(load):
    """The function refused(message, *files, lines=1, **options): the message that the user gets, which must match."""

    def text(message, *files, lines=1, **options):
        with pytest.raises(UserError, match=message) as caught:
            load(*files, **options)
        assert str(caught.value).count("\n") == lines - 1
        return str(caught.value)

    return text


@pytest.fixture(scope="module")
def simulate(request):
    """The function simulate(out, **options): the npz shards of the module's job SMALL, with options of its own."""

    def shards(out, **options):
        SIMULATORS.parse({**request.module.SMALL, **options}).build(out)
        return [_shard(path) for path in sorted(out.glob("*.npz"))]

    return shards


@pytest.fixture(scope="session")
def shard_of():
    """The function shard_of(path): the arrays of an npz, its metadata as a dict."""
    return _shard


def _shard(path):
    with np.load(path) as content:
        whole = {name: content[name] for name in content.files}
    about = "metadata_json" if "metadata_json" in whole else "metadata"
    return whole | {about: json.loads(str(whole[about]))}


@pytest.fixture
def interrupt(monkeypatch):
    """The function interrupt(module, writer, make): make() is interrupted when it writes its second shard."""

    def interrupted(module, writer, make):
        write = getattr(module, writer)

        def stop_at_second(path, *content):
            if path.stem == "shard_00001":
                raise KeyboardInterrupt
            write(path, *content)

        with monkeypatch.context() as patched:
            patched.setattr(module, writer, stop_at_second)
            with pytest.raises(KeyboardInterrupt):
                make()

    return interrupted
