"""Compiled code is made again when its source changes, and works where nothing can be kept."""

import numba

from datasets.simulate.argon import compiled as argon_compiled
from datasets.simulate.argon.compiled import digest, entry


def test_the_digest_changes_with_every_file_of_the_simulation(tmp_path, monkeypatch):
    monkeypatch.setattr(
        argon_compiled, "SOURCES", (tmp_path / "own", tmp_path / "physics", tmp_path / "engine/random.py")
    )
    for folder in ("own", "engine", "physics"):
        (tmp_path / folder).mkdir()
    (tmp_path / "engine/random.py").touch()
    found = []
    for folder, name in (("own", "events.py"), ("engine", "random.py"), ("physics", "medium.py")):
        for text in ("x = 1", "x = 2"):
            (tmp_path / folder / name).write_text(text)
            found.append(digest())
    (tmp_path / "engine" / "progress.py").write_text("x = 1")
    assert digest() == found[-1]
    assert len(set(found)) == 6
    assert max(found) < 2**63


def test_a_function_knows_the_digest():
    def make(stamp):
        return lambda x: x + stamp

    assert entry(make)(1) == 1 + digest()


def test_without_a_folder_to_write_it_is_compiled_every_time(monkeypatch):
    compiled, kept = numba.njit, []

    def refusing(*function, **options):
        if function:  # numba compiles parts of itself when it is used for the first time
            return compiled(*function, **options)
        kept.append(options.get("cache", False))
        if kept[-1]:
            raise RuntimeError("cannot cache function: no locator available")
        return compiled(**options)

    monkeypatch.setattr(argon_compiled.numba, "njit", refusing)
    assert entry(lambda stamp: lambda x: x + stamp)(0) == digest()
    assert kept == [True, False]
