"""Compiled code is made again when its source changes, and works where nothing can be kept."""

from datasets.simulate.engine import compiled
from datasets.simulate.engine.compiled import compile_entry, digest_sources


def test_the_digest_changes_with_every_file_of_the_simulation(tmp_path):
    sources = (tmp_path / "own", tmp_path / "physics", tmp_path / "engine/random.py")
    for folder in ("own", "engine", "physics"):
        (tmp_path / folder).mkdir()
    (tmp_path / "engine/random.py").touch()
    digests = []
    for folder, name in (("own", "events.py"), ("engine", "random.py"), ("physics", "medium.py")):
        for text in ("x = 1", "x = 2"):
            (tmp_path / folder / name).write_text(text)
            digests.append(digest_sources(sources))
    (tmp_path / "engine" / "progress.py").write_text("x = 1")
    assert digest_sources(sources) == digests[-1]
    assert len(set(digests)) == 6
    assert max(digests) < 2**63


def test_a_function_knows_the_digest_of_its_sources_and_of_the_engine(tmp_path):
    def make(digest):
        return lambda x: x + digest

    (tmp_path / "events.py").write_text("x = 1")
    assert compile_entry(make, [tmp_path])(1) == 1 + digest_sources([tmp_path, *compiled.ENGINE])
