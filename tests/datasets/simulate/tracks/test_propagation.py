"""Compiled tracks end where the plain formula brings them, in every field of the catalog."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from app.physics.fields.field_map import FieldMap
from app.physics.fields.gaussian_dipole import GaussianDipole
from app.physics.fields.harmonic import Harmonic
from app.physics.fields.toroid import Toroid
from app.physics.fields.two_dipoles import TwoDipoles
from app.physics.fields.uniform import Uniform
from app.physics.harmonic_file import SeenRegion
from app.physics.harmonic_modes import HarmonicModes
from app.physics.propagation import Propagator, survives
from app.physics.runge_kutta import rk4
from datasets.simulate.tracks import compiled_fields, compiled_rk4
from datasets.simulate.tracks.propagation import CompiledPropagator, compiled_tables, propagator_of

Z, DZ, STEPS = 2665.0, 5161.0, 30


def small_map():
    axes = (np.linspace(-1500, 1500, 5), np.linspace(-1400, 1600, 6), np.linspace(2600, 7500, 9))
    return FieldMap.of_grid(axes, np.random.default_rng(2).normal(size=(5, 6, 9, 3)) * 0.3)


def fitted(even_x):
    modes = HarmonicModes(x=3, z=4, half_x=3000.0, half_z=8000.0, center=5000.0, height=1000.0)
    cells = np.random.default_rng(3).uniform(size=(4, 5, 6)) < 0.9
    region = SeenRegion(cells, np.array([-1500.0, -1200.0, 2600.0]), np.array([1400.0, 1200.0, 7900.0]))
    return Harmonic.of_modes(
        modes, np.random.default_rng(0).normal(size=modes.shape) * modes.present(even_x, False) * 0.1, region
    )


FIELDS = {
    "uniform": lambda: Uniform(bx=0.1, by=-0.8, bz=0.2),
    "gaussian dipole": GaussianDipole,
    "maxwell": lambda: GaussianDipole(maxwell=True),
    "two dipoles": TwoDipoles,
    "toroid": lambda: Toroid(strength=0.4, r=(400.0, 1500.0), z=(3000.0, 6000.0)),
    "one toroid": lambda: Toroid(strength=0.4, r=(400.0, 1500.0), z=(0.0, 6000.0)),
    "map": small_map,
    "fitted": lambda: fitted(False),
    "fitted, even": lambda: fitted(True),
}
COMPILED_ANYWAY = ("gaussian dipole", "map")
"""Fields that quick tests of the simulator compile: the others take some seconds the first time."""


def tracks(count):
    random = np.random.default_rng(0)
    state = random.uniform([-300, -250, -0.3, -0.25], [300, 250, 0.3, 0.25], (count, 4))
    return state, random.choice([-1.0, 1.0], count) / random.uniform(4, 100, count)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in COMPILED_ANYWAY else pytest.mark.slow) for name in FIELDS]
)
@pytest.mark.parametrize("shared", [True, False])
def test_tracks_end_where_the_plain_formula_brings_them(name, shared):
    field, (state, qop) = FIELDS[name](), tracks(150)
    z, dz = (Z, DZ) if shared else (np.linspace(2600, 3000, 150), np.linspace(3000, 5000, 150))
    expected = np.stack(np.broadcast_arrays(*rk4(field, tuple(state.T), qop, z, dz, STEPS)), axis=1)
    found = CompiledPropagator(field)(state, qop, z, dz, STEPS)
    good = survives(expected)
    assert good.mean() > 0.9
    assert np.abs(found.state - expected)[good, :2].max() < 1e-9
    assert np.abs(found.state - expected)[good, 2:].max() < 1e-12
    inside, now = np.ones(150, bool), tuple(state.T)
    for step in range(STEPS + 1):
        inside &= np.broadcast_to(field.inside(now[0], now[1], z + dz * (step / STEPS)), 150)
        now = rk4(field, now, qop, z + dz * (step / STEPS), dz / STEPS, 1)
    assert found.outside[good].tolist() == (~inside)[good].tolist()
    assert bool(found.outside.any()) == (name in ("map", "fitted", "fitted, even"))


@pytest.mark.parametrize("name", [name for name in FIELDS if name != "map"])
@pytest.mark.parametrize("shared", [True, False])
def test_the_compiled_formulas_are_those_of_the_fields(name, shared, monkeypatch):
    """The same functions in plain Python, which takes no time to compile."""
    for module in (compiled_fields, compiled_rk4):
        for key, function in list(vars(module).items()):
            if hasattr(function, "py_func"):
                monkeypatch.setattr(module, key, function.py_func)
    monkeypatch.setattr(compiled_fields, "exponential", np.exp)
    field, (state, qop) = FIELDS[name](), tracks(20)
    entry, tables = compiled_tables(field)
    known = compiled_rk4.in_cells if entry == "harmonic" else compiled_rk4.everywhere
    follow = compiled_rk4._through(getattr(compiled_fields, entry), known).py_func
    z, dz = (np.full(20, Z), np.full(20, DZ)) if shared else (np.linspace(2600, 3000, 20), np.linspace(3000, 5000, 20))
    columns, left = np.vstack([state.T, qop, z, dz]), np.zeros(20, bool)
    follow(tables, columns, left, 3, 20, 3, shared)
    expected = np.stack(np.broadcast_arrays(*rk4(field, tuple(state.T), qop, z, dz, 3)))
    assert np.abs(columns[:4] - expected)[:, 3:].max() < 1e-9
    assert np.array_equal(columns[:4, :3], state.T[:, :3])


def test_threads_take_shares_of_any_number_of_tracks(monkeypatch):
    monkeypatch.setattr("datasets.simulate.tracks.propagation.SHARE", 100)
    state, qop = tracks(330)
    found = CompiledPropagator(GaussianDipole(), threads=3)(state, qop, Z, DZ, 20).state
    alone = [
        CompiledPropagator(GaussianDipole())(state[i : i + 1], qop[i : i + 1], Z, DZ, 20).state for i in (0, 99, 329)
    ]
    assert np.array_equal(found[[0, 99, 329]], np.concatenate(alone))
    assert CompiledPropagator(GaussianDipole())(state[:0], qop[:0], Z, DZ, 20).state.shape == (0, 4)


def test_a_track_that_turns_back_is_not_finite_and_hurts_no_other():
    field, (state, qop) = small_map(), tracks(64)
    expected = CompiledPropagator(field)(state, qop, Z, DZ, 10).state
    state[7], qop[7] = [0.0, 0.0, 1e200, 0.0], 1e9
    found = CompiledPropagator(field)(state, qop, Z, DZ, 10).state
    assert not survives(found)[7]
    assert np.array_equal(np.delete(found, 7, 0), np.delete(expected, 7, 0))


def test_a_field_of_ones_own_is_left_to_xla():
    @dataclass(frozen=True)
    class Own(Uniform):
        """A field of the user."""

    assert isinstance(propagator_of(Own()), Propagator)
    assert isinstance(propagator_of(Uniform()), CompiledPropagator)
