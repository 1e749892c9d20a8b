"""A field learned from tracks: a sum of harmonic functions, which obeys Maxwell's equations by construction."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from app.physics.arrays import Array, integers, module_of, table_like
from app.physics.harmonic_file import HarmonicFile, SeenRegion, read_harmonic
from app.physics.harmonic_modes import Floats, HarmonicModes
from app.physics.magnetic_field import FIELDS, Symmetry


@FIELDS("harmonic")
class Harmonic:
    """A field that `wirechamber fit-field` learned from the two ends of tracks.

    The potential is a sum of `cos|sin(a x) sinh|cosh(k y) cos|sin(b z)` with `k^2 = a^2 + b^2`, so that divergence and
    curl vanish whatever the coefficients are. It is known where tracks passed; beyond the box around them each place
    gets the field of the nearest place of the box. A simulation counts tracks that leave the cells that tracks have
    seen and warns of them.

    Args:
        file: what `wirechamber fit-field` wrote; `${VARIABLE}` is expanded. A missing file is an error.
        polarity: +1 as in the file, -1 reversed.
        scale: further factor on the field, e.g. current over nominal current.

    Raises:
        UserError: no such file, another kind of file, an unset variable in the path.
    """

    beyond: ClassVar[str] = "left the region that the fitted tracks saw, the field is continued there"

    def __init__(self, *, file: str, polarity: Literal[1, -1] = 1, scale: float = 1.0) -> None:
        self._set(read_harmonic(file), polarity * scale)

    @classmethod
    def of_modes(cls, modes: HarmonicModes, w: Floats, region: SeenRegion) -> Harmonic:
        """Make a field from modes, their coefficients [T] and the region seen, in memory."""
        made = cls.__new__(cls)  # the constructor belongs to the job file
        made._set(HarmonicFile(modes, w, region), 1.0)
        return made

    def _set(self, content: HarmonicFile, factor: float) -> None:
        self.sha256, self.modes, self.region = content.sha256, content.modes, content.region
        self.w = content.w * factor
        low, high = self.region.low, self.region.high
        across = np.maximum(np.abs(low), np.abs(high))[:2]  # symmetric, so that a symmetric field stays so
        self.low = (*(-across).tolist(), float(low[2]))
        self.high = (*across.tolist(), float(high[2]))

    def __call__(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Return (Bx, By, Bz) [T] at (x, y, z) [mm]; beyond the box around the region that of its nearest place."""
        xp = module_of(x, y, z)
        like = _in_precision(x, y, z)
        table = {name: table_like(like, versions) for name, versions in self._tables.items()}
        x, y, z = (
            xp.clip(xp.asarray(value, like.dtype) if xp is np else xp.cast(value, like.dtype), low, high)[
                ..., None, None
            ]
            for value, low, high in zip((x, y, z), self.low, self.high, strict=True)
        )
        growth = xp.exp(table["k"] * y)
        sinh, cosh = 0.5 * (growth - 1.0 / growth), 0.5 * (growth + 1.0 / growth)
        angle = table["b"] * (z - self.modes.center)
        cos, sin = xp.cos(angle), xp.sin(angle)
        sums = [table[f"cos{i}"] * cos + table[f"sin{i}"] * sin for i in range(4)]
        rates = [table["b"] * (table[f"sin{i}"] * cos - table[f"cos{i}"] * sin) for i in range(4)]

        def in_y(terms: list[Array], one: Array, other: Array, scale: str) -> tuple[Array, Array]:
            """Return for cos and for sin in x the sum over the waves in z."""
            both = (one * terms[0] + other * terms[1], one * terms[2] + other * terms[3])
            return tuple(xp.sum(table[scale] * part, axis=-1) for part in both)

        even, odd = in_y(sums, sinh, cosh, "scale_per_k")
        rise, rise_odd = in_y(sums, cosh, sinh, "scale")
        along, along_odd = in_y(rates, sinh, cosh, "scale_per_k")
        turn = (table["a"] * x)[..., 0]
        c, s = xp.cos(turn), xp.sin(turn)
        a = table["a"][:, 0]
        return (
            xp.sum(a * (c * odd - s * even), axis=-1),
            xp.sum(c * rise + s * rise_odd, axis=-1),
            xp.sum(c * along + s * along_odd, axis=-1),
        )

    @cached_property
    def _tables(self) -> dict[str, dict[str, Any]]:
        """What the formula reads, by name and by precision, (x, z) or what broadcasts to it."""
        m = self.modes
        values = {"a": m.a[:, None], "b": m.b[None], "k": m.k, "scale": m.scale, "scale_per_k": m.scale_per_k}
        for i in range(4):
            values |= {f"cos{i}": self.w[:, :, i // 2, i % 2, 0], f"sin{i}": self.w[:, :, i // 2, i % 2, 1]}
        return {name: {"float64": np.ascontiguousarray(value)} for name, value in values.items()}

    @cached_property
    def _cells(self) -> dict[str, Any]:
        return {"float64": self.region.cells.reshape(-1).astype(np.float64)}

    def inside(self, x: Array, y: Array, z: Array) -> Array:
        """Return where (x, y, z) [mm] lies in a cell that tracks have seen."""
        xp, cell, known, total = module_of(x, y, z), 0, True, 0.0
        axes = zip((x, y, z), self.region.low.tolist(), self.region.high.tolist(), self.region.cells.shape, strict=True)
        for value, low, high, count in axes:
            along = (value - low) * (count / (high - low))
            known, total = known & (along >= 0.0) & (along <= float(count)), total + along
            whole = xp.floor(xp.where(known, along, 0.0))
            cell = cell * count + integers(xp.clip(whole, 0.0, count - 1.0))
        return known & (xp.take(table_like(total, self._cells), cell, axis=0) > 0.5)

    @cached_property
    def symmetry(self) -> Symmetry:
        """The symmetry of the modes that have a coefficient."""
        used = self.w != 0.0
        return Symmetry(
            mirror_x=not used[:, :, 1].any(),
            mirror_y=not used[:, :, :, 1].any(),
            depends_on_x=bool(used[1:].any()),
            depends_on_y=bool(used[self.modes.k > 0].any()),
            depends_on_z=bool(used[:, 1:].any()),
        )


def _in_precision(*coordinates: Array) -> Array:
    """Return a value of the precision in which these are computed: that of a tensor, else of the arrays."""
    tensor = next((value for value in coordinates if module_of(value) is not np), None)
    if tensor is not None:
        return tensor
    arrays = [value for value in coordinates if np.ndim(value) and np.asarray(value).dtype.kind == "f"]
    return np.zeros((), np.result_type(*arrays) if arrays else np.float64)
