"""From charge in argon to images: conservation, noise, primitives, groups and windows, against closed waveforms."""

import math

import numpy as np
import pytest
from argon_geometry import project, windows
from scipy.stats import norm

from app.physics.argon.planes import DRIFT_SPEED
from datasets.primitives.images import primitive_table
from datasets.simulate.argon.event_memory import add_deposit, add_origin, begin_event, event_memory
from datasets.simulate.argon.options import build_electronics
from datasets.simulate.argon.primitives import find_primitives, first_pixel, group_primitives
from datasets.simulate.argon.waveforms import (
    CHANNEL,
    INTEGRAL,
    OVER,
    PEAK,
    START,
    TO_PEAK,
    add_noise,
    clear_waveforms,
    collect_charge,
    draw_normal_tail,
    empty_waveforms,
)

GAIN, NOISE, THRESHOLD, DIFFUSION = (1350.0, 1350.0, 4200.0), (17.0, 17.0, 14.5), (70.0, 70.0, 60.0), (6.0, 10.0)


@pytest.fixture(scope="module")
def electronics():
    return build_electronics(GAIN, NOISE, THRESHOLD, DIFFUSION)


@pytest.fixture
def memory():
    """Return empty memory for an event at the middle of 40 channels and 200 ticks."""
    memory = event_memory()
    begin_event(memory, 0.0, 0.0, 0.0, 1.0)
    add_origin(memory, 1, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    return memory, empty_waveforms(40, 200)


def expose(memory, electronics, points):
    own, waveforms = memory
    for *position, charge in points:
        add_deposit(own, *position, charge, charge, 0)
    middle = project(np.mean([point[:3] for point in points], axis=0))
    clear_waveforms(waveforms, electronics, np.stack([middle[:3], np.full(3, middle[3])], axis=1), points[0][0])
    collect_charge(waveforms, electronics, own)
    return waveforms


def test_charge_is_conserved_on_the_collection_plane_and_cancels_on_the_induction_planes(memory, electronics):
    waveforms = expose(memory, electronics, [(100.0, 0.3, -0.2, 2.0), (101.0, 0.9, 0.5, 1.0), (99.5, -1.0, 0.1, 0.5)])
    u, v, x = waveforms.wave.sum(axis=(1, 2))
    assert x == pytest.approx(3.5 * 4200.0, rel=2e-4)
    assert (abs(u), abs(v)) < (1e-3 * 3.5 * 1350, 1e-3 * 3.5 * 1350)


def test_the_gain_of_an_induction_plane_is_that_of_its_positive_half(memory, electronics):
    waveforms = expose(memory, electronics, [(0.01, 0.0, 0.0, 1.0)])  # no diffusion
    u = waveforms.wave[0].astype(np.float64)
    assert u[u > 0].sum() == pytest.approx(1350.0, rel=0.01)
    first, last = np.argmax(u.sum(axis=0)), np.argmin(u.sum(axis=0))
    assert last - first == pytest.approx(2 * 2.8, abs=1)


def test_pulses_have_the_width_of_shaping_and_diffusion(memory, electronics):
    waveforms = expose(memory, electronics, [(300.0, 0.2, 0.479 * i / 8, 1.0) for i in range(8)])
    x = waveforms.wave[2].astype(np.float64)
    time = 300.0 / DRIFT_SPEED * 1e-6  # s
    for profile, expected in (
        (x.sum(axis=0), 2.8**2 + 2 * 6.0 * time * (12.455) ** 2),
        (x.sum(axis=1), 2 * 10.0 * time / 0.479**2 + 1 / 12 + (1 - 1 / 64) / 12),  # a wire collects over its pitch
    ):
        n = np.arange(len(profile))
        mean = (profile * n).sum() / profile.sum()
        assert (profile * (n - mean) ** 2).sum() / profile.sum() == pytest.approx(expected, rel=0.02)


def test_pulses_come_where_the_projection_says(memory, electronics):
    point = (100.0, 3.3, -7.1)
    waveforms = expose(memory, electronics, [(*point, 1.0)])
    for plane in range(3):
        wave = np.maximum(waveforms.wave[plane], 0).astype(np.float64)
        channel = (wave.sum(axis=1) * np.arange(40)).sum() / wave.sum() + waveforms.first[plane, 0]
        assert channel == pytest.approx(project(np.array(point))[plane], abs=0.15)  # whole wires
    wave = waveforms.wave[2].sum(axis=0).astype(np.float64)
    assert (wave * np.arange(200)).sum() / wave.sum() + waveforms.first[2, 1] == pytest.approx(1245.5, abs=0.07)


def test_memory_is_clean_for_the_next_event(memory, electronics):
    own, waveforms = memory
    expose(memory, electronics, [(100.0, 0.0, 0.0, 1.0)])
    add_noise(waveforms, electronics, np.array([3], np.uint64))
    own.used[1] = 0
    again = expose(memory, electronics, [(50.0, 1.0, 1.0, 1.0)]).wave.copy()
    fresh = expose((own, empty_waveforms(40, 200)), electronics, [(50.0, 1.0, 1.0, 0.0)])
    assert np.array_equal(again, fresh.wave)


@pytest.mark.parametrize("explicit", [True, False])
def test_noise_alone_makes_as_many_primitives_as_the_gaussian_tail(electronics, explicit):
    """Whether every sample is drawn, or only those above threshold where there is no signal."""
    waveforms, state, counts, peaks = empty_waveforms(64, 2000), np.array([1], np.uint64), np.zeros(3), []
    rounds = 30 if explicit else 300
    for _ in range(rounds):
        clear_waveforms(waveforms, electronics, np.zeros((3, 2)), 0.0)
        if explicit:
            waveforms.wave[:], waveforms.low[:], waveforms.high[:] = 1e-20, 0, 1999
        add_noise(waveforms, electronics, state)
        find_primitives(waveforms, electronics)
        rows = waveforms.primitives[: waveforms.found[0]]
        counts += np.bincount(rows[:, 0].astype(int), minlength=3)
        peaks.append(rows[rows[:, 0] == 2, PEAK])
    expected = rounds * 64 * 2000 * norm.sf(np.divide(THRESHOLD, NOISE))
    assert np.abs(counts - expected).max() < 4.5 * np.sqrt(expected.max())
    assert np.concatenate(peaks).min() > 60.0


def test_threshold_in_units_of_the_noise():
    assert np.divide(THRESHOLD, NOISE) == pytest.approx([4.12, 4.12, 4.14], abs=0.01)


def test_tail_of_the_normal_distribution():
    state = np.array([1], np.uint64)
    numbers = np.array([draw_normal_tail(state, 4.0) for _ in range(4000)])
    expected = norm.pdf(4.0) / norm.sf(4.0)  # its mean
    assert numbers.min() > 4
    assert numbers.mean() == pytest.approx(expected, abs=4 * numbers.std() / np.sqrt(4000))


def test_primitives_are_runs_above_threshold(electronics):
    waveforms = empty_waveforms(3, 30)
    waveforms.wave[2, 1, 5:10] = [10.0, 61.0, 100.0, 70.0, 60.0]  # 60 is not above 60
    waveforms.wave[2, 1, 12] = 61.0
    waveforms.low[2, 1], waveforms.high[2, 1] = 5, 12
    waveforms.first[2] = [100, 1000]
    find_primitives(waveforms, electronics)
    rows = waveforms.primitives[: waveforms.found[0]]
    assert rows[:, CHANNEL].tolist() == [101, 101]
    assert rows[:, START].tolist() == [1006, 1012]
    assert rows[:, TO_PEAK].tolist() == [1, 0]
    assert rows[:, OVER].tolist() == [3, 1]
    assert rows[:, INTEGRAL].tolist() == [231, 61]


def primitives(*rows):
    """Rows of plane, channel, start, samples to the peak, samples over threshold, sum."""
    return primitive_table(*np.array(rows, float).T)


def test_groups_are_connected_by_chains():
    rows = primitives((2, 10, 100, 2, 10, 1), (2, 12, 125, 2, 10, 1), (2, 14, 150, 2, 10, 1), (2, 14, 300, 2, 10, 1))
    found = group_primitives(rows, 4, 2)
    assert found[0] == found[1] == found[2] != found[3]
    assert group_primitives(rows, 4, 0).tolist() == [-1] * 4


def test_a_primitive_is_drawn_as_a_triangle_with_its_sum():
    rows = primitives((2, 7, 60, 2, 5, 900))
    images, middles, seen = windows(rows, np.array([[7.0, 62.0]] * 3), width=16)
    column, first = 7 - first_pixel(7.0, 16), 60 - first_pixel(62.0, 128)
    assert images[2, first : first + 5, column].tolist() == pytest.approx([100, 200, 300, 200, 100])
    assert (images[2].sum(), images[:2].sum()) == (pytest.approx(900), 0)
    assert middles[2].tolist() == [7, 62]
    assert seen.tolist() == [False, False, True]


def test_windows_move_to_the_mean_and_leave_others_out():
    rows = primitives((0, 100, 500, 3, 7, 300), (0, 103, 510, 3, 7, 900), (0, 140, 500, 0, 1, 5000))
    images, middles, _ = windows(rows, np.array([[97.0, 470.0]] * 3), width=16)
    assert middles[0] == pytest.approx([102.25, (300 * 503 + 900 * 513) / 1200])
    assert images[0].sum() == pytest.approx(1200)


@pytest.mark.parametrize(("width", "parity"), [(16, 0.5), (17, 0.0)])
def test_a_mirrored_window_is_the_mirrored_image(width, parity):
    """The middle of the pixels is the mean, to half a pixel, on both sides alike."""
    for middle in (10.2, 10.49, 10.51, 10.8):
        first, mirrored = first_pixel(middle, width), first_pixel(-middle, width)
        assert mirrored == -(first + width - 1)
        assert abs(first + (width - 1) / 2 - middle) <= 0.5
    assert math.modf(first_pixel(10.2, width) + (width - 1) / 2)[0] == parity


def test_pixels_outside_of_the_window_are_cut_off():
    rows = primitives((2, 10, 0, 0, 200, 201), (2, 10, 100, 0, 1, 1e6))
    images, _, _ = windows(rows, np.array([[10.0, 100.0]] * 3), width=16)
    assert images[2].shape == (128, 16)
    assert np.isfinite(images).all()
    assert images[2].sum() < 1e6 + 201
