"""Fields in C++ are those of Python: one track, tracks side by side, and with derivatives."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from app.benchmark.cpp_runge_kutta import INCLUDES
from app.core.errors import UserError
from app.export import cpp_check, cpp_tracks
from app.export.cpp_header import LIBRARY, library
from app.export.cpp_tracks import field_type
from app.physics.fields.harmonic import Harmonic
from app.physics.harmonic_file import SeenRegion
from app.physics.harmonic_modes import HarmonicModes
from app.physics.magnet import Magnet

COMPILER = cpp_check.find_compiler()
HIGH = {"toroid": [9000.0, 9000.0, 15000.0], "harmonic": [900.0, 800.0, 8000.0]}
SOURCE = """
using namespace header;
int main() {
  std::vector<float> in(3 * 1024), out(7 * 1024);
  if (std::fread(in.data(), 4, in.size(), stdin) != in.size()) return 3;
  static const FIELD;
  for (int i = 0; i < 1024; i += kLanes) {
    const auto b = field(load(&in[i]), load(&in[1024 + i]), load(&in[2048 + i]));
    store(&out[i], Block{} + b.x), store(&out[1024 + i], Block{} + b.y), store(&out[2048 + i], Block{} + b.z);
  }
  for (int i = 0; i < 1024; ++i) {
    out[3072 + i] = field(in[i], in[1024 + i], in[2048 + i]).y;
    const Dual x = Dual::variable(in[i], 0), y = Dual::variable(in[1024 + i], 1), z = Dual::variable(in[2048 + i], 2);
    for (int k = 0; k < 3; ++k) out[(4 + k) * 1024 + i] = field(x, y, z).y.a[k + 1];
  }
  std::fwrite(out.data(), 4, out.size(), stdout);
}
"""


def magnet_of(name, even_x=False, even_y=False):
    magnet = Magnet({"name": name}, 2500.0)
    if name == "harmonic":
        modes = HarmonicModes(x=3, z=12, half_x=3000.0, half_z=8000.0, center=5000.0, height=1000.0)
        region = SeenRegion(np.ones((2, 2, 2), bool), np.array([-900.0, -800.0, 2000.0]), np.array([900, 800, 8000.0]))
        w = (
            np.random.default_rng(0).normal(size=modes.shape)
            * modes.present(even_x, even_y)
            * 0.8 ** np.arange(12)[:, None, None, None]
        )
        magnet.__dict__["field"] = Harmonic.of_modes(modes, w, region)
    return magnet


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "even", "allowed"),
    [("toroid", (), 3e-6), ("harmonic", (), 1e-6), ("harmonic", (True, False), 1e-6), ("harmonic", (True, True), 1e-6)],
)
def test_a_field_is_that_of_python(name, even, allowed, tmp_path):
    """The toroid rises over half a metre at 15 m, where neighbours in float32 are a micrometre apart: 3e-6."""
    magnet = magnet_of(name, *even)
    kind, members = field_type(magnet)
    includes = "\n".join(f"#include <{file}>" for file in (*INCLUDES, "array"))
    source = SOURCE.replace("FIELD", f"{kind} field{{{members}}}")
    text = f"{includes}\nnamespace header {{\n{library(*LIBRARY)}\n}}\n{source}"
    cpp_check.compile_program(COMPILER, text, tmp_path / "field", ["-Wno-psabi"])
    high = np.array(HIGH[name])[:, None]
    places = np.random.default_rng(1).uniform(-high, high, (3, 1024)).astype(np.float32)
    if name == "harmonic":
        places[2] = np.abs(places[2]) * 0.75 + 2000  # some beyond the box in z too
    done = subprocess.run([tmp_path / "field"], input=places.tobytes(), capture_output=True, check=True).stdout
    found, field = np.frombuffer(done, np.float32).reshape(7, 1024).astype(float), magnet.field
    places = places.astype(float)
    expected = np.stack(np.broadcast_arrays(*(np.zeros(1024) + part for part in field(*places))))
    assert np.abs(found[:3] - expected).max() <= allowed * np.abs(expected).max()
    assert np.abs(found[3] - expected[1]).max() <= allowed * np.abs(expected).max()
    for k, step in enumerate(np.eye(3)[:, :, None]):
        slope = np.asarray(field(*(places + step))[1] - field(*(places - step))[1]) / 2
        assert np.quantile(np.abs(found[4 + k] - slope), 0.99) <= 1e-4 * np.abs(slope).max()


def test_a_toroid_and_its_members():
    assert field_type(Magnet({"name": "toroid", "z": [0, 9000]}, 0.0)) == (
        "Toroid",
        "3.20000005f, {4500.f, 10000.f}, {0.f, 9000.f}, 500.f",
    )


def test_a_field_that_is_not_known_is_named(monkeypatch):
    monkeypatch.delitem(cpp_tracks.FIELDS, "toroid")
    expected = r"the field 'toroid'\. Expected one of uniform, gaussian_dipole, two_dipoles, harmonic, map"
    with pytest.raises(UserError, match=expected):
        field_type(Magnet({"name": "toroid"}, 0.0))
