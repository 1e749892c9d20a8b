"""C++ code in the making: the lines of one function, its arrays of constants, and what has no counterpart there."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.core.errors import Problem, UserError
from app.physics.magnet import Magnet


@dataclass(frozen=True)
class Array:
    """An array of the function: its name and how many numbers are in it."""

    name: str
    width: int

    def elements(self) -> list[str]:
        """Return each element as an expression."""
        return [f"{self.name}[{i}]" for i in range(self.width)]


@dataclass
class Code:
    """The function that computes a network, in C++; `T` is the type of its numbers.

    Attributes:
        columns: names of the input columns, in the order of the array `in`.
        lines: statements of the function.
        constants: values by name.
        magnet: whose field the function looks up, if any.
    """

    columns: Sequence[str]
    lines: list[str] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    magnet: Magnet | None = None
    _known: dict[Hashable, Any] = field(default_factory=dict)
    _count: int = 0

    def new(self, prefix: str) -> str:
        """Return a name that is not yet taken."""
        self._count += 1
        return f"{prefix}_{self._count}"

    def constant(self, values: Any) -> str:
        """Return the name of an array of constants."""
        name = self.new("c")
        self.constants[name] = np.ravel(np.asarray(values, np.float64))
        return f"weights::{name}"

    def array(self, elements: Sequence[str] | int) -> Array:
        """Declare an array of these elements, or of so many that a statement will fill; with place for blocks."""
        width = elements if isinstance(elements, int) else len(elements)
        made = Array(self.new("a"), width)
        values = "" if isinstance(elements, int) else f" = {{{', '.join(elements)}}}"
        self.lines.append(f"T {made.name}[padded<{width}>]{values};")
        return made

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` gives, called at the first time that this key is asked for."""
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def folded(self, mirror: bool) -> Mapping[str, str]:
        """Return the input columns as expressions by name, those of the mirrored track where it is asked for."""
        plain = {name: f"in[{i}]" for i, name in enumerate(self.columns)}
        if not mirror:
            return plain
        return self.once("mirror", lambda: self._mirrored(plain))  # type: ignore[no-any-return]

    def _mirrored(self, plain: Mapping[str, str]) -> dict[str, str]:
        q, y, ty = (f"value({plain[name]})" for name in ("qop", "y", "ty"))
        self.lines += [
            f"const auto horizontal = sign_if({q} < 0.f);",
            f"const auto vertical = sign_if(({ty} < 0.f) | (({ty} == 0.f) & ({y} < 0.f)));",
        ]
        signs = dict.fromkeys(("x", "tx", "qop"), "horizontal") | dict.fromkeys(("y", "ty"), "vertical")
        for name, sign in signs.items():
            self.lines.append(f"const T folded_{name} = {plain[name]} * {sign};")
        return {**plain, **{name: f"folded_{name}" for name in signs}}


def number(value: Any) -> str:
    """Return a float of C++ with all digits of a float32."""
    text = f"{np.float32(value):.9g}"
    return f"{text}{'' if '.' in text or 'e' in text else '.'}f"


def refuse(what: str, name: str, expected: str) -> UserError:
    """Return the error of a part of a model that a header cannot hold."""
    return UserError(Problem(f"a header cannot hold {what} {name!r}", ("--cpp",), expected=expected))
