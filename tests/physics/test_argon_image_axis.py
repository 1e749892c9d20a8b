"""The axis of charge from three images, against points whose moments are known."""

import numpy as np
import pytest

from app.physics.argon.image_axis import BLUR, covariance, moments, principal_axis
from app.physics.argon.planes import PITCH, project


def images(points, width=40, height=400):
    """Return histograms of points (M, 3) [cm] on U, V and X, each (1, height, width)."""
    projected = project(points)
    found = []
    for plane in range(3):
        rows, columns = projected[:, 3] + height / 2, projected[:, plane] + width / 2
        counts, _, _ = np.histogram2d(rows, columns, (np.arange(height + 1) - 0.5, np.arange(width + 1) - 0.5))
        assert counts.sum() == len(points)
        found.append(counts[None])
    return found


def test_covariance_of_a_cloud():
    random = np.random.default_rng(1)
    expected = np.array([[4.0, 1.0, -0.8], [1.0, 2.0, 0.5], [-0.8, 0.5, 3.0]])
    points = random.multivariate_normal(np.zeros(3), expected, 200_000)
    points = points[np.abs(points).max(axis=1) < 7]
    found = covariance(*images(points))[0]
    found[0, 0] += BLUR
    assert found == pytest.approx(np.cov(points.T), abs=0.08)


@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, -1), (0, 1, 1), (1, -2, 2)])
def test_axis_of_a_line(direction):
    unit = np.array(direction) / np.linalg.norm(direction)
    line = np.linspace(-4, 4, 4001)[:, None] * unit
    assert abs(principal_axis(*images(line))[0] @ unit) > 0.998


def test_moments_of_two_pixels():
    image = np.zeros((1, 5, 5))
    image[0, 1, 1], image[0, 3, 2] = 3.0, 1.0
    tt, ww, tw = moments(image, 2.0)
    assert (tt[0], ww[0], tw[0]) == pytest.approx((0.75 / 12.455**2, 0.75, 0.75 / 12.455))


def test_empty_images_have_no_moments_and_no_nan():
    empty = np.zeros((2, 8, 4))
    assert np.array_equal(covariance(empty, empty, empty), np.zeros((2, 3, 3)))
    assert np.isfinite(principal_axis(empty, empty, empty)).all()
    assert len(PITCH) == 3
