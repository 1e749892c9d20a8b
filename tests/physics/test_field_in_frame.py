"""Fields in frames of their own, and sums of fields."""

import numpy as np

from app.physics.field_in_frame import FieldInFrame, SumOfFields
from app.physics.fields.two_dipoles import TwoDipoles
from app.physics.fields.uniform import Uniform
from app.physics.runge_kutta import rk4


def frame(field, seed=1, count=4):
    random = np.random.default_rng(seed)
    axes = np.stack([np.linalg.qr(random.normal(size=(3, 3)))[0] for _ in range(count)])
    axes *= np.sign(np.linalg.det(axes))[:, None, None]
    return FieldInFrame(field, random.normal(size=(3, count)) * 500, np.moveaxis(axes, 0, -1))


def test_the_field_vector_is_the_same_seen_from_another_frame():
    field = frame(TwoDipoles())
    x, y, z = np.random.default_rng(2).normal(size=(3, 4)) * 300
    fixed = TwoDipoles()(*field.fixed(x, y, z, field.origin))
    assert np.allclose(field.fixed(*field(x, y, z)), fixed, rtol=1e-13)


def test_a_track_is_the_same_curve_in_another_frame():
    """A quarter turn: what flies along x in the fixed frame flies along z in the other."""
    uniform, turned = Uniform(bx=0.0, by=0.0, bz=-1.0), frame(Uniform(bx=0.0, by=0.0, bz=-1.0), count=1)
    axes = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])[:, :, None]
    turned = FieldInFrame(uniform, np.zeros((3, 1)), axes)
    zero = np.zeros(1)
    y, *_ = rk4(turned, (zero, zero, zero, zero), np.array([0.1]), 0.0, 3000.0, 20)
    radius = 10.0 / 2.99792458e-4  # of 10 GeV in 1 T; a positive charge that flies along x turns to +y in -z field
    assert np.allclose(y, radius - np.sqrt(radius**2 - 3000.0**2), rtol=1e-9)


def test_fields_add_up_and_scale():
    both = SumOfFields((Uniform(bx=0.1, by=0.2, bz=0.3), Uniform(bx=1.0, by=1.0, bz=1.0)), -2.0)
    assert np.allclose(both(0.0, 0.0, 0.0), [-2.2, -2.4, -2.6])
    assert both.inside(0.0, 0.0, 0.0) is True
    assert hash(both) == hash(SumOfFields(both.parts, -2.0))
