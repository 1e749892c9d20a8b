"""The rules of the house that a machine can check: what lies where, and what may import what."""

from __future__ import annotations

import ast
import subprocess
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("app", "losses", "datasets", "jobs", "registry")
TOP_LEVEL = {
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "LICENSE", "Makefile"),
    *("setup.cfg", "pyproject.toml"),
    *("constraints.txt", ".pre-commit-config.yaml", ".gitignore", ".ci"),
    *("json", "app", "losses", "datasets", "jobs", "registry", "tests", "benchmarks", "docs"),
}
# From the ground up: a package may import itself and those that stand before it, also inside functions, so that there
# is no circle between packages.
LEVELS = (
    "app.core",
    "app.runtime",
    "app.physics",
    "datasets",
    "losses",
    "registry",
    "jobs",
    "app.predictions",
    "app.history",
    "app.metrics",
    "app.layers",
    "app.models",
    "app.optimizers",
    "app.schedules",
    "app.plots",
    "app.config",
    "app.runs",
    "app.data",
    "app.evaluation",
    "app.checks",
    "app.training",
    "app.export",
    "app.execution",
    "app.search",
    "app.benchmark",
    "app.comparison",
    "app.report",
    "app.submission",
    "app.workflows",
    "app.commands",
    "app.cli",
    "app.run",
    "app.__main__",
)
SEPARATE = {
    "losses": {"datasets"},
    "registry": {"app.runtime", "app.physics", "datasets", "losses"},
    "jobs": {"app.runtime", "app.physics", "datasets", "losses", "registry"},
    "app.physics": {"app.runtime"},
    "datasets": {"app.runtime"},
    "app.cli": set(LEVELS) - {"app.core", "app.runtime", "app.commands", "app.cli"},
}
"""What a package stays apart from although it stands before it."""
ROOT_MODULES = {
    "app": {"__init__", "__main__", "run", "cli", "optimizers", "schedules", "predictions", "history"},
    "datasets": {
        *("__init__", "layered_hits", "muon_hits", "photon_sensors", "plane_images", "track_states", "volume_images"),
    },
}


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(p): p for package in PACKAGES for p in sorted((ROOT / package).rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(), str(path)) for name, path in SOURCES.items()}


def below(name, prefix):
    return name == prefix or name.startswith(prefix + ".")


def imported(nodes, whole=False):
    """Return the modules of ours that import statements among `nodes` name; with `whole` the names in them too."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if whole or name in SOURCES else node.module for name in names}
    return {name for name in found if name.split(".")[0] in PACKAGES}


def at_import(tree):
    """Return the statements that run when a module is imported: not those inside functions."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting += list(ast.iter_child_nodes(node))


every_module = pytest.mark.parametrize("module", sorted(SOURCES))


def level_of(module):
    return next(level for level in LEVELS if below(module, level))


@every_module
def test_imports_go_one_way(module):
    if module == "app":
        assert not imported(ast.walk(TREES[module]))
        return
    level = level_of(module)
    for name in imported(ast.walk(TREES[module])):
        other = level_of(name)
        assert LEVELS.index(other) <= LEVELS.index(level), f"{module} imports {name}, which stands above it"
        assert other not in SEPARATE.get(level, ()), f"{level} stays apart from {other}, but {module} imports {name}"


@every_module
def test_an_underscore_means_private_to_its_package(module):
    package = module if SOURCES[module].name == "__init__.py" else module.rpartition(".")[0]
    for name in imported(ast.walk(TREES[module]), whole=True):
        parts = name.split(".")
        private = next((i for i, part in enumerate(parts) if part.startswith("_") and not part.startswith("__")), None)
        if private is not None:
            owner = ".".join(parts[:private])
            assert below(module, owner) or below(package, owner.rpartition(".")[0]), f"{module} imports {name}"


@pytest.mark.parametrize("package", sorted(ROOT_MODULES))
def test_no_module_lies_in_the_root_that_is_not_on_the_list(package):
    assert {path.stem for path in (ROOT / package).glob("*.py")} <= ROOT_MODULES[package]


def test_the_tests_mirror_the_tree():
    """Each folder of tests is a package, or holds tests of a kind of their own."""
    own = {"compatibility", "condor", "data/v0_1", "external", "jobs/logs", "shared"}
    folders = {path.parent.relative_to(ROOT / "tests").as_posix() for path in (ROOT / "tests").rglob("test_*.py")}
    for folder in folders - {"."} - own:
        assert (ROOT / "app" / folder).is_dir() or (ROOT / folder).is_dir(), folder


def test_no_import_cycle_between_modules():
    graph = {module: imported(at_import(tree)) - {module} for module, tree in TREES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@every_module
def test_a_module_is_short_documented_and_silent(module):
    tree, lines = TREES[module], SOURCES[module].read_text().count("\n")
    assert lines <= 250, f"{lines} lines"
    assert ast.get_docstring(tree), "no docstring"
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Assert), f"assert in line {node.lineno}: python -O removes it, raise instead"
        called = getattr(node, "func", None)
        assert getattr(called, "id", None) != "print", f"print in line {node.lineno}: use the console or the log"


@every_module
def test_functions_are_short(module):
    source = SOURCES[module].read_text().splitlines()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.FunctionDef):
            documented = ast.get_docstring(node) is not None and len(node.body) > 1
            first = node.body[1 if documented else 0].lineno
            code = [s for s in source[first - 1 : node.end_lineno] if s.strip() and not s.strip().startswith("#")]
            assert len(code) <= 40, f"{node.name} has {len(code)} lines of code"


@every_module
def test_modules_are_named_after_a_concept(module):
    assert not {"utils", "util", "helpers", "common", "misc"} & set(module.split("."))


def test_the_top_level_holds_what_the_design_names():
    listed = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        files = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\n")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    present = {file.split("/")[0] for file in files if file and (ROOT / file).exists()}
    assert present <= TOP_LEVEL


def test_json_is_the_standard_library():
    """A json/__init__.py would hide it from everything that runs in the checkout."""
    assert not list((ROOT / "json").rglob("*.py"))


@pytest.mark.parametrize("package", ["app", *(level for level in LEVELS if (ROOT / level.replace(".", "/")).is_dir())])
def test_packages_hold_a_docstring_and_what_they_hand_on(package):
    """Only catalogs and names that others import from there: no code hides in an __init__."""
    tree = TREES[package]
    assert ast.get_docstring(tree)
    assert not any(isinstance(node, ast.FunctionDef) and node.name.startswith("_") for node in tree.body)
