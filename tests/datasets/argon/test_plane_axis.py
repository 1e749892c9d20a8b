"""Moments of images and the axis of charge, against points whose moments are known."""

from __future__ import annotations

import numpy as np
import pytest
from argon_geometry import project

from datasets.argon.plane_axis import PLANES, image_moments, principal_axes


def images(points, width=40, height=400, charge=None):
    """Return histograms of points (M, 3) [cm] on U, V and X, each (1, height, width), by plane."""
    projected = project(points)
    found = {}
    for number, plane in enumerate(PLANES):
        rows, columns = projected[:, 3] + height / 2, projected[:, number] + width / 2
        edges = np.arange(height + 1) - 0.5, np.arange(width + 1) - 0.5
        counts, _, _ = np.histogram2d(rows, columns, edges, weights=charge)
        found[plane] = counts[None]
    return found


def axis(points, planes=PLANES, **options):
    found = images(points, **options)
    return principal_axes({plane: image_moments(found[plane]) for plane in planes})[0]


def test_moments_of_two_pixels():
    image = np.zeros((1, 5, 5))
    image[0, 1, 1], image[0, 3, 2] = 3.0, 1.0
    charge, second, third = image_moments(image)
    assert charge == pytest.approx([4.0])
    assert second[0] == pytest.approx([0.75, 0.375, 0.1875], rel=1e-5)  # p (1 - p) d d, p = 1/4
    assert third[0] == pytest.approx([0.75, 0.375, 0.1875, 0.09375], rel=1e-5)  # p (1 - p) (1 - 2 p) d d d
    assert image_moments(image - 1)[0] == pytest.approx([2.0]), "undershoots do not count"


def test_axis_of_a_cloud():
    random = np.random.default_rng(1)
    covariance = np.array([[4.0, 1.0, -0.8], [1.0, 2.0, 0.5], [-0.8, 0.5, 6.0]])
    points = random.multivariate_normal(np.zeros(3), covariance, 200_000)
    points = points[np.abs(points).max(axis=1) < 8]
    longest = np.linalg.eigh(np.cov(points.T))[1][:, 2]
    assert abs(axis(points) @ longest) > 0.999


@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, -1), (0, 1, 1), (1, -2, 2)])
def test_axis_of_a_line_and_its_sign(direction):
    """The sign is that of the longer tail: charge falls along the line."""
    unit = np.array(direction) / np.linalg.norm(direction)
    steps = np.linspace(-4, 4, 4001)
    assert axis(steps[:, None] * unit, charge=np.exp(-steps)) @ unit > 0.995


@pytest.mark.parametrize("planes", ["uvx", "ux", "uv", "x"])
def test_fewer_planes_give_what_they_see(planes):
    """A track across y' is known from any of them; of y' the least is assumed where it is not seen."""
    unit = np.array([1, 0, -1]) / np.sqrt(2)
    steps = np.linspace(-4, 4, 4001)
    assert axis(steps[:, None] * unit, tuple(planes), charge=np.exp(-steps)) @ unit > 0.998
    assert abs(axis(steps[:, None] * [1, 2, 0], ("x",)) @ [1, 0, 0]) > 0.99


def test_empty_images_have_no_axis():
    empty = {plane: image_moments(np.zeros((2, 8, 4))) for plane in PLANES}
    assert np.isnan(principal_axes(empty)).all()
    assert all((one.charge == 0).all() for one in empty.values())
