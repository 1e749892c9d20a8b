"""One formula for NumPy arrays and TensorFlow tensors: choose the module whose functions fit the values."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any
"""A NumPy array, a TensorFlow tensor or a number."""


def module_of(*values: Array) -> Any:
    """Return `numpy` when all of `values` are NumPy arrays or numbers, else `keras.ops`.

    Formulas use Python's operators, and from the returned module only functions that both have under one name and that keep
    the precision of their argument: `exp`, `sqrt`, `floor`, `clip`, `where`, `take`.
    """
    plain = all(isinstance(value, (np.ndarray, np.generic, float, int)) for value in values)
    if plain:
        return np
    from keras import ops

    return ops


def is_absent(component: Array) -> bool:
    """Whether a field component is the literal number 0, which lets its terms be left out of the equation."""
    return isinstance(component, (int, float)) and component == 0
