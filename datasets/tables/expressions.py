"""Expressions of columns, such as sqrt(px**2 + py**2): numexpr computes them, nothing else can be called."""

import ast
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Place, Problem, UserError, nearest
from datasets.tables.integers import wrong_integers

FUNCTIONS = (
    *("where", "abs", "sqrt", "exp", "expm1", "log", "log1p", "log10", "floor", "ceil", "sin", "cos", "tan"),
    *("arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh"),
)
LARGEST_POWER = 100
"""Of a number: Python computes numbers exactly, 10**10**10 without an end."""
OPERATIONS = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.operator, ast.unaryop, ast.cmpop, ast.Load)


def names_in(text: str, place: Place) -> tuple[str, ...]:
    """Return the columns that an expression takes, in order.

    Raises:
        UserError: it cannot be parsed, or holds anything but numbers, columns, operators and the known functions.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        what, expected = f"not an expression ({getattr(error, 'msg', error)})", "as '(pt > 5) & (abs(eta) < 2.5)'"
        raise UserError(Problem(what, place, expected=expected, received=text)) from None
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        problem = refusal(node)
        if problem is not None:
            raise UserError(replace(problem, where=place, received=text))
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in called]
    return tuple(dict.fromkeys(names))


def parsed(text: str) -> str:
    """Return an expression that `names_in` understands; raises its UserError."""
    names_in(text, ())
    return text


def refusal(node: ast.AST) -> Problem | None:
    """Return what is wrong with a part of an expression, None where it is allowed."""
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        if name in FUNCTIONS and not node.keywords:
            return None
        near, expected = nearest(name, FUNCTIONS), f"one of {', '.join(FUNCTIONS)}"
        return Problem(f"cannot call {name!r}", nearest=near, expected=expected)
    if isinstance(node, ast.Compare) and len(node.ops) > 1:
        return Problem("a chain of comparisons", expected="as '(1 < x) & (x < 3)'")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow | ast.LShift) and not _may_be_computed(node):
        expected = f"a column, or a number with a power of at most {LARGEST_POWER}"
        return Problem(f"too large a number {ast.unparse(node)!r}", expected=expected)
    number = isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    if number or isinstance(node, (*OPERATIONS, ast.Name)):
        return None
    expected = "numbers, columns, + - * / ** % < <= == != & | ~ and functions; 'and' is written '&'"
    return Problem(f"an expression cannot hold {ast.unparse(node)!r}", expected=expected)


def _may_be_computed(power: ast.BinOp) -> bool:
    """Whether a power of numbers alone is one of two plain numbers, the second of which is small."""
    if any(isinstance(node, ast.Name) for node in ast.walk(power)):
        return True
    exponent = power.right.operand if isinstance(power.right, ast.UnaryOp) else power.right
    if not isinstance(power.left, ast.Constant) or not isinstance(exponent, ast.Constant):
        return False
    return isinstance(exponent.value, int | float) and exponent.value <= LARGEST_POWER


def evaluate(text: str, columns: Mapping[str, NDArray[Any]], place: Place) -> NDArray[Any]:
    """Return the value of an expression for each row, (N,).

    Raises:
        UserError: an operation that the columns' types do not allow.
    """
    import numexpr

    names = names_in(text, place)
    rows = len(columns[names[0]]) if names else 1
    for name in names:
        values = columns[name]
        if values.dtype.kind not in "iufb" or (values.dtype == np.uint64 and rows and values.max() >= 2**63):
            received = f"{name}: {'numbers from 2^63 up' if values.dtype.kind == 'u' else values.dtype}"
            raise UserError(Problem("cannot be computed", place, expected="columns of numbers", received=received))
    taken = {name: columns[name] for name in names}
    try:
        values = numexpr.evaluate(text.strip(), taken, {})
        problem = wrong_integers(text, taken)
    except Exception as error:  # numexpr raises what it likes
        raise UserError(Problem(f"cannot be computed ({error})", place, received=text)) from None
    if problem is not None:
        raise UserError(replace(problem, where=place, received=text))
    return np.broadcast_to(values, (rows,)) if values.ndim == 0 else values
