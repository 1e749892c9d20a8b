"""The conventions that a machine can check: where a module is, and what it may import."""

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
    *("setup.cfg", "pyproject.toml", "wirechamber.py"),
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
    "app.field_fit",
    "app.search",
    "app.benchmark",
    "app.comparison",
    "app.report",
    "app.submission",
    "app.workflows",
    "app.commands",
    "app.api",
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
    "app": {"__init__", "__main__", "run", "cli", "api", "optimizers", "schedules", "predictions", "history"},
    "datasets": {
        *(
            "__init__",
            "layered_hits",
            "muon_hits",
            "photon_sensors",
            "plane_images",
            "table",
            "track_states",
            "volume_images",
        ),
    },
}


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(p): p for package in PACKAGES for p in sorted((ROOT / package).rglob("*.py"))}


@pytest.fixture(scope="module")
def trees():
    """Return the syntax tree of each module."""
    return {module: ast.parse(path.read_text(), str(path)) for module, path in SOURCES.items()}


@pytest.fixture(scope="module")
def nodes(trees):
    """Return all nodes of each module: every tree is walked once."""
    return {module: list(ast.walk(tree)) for module, tree in trees.items()}


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


def level_of(module):
    return next(level for level in LEVELS if below(module, level))


def test_imports_go_one_way(nodes):
    broken = []
    for module in SOURCES:
        names = imported(nodes[module])
        if module == "app":
            broken += [f"app imports {name}" for name in names]
            continue
        level = level_of(module)
        for name in names:
            other = level_of(name)
            if LEVELS.index(other) > LEVELS.index(level):
                broken.append(f"{module} imports {name}, which stands above it")
            if other in SEPARATE.get(level, ()):
                broken.append(f"{level} stays apart from {other}, but {module} imports {name}")
    assert not broken, "\n".join(broken)


def test_an_underscore_means_private_to_its_package(nodes):
    broken = []
    for module, path in SOURCES.items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for name in imported(nodes[module], whole=True):
            parts = name.split(".")
            private = (i for i, part in enumerate(parts) if part.startswith("_") and not part.startswith("__"))
            owner = ".".join(parts[: next(private, 0)])
            if owner and not (below(module, owner) or below(package, owner.rpartition(".")[0])):
                broken.append(f"{module} imports {name}")
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("package", sorted(ROOT_MODULES))
def test_no_module_lies_in_the_root_that_is_not_on_the_list(package):
    assert {path.stem for path in (ROOT / package).glob("*.py")} <= ROOT_MODULES[package]


def test_the_tests_mirror_the_tree():
    """Each folder of tests is a package, or holds tests of a kind of their own."""
    own = {"compatibility", "condor", "data/v0_1", "external", "jobs/logs", "shared"}
    folders = {path.parent.relative_to(ROOT / "tests").as_posix() for path in (ROOT / "tests").rglob("test_*.py")}
    for folder in folders - {"."} - own:
        assert (ROOT / "app" / folder).is_dir() or (ROOT / folder).is_dir(), folder


def test_no_import_cycle_between_modules(trees):
    graph = {module: imported(at_import(tree)) - {module} for module, tree in trees.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_modules_are_short_documented_and_silent(trees, nodes):
    broken = []
    for module, path in SOURCES.items():
        lines = path.read_text().count("\n")
        if lines > 250:
            broken.append(f"{module}: {lines} lines")
        if not ast.get_docstring(trees[module]):
            broken.append(f"{module}: no docstring")
        for node in nodes[module]:
            if isinstance(node, ast.Assert):
                broken.append(f"{path}:{node.lineno}: assert, which python -O removes; raise instead")
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "print":
                broken.append(f"{path}:{node.lineno}: print; use the console or the log")
    assert not broken, "\n".join(broken)


def test_functions_are_short(nodes):
    broken = []
    for module, path in SOURCES.items():
        source = path.read_text().splitlines()
        for node in nodes[module]:
            if isinstance(node, ast.FunctionDef):
                documented = ast.get_docstring(node) is not None and len(node.body) > 1
                first = node.body[1 if documented else 0].lineno
                code = [s for s in source[first - 1 : node.end_lineno] if s.strip() and not s.strip().startswith("#")]
                if len(code) > 40:
                    broken.append(f"{path}:{node.lineno}: {node.name} has {len(code)} lines of code")
    assert not broken, "\n".join(broken)


def test_modules_are_named_after_a_concept():
    vague = {"utils", "util", "helpers", "common", "misc"}
    assert [module for module in SOURCES if vague & set(module.split("."))] == []


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


def test_packages_hold_a_docstring_and_what_they_hand_on(trees):
    """Only catalogs and names that others import from there: no code hides in an __init__."""
    for package in ["app", *(level for level in LEVELS if (ROOT / level.replace(".", "/")).is_dir())]:
        tree = trees[package]
        assert ast.get_docstring(tree), package
        assert not any(isinstance(node, ast.FunctionDef) and node.name.startswith("_") for node in tree.body), package
