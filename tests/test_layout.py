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
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "setup.cfg", "pyproject.toml"),
    *("constraints.txt", ".pre-commit-config.yaml", ".gitignore", ".ci"),
    *("json", "app", "losses", "datasets", "jobs", "registry", "tests", "benchmarks", "docs"),
}
# Who may import whom among our own; the first prefix that fits a module decides. The rest of app may import everything
# but the entry points.
MAY_IMPORT = {
    "app.core": ("app.core",),
    "app.physics": ("app.core", "app.physics"),
    "datasets": ("app.core", "app.physics", "datasets"),
    "losses": ("app.core", "app.physics", "losses"),
    "registry": ("app.core", "registry"),
    "jobs": ("app.core", "jobs"),
    "app.run": ("app.core", "app.cli"),
    "app.__main__": ("app.core", "app.cli", "jobs"),
    "app.cli": PACKAGES,
    "app": PACKAGES,
}
ENTRY_POINTS = ("app.run", "app.cli", "app.__main__")


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(p): p for package in PACKAGES for p in sorted((ROOT / package).rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(), str(path)) for name, path in SOURCES.items()}


def below(name, prefix):
    return name == prefix or name.startswith(prefix + ".")


def imported(nodes):
    """Return the modules of ours that import statements among `nodes` name."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in SOURCES else node.module for name in whole}
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


@every_module
def test_imports_go_one_way(module):
    layer = next(prefix for prefix in MAY_IMPORT if below(module, prefix))
    for name in imported(ast.walk(TREES[module])):
        assert any(below(name, prefix) for prefix in MAY_IMPORT[layer]), f"{module} ({layer}) imports {name}"
        if layer == "app":
            assert name not in ENTRY_POINTS, f"{module} imports the entry point {name}"


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


@pytest.mark.parametrize("package", ["app", "app/core", "app/physics"])
def test_inner_packages_hold_a_docstring_and_nothing_else(package):
    assert len(ast.parse((ROOT / package / "__init__.py").read_text()).body) == 1
