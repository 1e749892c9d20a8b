"""One formula for NumPy arrays and TensorFlow tensors: the choice of the module whose functions fit the values."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.libraries import keras, tf

_FOR_XLA = ContextVar("for_xla", default=True)

Array = Any
"""A NumPy array, a TensorFlow tensor or a number."""


def _plain(value: Array) -> bool:
    return isinstance(value, (np.ndarray, np.generic, float, int))


def module_of(*values: Array) -> Any:
    """Return `numpy` when all of `values` are NumPy arrays or numbers, else `keras.ops`.

    Formulas use Python's operators, and from the returned module only functions that both have under one name and that
    keep the precision of their argument: `exp`, `sqrt`, `floor`, `clip`, `where`, `take`, `stack`, `ones_like`.
    """
    if all(map(_plain, values)):
        return np
    return keras.ops


def is_absent(component: Array) -> bool:
    """Return whether a field component is the literal 0, so that its terms can be left out of the equation."""
    return isinstance(component, (int, float)) and component == 0


def integers(values: Array) -> Array:
    """Return whole floating-point values as 32-bit integers."""
    return np.asarray(values).astype(np.int32) if _plain(values) else module_of(values).cast(values, "int32")


@contextlib.contextmanager
def for_other_compilers() -> Iterator[None]:
    """Trace graphs inside this block without the loops around single numbers, which only XLA needs."""
    token = _FOR_XLA.set(False)
    try:
        yield
    finally:
        _FOR_XLA.reset(token)


def computed_once(*values: Array) -> tuple[Array, ...]:
    """Return the same tensors, computed once by XLA and read back, instead of once for each number made of them.

    XLA fuses arithmetic into what uses it, and repeats it for each use: the index of a look-up for each of the numbers
    in a row, a step of Runge-Kutta for each output of the next one, multiplied at each step. It does not look
    through a loop whose length it does not know. Derivatives pass by the loop: they would have to know its length.
    """
    if not _FOR_XLA.get() or all(map(_plain, values)):
        return values
    like = next(value for value in values if not _plain(value)).dtype
    kept = _read_back if like.is_integer else tf.custom_gradient(_with_gradient)
    made: tuple[Array, ...] = kept(*(tf.convert_to_tensor(value, like) for value in values))
    return made


def _with_gradient(*values: Array) -> tuple[Any, Any]:
    return _read_back(*values), lambda *upstream: upstream


def _read_back(*values: Array) -> tuple[Array, ...]:
    with tf.init_scope():
        once = tf.constant(1)
    start = (0, *map(tf.zeros_like, values))
    return tuple(tf.while_loop(lambda turn, *_: turn < once, lambda turn, *_: (turn + 1, *values), start)[1:])


def table_like(values: Array, tables: dict[str, Any]) -> Any:
    """Return `tables["float64"]` in the precision and kind of `values`, converted once and kept in `tables`.

    A tensor is made outside of any graph, so that it is an argument of the compiled program: a constant in it would be
    copied and folded in every compilation.
    """
    if _plain(values):
        return _converted(tables, str(np.asarray(values).dtype))
    name = f"tensor {values.dtype.name}"
    if name not in tables:
        with tf.init_scope():
            tables[name] = tf.constant(tables["float64"], values.dtype)
    return tables[name]


def _converted(tables: dict[str, Any], dtype: str) -> NDArray[Any]:
    if dtype not in tables:
        tables[dtype] = tables["float64"].astype(dtype)
    converted: NDArray[Any] = tables[dtype]
    return converted
