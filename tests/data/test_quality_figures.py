"""The figure of inspect: its numbers are those of the tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.data.quality_figures import draw_quality, quality_figure
from datasets.argon.quality import Sample, count_repeats
from datasets.pipeline.options import Split

ROWS = 1000


@pytest.fixture
def sample():
    """A quarter are scatters; a tenth have an energy that is 8 MeV off; ten images occur twice."""
    random = np.random.default_rng(0)
    energy = random.uniform(5, 40, ROWS)
    by_momentum = energy - np.where(np.arange(ROWS) < 100, 8.0, 0.0)
    key = random.integers(0, 2**63, ROWS).astype(np.uint64)
    pixels = key.copy()
    pixels[:10] = pixels[10:20]
    every = np.ones(ROWS, bool)
    return Sample(
        "X", "main tracks", key, pixels, key, 3000 * energy, np.full(ROWS, 10), np.arange(ROWS) % 4 == 0,
        np.arange(ROWS) % 2 == 0, energy, by_momentum, energy - 7, every, {"with a match_id": 0.9},
    )  # fmt: skip


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_every_panel_says_what_was_found(sample):
    classes, energies, mismatch, correction, calibration, shares = quality_figure(sample, Split(), "files").axes
    assert [text.get_text() for text in classes.texts] == ["250 (25.0 %)\n250 main", "750 (75.0 %)\n250 main"]
    assert legend(energies)[0] == f"ES: median {np.median(sample.energy[::4]):.3g}"
    assert legend(mismatch) == ["|difference| > 5 MeV: 10.0 %"]
    assert legend(correction) == ["+ 0 MeV: 1.0000, 100.0 % off", "+ 0.7 MeV: 1.0000, 0.0 % off"]
    ratios = [container.lines[0].get_ydata() for container in calibration.containers]
    assert np.concatenate(ratios) == pytest.approx(np.full(10, 3000))
    words = [text.get_text() for text in shares.texts]
    assert words[0] == "with a match_id: 90.0 %"
    across = count_repeats(sample.pixels, sample.key, Split())[1]
    assert words[1] == f"image twice: 10, {across} across splits: 1.0 %"
    assert 0 < across < 10
    assert words[2] == "with its metadata: 0, 0 across splits: 0.0 %"
    assert classes.get_title(loc="left") == "files, X"


def test_what_is_not_known_is_left_out(sample, tmp_path):
    unknown = replace(sample, cluster_energy=None, by_momentum=np.full(ROWS, np.nan), is_es=np.ones(ROWS, bool))
    axes = quality_figure(unknown, Split()).axes
    assert axes[3].texts[0].get_text() == "no cluster energies"
    assert axes[4].texts[0].get_text() == "no momenta"
    assert legend(axes[2]) == ["|difference| > 5 MeV: -"]
    (path,) = draw_quality([replace(unknown, name="all planes")], Split(), "files", tmp_path / "new")
    assert path.name == "quality_all_planes.png"
    assert path.read_bytes().startswith(b"\x89PNG")
