"""Compiled functions, kept on disk where there is a folder to write. Imported with numba."""

from collections.abc import Callable
from typing import Any

import numba


def compile_kept(function: Callable[..., Any], **options: Any) -> Any:
    """Compile a function without the lock, and keep it on disk for the next process.

    Args:
        function: to compile.
        options: further ones of `numba.njit`.
    """
    try:
        return numba.njit(nogil=True, cache=True, **options)(function)
    except RuntimeError:  # neither the folder of the source nor the user's cache can be written
        return numba.njit(nogil=True, **options)(function)
