"""What `wirechamber inspect` draws of files of images: a figure for each plane, or one of all volumes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.save import save_figure
from app.plots.drawing.style import BLUE, GREEN, GREY, ORANGE, RED, draw_legend, label, new_figure, styled
from datasets.argon.plane_layouts import MISMATCH
from datasets.argon.quality import PER_PRIMITIVE, Sample, calibration, correction, count_repeats, percent, share_of
from datasets.pipeline.options import Split

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = (("ES", BLUE, "o"), ("not ES", ORANGE, "s"))
REACH = 30.0
"""Largest difference between two energies [MeV] that is drawn; what lies beyond is counted at the edge."""
BINS = 40


def draw_quality(samples: Sequence[Sample], split: Split, title: str, folder: Path) -> list[Path]:
    """Write `quality_<sample>.png` of each sample into a folder, made when it does not exist; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for sample in samples:
        figure, path = quality_figure(sample, split, title), folder / f"quality_{sample.name.replace(' ', '_')}.png"
        save_figure(figure, path)
        files.append(path)
    return files


@styled
def quality_figure(sample: Sample, split: Split, title: str = "") -> Figure:
    """Draw one sample.

    Classes; true energies; E(p) - E_true with the share beyond 5 MeV; the energy of clusters against the truth, with
    and without 0.7 MeV for each primitive; ADC per MeV against the true energy, median and central 68 %; how complete
    matches are, and how many images occur twice.

    Args:
        sample: from the dataset's own module of quality.
        split: how events would be split, for duplicates on both sides.
        title: of the data.

    Returns:
        Six panels.
    """
    figure = new_figure(19.0, 11.0)
    panels = list(figure.subplots(2, 3).flat)
    draw_classes(panels[0], sample)
    draw_energies(panels[1], sample)
    draw_mismatch(panels[2], sample)
    draw_correction(panels[3], sample)
    draw_calibration(panels[4], sample)
    draw_shares(panels[5], sample, split)
    label(PlotInputs(title=f"{title}, {sample.name}" if title else sample.name), [panels[0]])
    return figure


def _kinds(sample: Sample) -> list[tuple[str, str, str, Any]]:
    return [(*kind, chosen) for kind, chosen in zip(KINDS, (sample.is_es, ~sample.is_es), strict=True)]


def draw_classes(axes: Axes, sample: Sample) -> None:
    """Draw how many clusters are of each class, those of main tracks below the others."""
    place = np.arange(len(KINDS))
    main = np.array([int((chosen & sample.is_main).sum()) for *_, chosen in _kinds(sample)])
    total = np.array([int(chosen.sum()) for *_, chosen in _kinds(sample)])
    axes.bar(place, main, 0.6, color=BLUE, alpha=0.7, label="main tracks")
    axes.bar(place, total - main, 0.6, bottom=main, color=GREY, alpha=0.5, label="others")
    for x, (in_main, number) in enumerate(zip(main.tolist(), total.tolist(), strict=True)):
        text = f"{number:,} ({percent(share_of(number, len(sample)))})\n{in_main:,} main"
        axes.text(x, number, text, ha="center", va="bottom")
    axes.set_xticks(place, [name for name, *_ in KINDS])
    axes.minorticks_off()
    axes.set(ylim=(0, 1.35 * max(total.max(initial=0), 1)), ylabel="number")
    draw_legend(axes, loc="upper right", ncols=2)


def draw_energies(axes: Axes, sample: Sample) -> None:
    """Draw the true energies of both classes, and those of the clusters where they are known."""
    low, high = np.percentile(sample.energy, [0, 99.5]) if len(sample) else (0.0, 1.0)
    edges = list(np.linspace(min(0.0, low), high if high > low else low + 1, BINS + 1))
    for name, colour, _, chosen in _kinds(sample):
        values = sample.energy[chosen]
        text = f"{name}: median {np.median(values):.3g}" if len(values) else f"{name}: none"
        axes.hist(values, edges, histtype="step", color=colour, linewidth=1.8, label=text)
    if sample.cluster_energy is not None:
        text = f"clusters: median {np.median(sample.cluster_energy):.3g}"
        axes.hist(sample.cluster_energy, edges, histtype="step", color=GREY, linestyle="--", label=text)
    axes.set(ylim=(0, 1.4 * axes.get_ylim()[1]), xlabel="true energy [MeV]", ylabel="number per bin")
    draw_legend(axes, loc="upper right")


def draw_mismatch(axes: Axes, sample: Sample) -> None:
    """Draw E(p) - E_true of what moves, with the share beyond 5 MeV."""
    off = (sample.by_momentum - sample.energy)[sample.moving]
    beyond = f"|difference| > {MISMATCH:g} MeV: {percent(sample.mismatched)}"
    axes.hist(np.clip(off, -REACH, REACH), list(np.linspace(-REACH, REACH, 61)), color=BLUE, alpha=0.5, label=beyond)
    for limit in (-MISMATCH, MISMATCH):
        axes.axvline(limit, color=RED, linewidth=1, linestyle="--")
    axes.set_yscale("symlog", linthresh=1)
    axes.set(ylim=(0, 30 * max(axes.get_ylim()[1], 1)), ylabel="number per bin")
    axes.set_xlabel("$E(p)$ $-$ true energy [MeV]")
    draw_legend(axes, loc="upper left")


def draw_correction(axes: Axes, sample: Sample) -> None:
    """Draw the energy of clusters against the truth, with and without 0.7 MeV for each primitive."""
    if sample.cluster_energy is None or not sample.tested.any():
        axes.text(0.5, 0.5, "no cluster energies", ha="center", transform=axes.transAxes)
        return
    truth = sample.energy[sample.tested]
    some = np.random.default_rng(0).permutation(len(truth))[:3000]  # more points hide one another
    for added, colour, marker in ((0.0, BLUE, "o"), (PER_PRIMITIVE, ORANGE, "^")):
        energy = (sample.cluster_energy + added * sample.primitives)[sample.tested]
        correlation, wrong = correction(sample, added)
        text = f"+ {added:g} MeV: {correlation:.4f}, {percent(wrong)} off"
        axes.plot(truth[some], energy[some], color=colour, marker=marker, ms=3, ls="", alpha=0.5, label=text)
    end = 1.05 * float(truth.max())
    axes.plot([0, end], [0, end], color=GREY, linewidth=1, linestyle=":")
    axes.set(xlim=(0, end), ylim=(0, 1.5 * end), xlabel="true energy [MeV]", ylabel="cluster energy [MeV]")
    title = f"per primitive: correlation, beyond {MISMATCH:g} MeV; {sample.noun}"
    draw_legend(axes, loc="upper left", title=title, alignment="left", markerscale=2)


def draw_calibration(axes: Axes, sample: Sample) -> None:
    """Draw ADC per MeV against the true energy: median and central 68 % of the main tracks of each class."""
    if not (sample.moving & sample.is_main & (sample.energy > 0)).any():
        axes.text(0.5, 0.5, "no momenta", ha="center", transform=axes.transAxes)
        return
    for name, colour, marker, chosen in _kinds(sample):
        low, high, _, lower, middle, upper = calibration(sample, chosen & sample.is_main)
        if len(middle):
            bars = {"xerr": (high - low) / 2, "yerr": (middle - lower, upper - middle)}
            axes.errorbar(
                (low + high) / 2, middle, **bars, color=colour, marker=marker, ls="", elinewidth=1, label=name
            )
    axes.set(ylim=(0, 1.3 * axes.get_ylim()[1]), xlabel="true energy [MeV]", ylabel="ADC / MeV")
    draw_legend(axes, loc="upper right", title="median, central 68 %", alignment="left")


def draw_shares(axes: Axes, sample: Sample, split: Split) -> None:
    """Draw how complete matches are, and how many images occur twice."""
    shares = dict(sample.shares)
    for name, values in (("image twice", sample.pixels), ("with its metadata", sample.content)):
        repeats, across = count_repeats(values, sample.key, split)
        shares[f"{name}: {repeats:,}, {across:,} across splits"] = repeats / max(len(sample), 1)
    names, values = list(shares), np.nan_to_num(list(shares.values()))
    colours = [GREEN] * len(sample.shares) + [RED] * 2
    axes.barh(np.arange(len(names)), values, 0.5, color=colours, alpha=0.7)
    for y, (name, value) in enumerate(zip(names, values, strict=True)):
        axes.text(0.02, y - 0.28, f"{name}: {percent(float(value))}", va="bottom", fontsize=11.5)
    axes.set_yticks([])
    axes.set(xlim=(0, 1.02), ylim=(len(names), -1), xlabel="share")
