"""Checks of files of images before a training: one calibration, energies that agree, nothing twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.argon.plane_layouts import MISMATCH
from datasets.pipeline.options import Split
from datasets.pipeline.split import split_keys

PER_PRIMITIVE = 0.7
"""Energy [MeV] that is added for each trigger primitive, to see whether it explains the mismatch."""
BINS = 5
"""Bins of the true energy, with equally many events."""
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""Title, names of the columns, rows as text."""


@dataclass(frozen=True)
class Sample:
    """All clusters on one plane, or all volumes, before any of them is dropped; arrays (N,), energies in MeV.

    Attributes:
        name: where they are seen, e.g. "X".
        noun: what the tested ones are called in titles.
        key: key of the event.
        pixels: hash of the image.
        content: hash of image and metadata.
        charge: sum of the positive ADC counts.
        primitives: runs of ticks with charge: trigger primitives, about.
        is_es: elastic scatter on an electron.
        is_main: main track; all are where there are no others.
        energy: true energy of the particle.
        by_momentum: from its momentum, NaN where there is none.
        cluster_energy: as the files have it; None where they do not.
        tested: whether the cluster energy should be that of the particle.
        shares: what else is drawn, 0 to 1 by name: how complete the matches are.
    """

    name: str
    noun: str
    key: NDArray[np.uint64]
    pixels: NDArray[np.uint64]
    content: NDArray[np.uint64]
    charge: Floats
    primitives: NDArray[np.int64]
    is_es: Flags
    is_main: Flags
    energy: Floats
    by_momentum: Floats
    cluster_energy: Floats | None
    tested: Flags
    shares: Mapping[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.key)

    @property
    def moving(self) -> Flags:
        """Which of them have a momentum."""
        return np.isfinite(self.by_momentum)

    @property
    def mismatched(self) -> float:
        """Share of |E(p) - E_true| > 5 MeV among those that have a momentum."""
        off = np.abs(self.by_momentum - self.energy)[self.moving]
        return float((off > MISMATCH).mean()) if len(off) else float("nan")


@dataclass(frozen=True)
class Quality:
    """The tables to print, and the samples to draw."""

    tables: Sequence[Table]
    samples: Sequence[Sample]


def common_tables(sample: Sample, split: Split | None) -> list[Table]:
    """Return the checks of every kind of images; `split` is how events would be split, None for the default."""
    return [correction_table(sample), calibration_table(sample), duplicates_table(sample, split or Split())]


def energies_table(
    title: str,
    noun: str,
    values: Mapping[str, NDArray[Any]],
    sample: Sample,
    with_mean: bool = False,
    has_momentum: bool = True,
) -> Table:
    """Return quantiles of some columns, and how often the momentum is missing or contradicts the energy.

    Args:
        title: title of the table.
        noun: what is counted.
        values: columns by name; empty ones are left out.
        sample: of which the energies are compared.
        with_mean: add a column with the mean.
        has_momentum: whether the files have momenta.
    """
    names = ["", noun, "least", "10 %", "median", "90 %", "largest", *(["mean"] if with_mean else [])]
    rows = [
        [name, f"{len(v):,}", *(f"{q:.4g}" for q in np.quantile(v, [0, 0.1, 0.5, 0.9, 1]))]
        + ([f"{v.mean():.4g}"] if with_mean else [])
        for name, v in values.items()
        if len(v)
    ]
    if has_momentum:
        blank = [""] * (len(names) - 2)
        rows.append(["without a momentum", f"{(~sample.moving).sum():,}", *blank])
        rows.append([f"|E(p) - E_true| > {MISMATCH:g} MeV", percent(sample.mismatched), *blank])
    return title, names, rows


def correction(sample: Sample, added: float) -> tuple[float, float]:
    """Return the correlation of cluster energies with the truth, and the share that is more than 5 MeV off.

    Args:
        sample: its `tested` clusters are used.
        added: energy that is added for each primitive [MeV].
    """
    if sample.cluster_energy is None or not sample.tested.any():
        return float("nan"), float("nan")
    truth = sample.energy[sample.tested]
    energy = (sample.cluster_energy + added * sample.primitives)[sample.tested]
    spread = energy.std() * truth.std()
    correlation = ((energy - energy.mean()) * (truth - truth.mean())).mean() / spread if spread else np.nan
    return float(correlation), float((np.abs(energy - truth) > MISMATCH).mean())


def correction_table(sample: Sample) -> Table:
    """Return whether cluster energies follow the truth better with an energy added for each primitive."""
    rows = []
    for added in (0.0, PER_PRIMITIVE) if sample.cluster_energy is not None and sample.tested.any() else ():
        correlation, wrong = correction(sample, added)
        rows.append([f"+ {added:g} MeV", f"{correlation:.4f}", percent(wrong)])
    names = ["per primitive", "correlation with E_true", f"|difference| > {MISMATCH:g} MeV"]
    return f"energy of {sample.noun} on {sample.name}, corrected for each primitive", names, rows


def calibration(sample: Sample, chosen: Flags) -> Floats:
    """Return low, high, number and the 16th, 50th and 84th percentile of ADC per MeV in bins of true energy (6, B)."""
    some = chosen & sample.moving & (sample.energy > 0)
    energy = sample.energy[some]
    rows = []
    if len(energy):
        ratio = sample.charge[some] / energy
        edges = np.unique(np.quantile(energy, np.linspace(0, 1, BINS + 1)))
        place = np.clip(np.searchsorted(edges, energy, side="right") - 1, 0, max(len(edges) - 2, 0))
        for number in np.unique(place):
            inside = ratio[place == number]
            limits = (edges[number], edges[min(number + 1, len(edges) - 1)])
            rows.append([*limits, len(inside), *np.percentile(inside, [15.865, 50, 84.135])])
    return np.array(rows, np.float64).reshape(-1, 6).T


def calibration_table(sample: Sample) -> Table:
    """Return whether one number of ADC counts per MeV fits all energies; then cluster energies need no correction."""
    rows = []
    for name, chosen in (("ES", sample.is_es), ("not ES", ~sample.is_es)):
        for low, high, number, lower, middle, upper in calibration(sample, chosen & sample.is_main).T:
            width = f"{(upper - lower) / 2 / middle:.2f}" if middle else "-"
            rows.append([name, f"{low:.3g} - {high:.3g}", f"{number:,.0f}", f"{middle:.4g}", width])
    names = ["", "E_true [MeV]", "number", "ADC / MeV, median", "relative 68 % half width"]
    return f"charge on {sample.name} per true energy", names, rows


def count_repeats(values: NDArray[np.uint64], key: NDArray[np.uint64], split: Split) -> tuple[int, int]:
    """Return how many values repeat others, and how many distinct ones two splits would share.

    Args:
        values: hashes (N,).
        key: keys of the events, (N,), by which they are split.
        split: shares and seed of the split.
    """
    if not len(values):
        return 0, 0
    _, number, counts = np.unique(values, return_inverse=True, return_counts=True)
    part = split_keys(key, split)
    lowest, highest = np.full(len(counts), 9), np.full(len(counts), -1)
    np.minimum.at(lowest, number.ravel(), part)
    np.maximum.at(highest, number.ravel(), part)
    return int((counts - 1).sum()), int((highest > lowest).sum())


def duplicates_table(sample: Sample, split: Split) -> Table:
    """Return how many images repeat, with and without equal metadata, and how many of them two splits would share."""
    rows = []
    for name, values in (("image and metadata", sample.content), ("image alone", sample.pixels)):
        repeats, across = count_repeats(values, sample.key, split)
        rows.append([name, f"{repeats:,}", f"{across:,}"])
    return f"duplicates on {sample.name}", ["equal", "repeat others", "of them in two splits"], rows


def percent(share: float) -> str:
    """Return a share in percent, "-" where there is none."""
    return f"{100 * share:.1f} %" if np.isfinite(share) else "-"


def share_of(part: int, whole: int) -> float:
    """Return the share part / whole, NaN where the whole is 0."""
    return part / whole if whole else float("nan")
