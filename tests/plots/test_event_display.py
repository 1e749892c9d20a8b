"""Event displays: arrows point where a track goes in the image, and titles say what is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from argon_geometry import project

from app.evaluation.displays import choose_events
from app.plots.drawing.displays import Displays
from app.plots.drawing.draw import draw
from app.plots.drawing.inputs import PlotInputs
from app.plots.event_display import arrow, event_display
from app.predictions import Predictions

AXES = ("direction_x", "direction_y", "direction_z")
WHOLE = (slice(0, 128), slice(0, 16))


def track(direction, length=3.0):
    """Images (128, 16) by plane of charge along a line through the middle, as the detector's geometry projects it."""
    along = project(np.linspace(-length, length, 2000)[:, None] * np.asarray(direction))
    tick = np.round(64 + along[:, 3]).astype(int)
    images = {}
    for number, plane in enumerate("uvx"):
        channel = np.round(8 + along[:, number]).astype(int)
        images[plane] = np.zeros((128, 16), np.float32)
        inside = (channel >= 0) & (channel < 16) & (tick >= 0) & (tick < 128)
        np.add.at(images[plane], (tick[inside], channel[inside]), 1.0)
    return images


@pytest.mark.parametrize("direction", [(0.6, 0.64, 0.48), (0.8, 0.0, -0.6), (0.5, -0.7, 0.509902)])
def test_an_arrow_lies_along_the_charge(direction):
    for plane, image in track(direction).items():
        begin, end = arrow(image, plane, np.asarray(direction), WHOLE)
        tick, channel = np.nonzero(image)
        assert begin == pytest.approx([np.average(v, weights=image[tick, channel]) for v in (channel, tick)])
        slope = np.polyfit(tick, channel, 1, w=image[tick, channel])[0]
        assert (end - begin)[0] / (end - begin)[1] == pytest.approx(slope, abs=0.02)
        assert end[1] > begin[1]  # x' grows with the drift time


def test_its_length_is_that_of_the_projection():
    image = track((1.0, 0.0, 0.0))["x"]
    begin, end = arrow(image, "x", np.array([1.0, 0, 0]), WHOLE)
    assert (end - begin).tolist() == pytest.approx([0, 0.45 * 16 * 0.479 * 12.455])
    begin, end = arrow(image, "x", np.array([0.0, 1, 0]), WHOLE)  # along the wires
    assert (end - begin).tolist() == [0, 0]


@pytest.fixture
def shown():
    random = np.random.default_rng(6)
    true = random.normal(size=(20, 3))
    true /= np.linalg.norm(true, axis=1, keepdims=True)
    predicted = true + 0.5 * random.normal(size=(20, 3))
    named = [dict(zip(AXES, values.T, strict=True)) for values in (true, predicted)]
    events = Predictions(np.arange(20, dtype=np.uint64), *named, {}, {"energy": np.full(20, 0.0123)})
    task, kind, row = (np.array(one) for one in zip(*choose_events(events, {"direction": AXES}, 0), strict=True))
    images = [track(true[i]) for i in row]
    stacks = {plane: np.stack([one[plane] for one in images]) for plane in "uvx"}
    displays = Displays(task, kind, row, events.key[row], stacks)
    return PlotInputs(events, title="run", simulated=True, tasks={"direction": AXES}, displays=displays)


def test_three_of_each_with_angle_and_energy(shown):
    figure = event_display(shown)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert len(titles) == 9
    assert [title.split(":")[0] for title in titles] == ["best"] * 3 + ["worst"] * 3 + ["random"] * 3
    assert all(title.endswith("°, 12.3 MeV") for title in titles)
    angles = [float(title.split()[1].rstrip("°,")) for title in titles]
    assert angles[:3] == sorted(angles[:3])
    assert min(angles[3:6]) >= max(angles[6:])
    panels = figure.axes[1:]
    assert len(panels) == 27
    assert [axes.get_xlabel() for axes in panels[:3]] == ["U channel", "V channel", "X channel"]
    assert all(len(axes.texts) == 2 for axes in panels)  # the two arrows


def test_in_another_frame_there_are_no_arrows(shown):
    foreign = replace(shown, displays=replace(shown.displays, canonical=False))
    assert not any(axes.texts for axes in event_display(foreign).axes)


def test_a_window_shows_the_charge_and_leaves_far_background_out(shown):
    large = np.zeros((1, 1242, 208), np.float32)
    large[0, 600:640, 100:108] = 5.0
    large[0, 30, 10] = large[0, 1200, 200] = 9000.0
    displays = Displays(*(getattr(shown.displays, n)[:1] for n in ("task", "kind", "row", "key")), {"x": large})
    axes = event_display(replace(shown, displays=displays)).axes[1]
    assert axes.get_xlim() == (95.5, 111.5)
    low, high = axes.get_ylim()
    assert high - low == 64
    assert low < 600 < 640 < high


def test_it_needs_the_images(shown, tmp_path, caplog):
    caplog.set_level("INFO")
    assert draw(replace(shown, displays=None), tmp_path, ["event_display"]) == []
    assert "event_display_direction left out: it needs displays.npz of data that are images" in caplog.text
    assert [file.name for file in draw(shown, tmp_path, ["event_display"])] == ["event_display_direction.png"]
