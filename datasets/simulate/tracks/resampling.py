"""Tracks that begin as those of a file do: its start states, moved within the distance to their neighbours."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.core.files import expand
from datasets.simulate.tracks.sampling import Float32, Interval, Tracks
from datasets.tracks.checks import check_charged, check_finite, check_qop_unit, check_ranges
from datasets.tracks.files import START, Layout, npz_reader

NEIGHBOURS = 8
LIKE = ("like",)
NEEDED = (*START, "z_start")


@dataclass(frozen=True)
class Resampling:
    """Start states of a file, each time another one, moved by a normal combination of the ways to its neighbours.

    Neighbours are the nearest tracks of the same charge in x, y, tx, ty and log p, each over its standard deviation.
    So relations between the columns stay as they are in the file: that tracks come from one point, and were bent in
    proportion to q/p before. What leaves the ranges of the file's columns is moved the other way, else drawn again.

    Attributes:
        starts: x, y [mm], tx, ty, 1/p [1/GeV], z_start, z_end [mm], (N, 7).
        charge: of each, (N,).
        smear: the width of the movement; 1 is the typical distance of the neighbours, 0 gives the states of the file.
    """

    starts: NDArray[np.float64]
    charge: Float32
    smear: float

    stays_inside: ClassVar[bool] = True
    place: ClassVar[str] = "like"

    @classmethod
    def of_file(cls, like: str, smear: float) -> "Resampling":
        """Read an npz file of track states, or a field that `fit-field` wrote, with the tracks that it fitted.

        Raises:
            UserError: no such file, another kind of file, too few tracks of one charge.
        """
        path = expand(like, LIKE)
        columns = _read(path)
        few = min(int((columns["qop"] > 0).sum()), int((columns["qop"] < 0).sum()))
        if few <= NEIGHBOURS:
            expected = f"more than {NEIGHBOURS} of each charge"
            raise UserError(Problem("too few tracks", (*LIKE, str(path)), expected=expected, received=few))
        values = [columns[name] for name in ("x", "y", "tx", "ty")]
        z = columns["z_start"]
        charge = np.sign(columns["qop"]).astype(np.float32)
        return cls(np.stack([*values, np.abs(columns["qop"]), z, z + columns["dz"]], axis=1), charge, smear)

    @property
    def shares_z(self) -> bool:
        """Whether all tracks share z_start and dz."""
        return bool((self.starts[:, 5:] == self.starts[0, 5:]).all())

    @cached_property
    def neighbours(self) -> NDArray[np.intp]:
        """The nearest tracks of the same charge, (N, NEIGHBOURS)."""
        from scipy.spatial import KDTree

        scaled = np.column_stack([self.starts[:, :4], np.log(self.starts[:, 4])])
        width = scaled.std(axis=0)
        scaled /= np.where(width > 0, width, 1.0)
        found = np.empty((len(scaled), NEIGHBOURS), np.intp)
        for charge in (-1, 1):
            rows = np.flatnonzero(self.charge == charge)
            found[rows] = rows[KDTree(scaled[rows]).query(scaled[rows], NEIGHBOURS + 1)[1][:, 1:]]
        return found

    def draw(self, random: np.random.Generator, count: int, momentum: Interval | None = None) -> Tracks:
        """Draw `count` tracks, rounded to float32 at once; there is one momentum bin, so that it need not be given."""
        parts, drawn = list[tuple[NDArray[np.float64], Float32]](), 0
        low, high = self.starts[:, :5].min(axis=0), self.starts[:, :5].max(axis=0)

        def within(values: NDArray[np.float64]) -> NDArray[np.bool_]:
            inside: NDArray[np.bool_] = ((values >= low) & (values <= high)).all(axis=1)
            return inside

        while drawn < count:
            rows = random.integers(len(self.starts), size=count)
            values = self.starts[rows]
            ways = self.starts[self.neighbours[rows], :5] - values[:, None, :5]
            share = random.standard_normal((count, NEIGHBOURS, 1)) * (self.smear / np.sqrt(NEIGHBOURS))
            moves = (share * ways).sum(axis=1)
            there, back = values[:, :5] + moves, values[:, :5] - moves
            values[:, :5] = np.where(within(there)[:, None], there, back)  # so that edges have as many as other places
            good = within(values[:, :5])
            parts.append((values[good], self.charge[rows[good]]))
            drawn += int(good.sum())
        values = np.concatenate([part for part, _ in parts])[:count]
        p: Float32 = (1.0 / values[:, 4]).astype(np.float32)
        qop = (np.concatenate([charge for _, charge in parts])[:count] / p).astype(np.float32)
        z_start, z_end = values[:, 5:].T.astype(np.float32)
        return Tracks(values[:, :4].astype(np.float32), qop, p, z_start, z_end)

    def bins(self) -> list[Interval]:
        """Return the range of the momenta [GeV] as one bin."""
        return [(float(1.0 / self.starts[:, 4].max()), float(1.0 / self.starts[:, 4].min()))]

    def options(self) -> dict[str, Any]:
        """Return what the tracks depend on: a hash of the start states stands for them."""
        content = self.starts.tobytes() + self.charge.tobytes()
        return {"like": hashlib.sha256(content).hexdigest(), "smear": self.smear}

    def planes(self) -> dict[str, Any]:
        """Return z_start and z_end where all tracks share them, for the metadata."""
        first = self.starts[0, 5:].tolist() if self.shares_z else (None, None)
        return {"z_start": first[0], "z_end": first[1], "dz": None}


def _read(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return the columns of start states in float64; raises UserError where they are not what they should be."""
    where = (*LIKE, str(path))
    if not path.is_file():
        raise UserError(Problem("no such file", where, expected="an npz of track states, or what fit-field wrote"))
    rows, read = npz_reader(path, Layout(truth=False))
    columns = {name: values.astype(np.float64) for name, values in read(0, rows).items() if name != "key"}
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        expected = "an array X of x, y, tx, ty, q/p, dz and an array Z of z_start, z_end"
        raise UserError(Problem(f"has no {', '.join(missing)}", where, expected=expected))
    if not rows:
        return columns
    check_finite(columns, where)
    check_charged(columns, where)
    check_qop_unit(columns, where)
    check_ranges(columns, where)
    return columns
