"""Where numexpr computes integers and flags wrongly without a word."""

import ast
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem

ARITHMETIC: dict[type[ast.operator], Any] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Pow: np.power,
}


def wrong_integers(text: str, columns: Mapping[str, NDArray[Any]]) -> Problem | None:
    """Return what is computed wrongly in an expression of these columns, None where all of it is right.

    Integers that grow too large wrap around: of 32 bits, 70000 * 70000 is 605032704. The sum of two flags is their `|`.
    """
    for node in ast.walk(ast.parse(text.strip(), mode="eval")):
        if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
            problem = _wrong_node(node, columns)
            if problem is not None:
                return problem
    return None


def _wrong_node(node: ast.BinOp, columns: Mapping[str, NDArray[Any]]) -> Problem | None:
    import numexpr

    def value(part: ast.expr) -> NDArray[Any]:
        return np.asarray(numexpr.evaluate(ast.unparse(part), dict(columns), {}))

    exact, what = value(node), ast.unparse(node)
    if exact.dtype.kind == "b" and isinstance(node.op, ast.Add):
        expected = f"where({ast.unparse(node.left)}, 1, 0) + ... for how many, or |"
        return Problem(f"{what!r} adds flags, which is not their number", expected=expected)
    if exact.dtype.kind != "i":
        return None
    with np.errstate(over="ignore"):  # infinite is too large as well
        near = ARITHMETIC[type(node.op)](value(node.left).astype(float), value(node.right).astype(float))
    bits = 8 * exact.dtype.itemsize
    if np.all(np.abs(near - exact) < 2.0 ** (bits - 1)):  # who wraps around is wrong by 2^bits or more
        return None
    expected = f"results below 2^{bits - 1}, or a number with a point, as 1.0 * {ast.unparse(node.left)}"
    return Problem(f"{what!r} grows too large for integers of {bits} bits", expected=expected)
