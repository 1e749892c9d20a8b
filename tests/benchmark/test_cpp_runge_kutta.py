"""Runge-Kutta in C++ ends where XLA's ends, in every field, and Cash-Karp where many steps of it end."""

from __future__ import annotations

import numpy as np
import pytest

from app.benchmark import sampled_field
from app.benchmark.cpp_runge_kutta import measure_cpp
from app.benchmark.sampled_field import fast_field
from app.core.errors import WirechamberError
from app.export import cpp_check, cpp_tracks
from app.export.cpp_check import find_compiler
from app.physics.fields.field_map import FieldMap
from app.physics.fields.harmonic import Harmonic
from app.physics.harmonic_file import SeenRegion
from app.physics.harmonic_modes import HarmonicModes
from app.physics.magnet import Magnet
from app.physics.propagation import Propagator

FIELDS = ({"name": "gaussian_dipole"}, {"name": "gaussian_dipole", "maxwell": True}, {"name": "two_dipoles"})


def tracks(count=160):
    rng = np.random.default_rng(1)
    columns = {"x": rng.uniform(-300, 300, count), "y": rng.uniform(-250, 250, count)}
    columns |= {"tx": rng.uniform(-0.2, 0.2, count), "ty": rng.uniform(-0.2, 0.2, count)}
    columns |= {"qop": rng.choice([-1, 1], count) / rng.uniform(5, 100, count), "dz": np.full(count, 5161.0)}
    return columns, np.stack([columns[name] for name in ("x", "y", "tx", "ty")], axis=-1)


def rows_of(magnet, columns, state):
    z = magnet.start(columns)
    ends = {n: Propagator(magnet.field)(state, columns["qop"], z, columns["dz"], n).state for n in (5, 40, 400)}
    truth = ends.pop(400)
    rows = measure_cpp(magnet, columns, {"x": truth[:, 0], "y": truth[:, 1]}, ends)
    return {(row["engine"], row.get("tolerance_mm", row["steps"])): row["pos_mean_mm"] for row in rows}


@pytest.mark.skipif(find_compiler() is None, reason="no C++ compiler")
@pytest.mark.slow
@pytest.mark.parametrize("field", FIELDS)
def test_it_ends_where_many_steps_end(field):
    errors = rows_of(Magnet(field, 2665.0), *tracks())
    assert errors["rk4_cpp_1_thread", 5] / errors["rk4_cpp_1_thread", 10] == pytest.approx(16, rel=0.5)
    assert errors["rk4_cpp_track_by_track", 5] == pytest.approx(errors["rk4_cpp_1_thread", 5], rel=0.01)
    assert errors["rk4_cpp_1_thread", 40] < 2e-3
    assert errors["cash_karp_cpp_1_thread", 1e-3] < 3e-3
    assert errors["cash_karp_cpp_1_thread", 1e-3] < errors["cash_karp_cpp_1_thread", 1.0]
    assert errors["cash_karp_cpp_track_by_track", 0.01] == pytest.approx(
        errors["cash_karp_cpp_1_thread", 0.01], abs=1e-3
    )


@pytest.mark.skipif(find_compiler() is None, reason="no C++ compiler")
@pytest.mark.slow
def test_a_map_and_lengths_that_vary(monkeypatch):
    axes = (np.linspace(-2000, 2000, 9), np.linspace(-2000, 2000, 8), np.linspace(2000, 9000, 15))
    x, y, z = np.meshgrid(*axes, indexing="ij")
    by = -np.exp(-(((z - 5000) / 1500) ** 2)) * (1 + 0.1 * (x / 600) ** 2)
    field = FieldMap.of_grid(axes, np.stack([0.02 * by, by, 0.1 * by * y / 600], axis=-1))
    magnet = Magnet({"name": "map"}, None)
    monkeypatch.setitem(magnet.__dict__, "field", field)
    columns, state = tracks()
    columns["z_start"] = np.linspace(2100, 2600, len(state))
    columns["dz"] = np.linspace(4000, 6000, len(state))
    errors = rows_of(magnet, columns, state)
    assert errors["rk4_cpp_1_thread", 100] < 5e-3
    with pytest.raises(WirechamberError, match="after 5 steps 1 mm from where XLA's tracks end"):
        measure_cpp(magnet, columns, {"x": state[:, 0], "y": state[:, 1]}, {5: moved(magnet, columns, state)})


def moved(magnet, columns, state):
    ends = Propagator(magnet.field)(state, columns["qop"], columns["z_start"], columns["dz"], 5).state
    return ends + np.array([1.0, 0, 0, 0])


def fitted(x=2, z=4):
    """Return a magnet of a fitted field."""
    modes = HarmonicModes(x, z, half_x=3000.0, half_z=6000.0, center=5000.0, height=1000.0)
    region = SeenRegion(np.ones((2, 2, 2), bool), np.array([-3000, -2500, 2600.0]), np.array([3000, 2500, 7900.0]))
    w = np.random.default_rng(3).normal(size=modes.shape) * modes.present(False, False) * 0.1
    magnet = Magnet({"name": "harmonic"}, 2665.0)
    magnet.__dict__["field"] = Harmonic.of_modes(modes, w, region)
    return magnet


def test_a_fitted_field_is_looked_up_where_tracks_end_at_the_same_places(monkeypatch, caplog):
    magnet, (columns, _) = fitted(), tracks(20)
    with caplog.at_level("INFO"):
        found = fast_field(magnet, columns, error=0.1)
    place = (np.array([100.0]), np.array([-50.0]), np.array([5100.0]))
    assert [float(part[0]) for part in found(*place)] == pytest.approx(
        [float(part[0]) for part in magnet.field(*place)], abs=0.02
    )
    assert "looks the fitted field up in a map of 200 mm, which moves ends by 0.00" in caplog.text
    monkeypatch.setattr(sampled_field, "MOST_NODES", 100)
    with caplog.at_level("INFO"):
        assert fast_field(magnet, columns, error=0.1) is magnet.field
    assert "sums the modes of the fitted field: no map is as accurate as 0.01 mm" in caplog.text


@pytest.mark.skipif(find_compiler() is None, reason="no C++ compiler")
@pytest.mark.slow
@pytest.mark.parametrize("sampled", [True, False])
def test_a_fitted_field_ends_where_many_steps_end(sampled, monkeypatch):
    if not sampled:
        monkeypatch.setattr(sampled_field, "MOST_NODES", 100)
    errors = rows_of(fitted(), *tracks())
    assert errors["rk4_cpp_1_thread", 40] < 2e-3
    assert errors["cash_karp_cpp_1_thread", 1e-3] < 3e-3


def test_without_a_compiler_there_are_no_rows(monkeypatch, caplog):
    monkeypatch.setattr(cpp_check, "COMPILERS", ("no_such_compiler",))
    columns, _ = tracks(16)
    with caplog.at_level("INFO"):
        assert measure_cpp(Magnet({"name": "gaussian_dipole"}, 0.0), columns, {}, {}) == []
    assert "no Runge-Kutta in C++: no compiler found" in caplog.text


def test_a_field_that_it_does_not_know_has_no_rows(monkeypatch, caplog):
    monkeypatch.delitem(cpp_tracks.FIELDS, "toroid")
    columns, _ = tracks(16)
    with caplog.at_level("INFO"):
        assert measure_cpp(Magnet({"name": "toroid"}, 0.0), columns, {}, {}) == []
    assert "no Runge-Kutta in C++: --cpp: a header cannot hold the field 'toroid'" in caplog.text
