"""What neutrinos and decays make, drawn thousands of times, against kinematics and the spectra they come from."""

import numpy as np
import pytest
from argon_formulas import recoil_cosine

from app.core.errors import UserError
from app.physics.argon.medium import ELECTRON_MASS as MASS
from app.physics.argon.neutrinos import Q_VALUE, elastic_cross_section, pinched_flux
from datasets.simulate.argon.event_memory import ELECTRON, KIND, PHOTON, begin_event, event_memory
from datasets.simulate.argon.events import capture_neutrino, make_decay, scatter_elastically
from datasets.simulate.argon.sources import ARGON_39, GRID, build_decays, build_neutrinos

THROWS = 6000


def thrown(make, source):
    """Return the origins (a list of rows) of each event and the neutrino energies; neutrinos fly along z."""
    memory, origins, energies = event_memory(), [], []
    memory.state[0] = 7
    for _ in range(THROWS):
        begin_event(memory, 0.0, 0.0, 0.0, 1.0)
        energies.append(make(memory, source, 1.0, 2.0, 3.0, 0.0, 0.0, 1.0))
        assert memory.used[0] == memory.used[2]  # all of them are on the stack
        origins.append(memory.origins[: memory.used[2]].copy())
    return origins, np.array(energies)


@pytest.fixture(scope="module")
def source():
    return build_neutrinos(15.0, 3.0, (5.0, 70.0))


@pytest.fixture(scope="module")
def scatters(source):
    origins, energy = thrown(scatter_elastically, source)
    return np.array([rows[0] for rows in origins]), energy


@pytest.fixture(scope="module")
def captures(source):
    return thrown(capture_neutrino, source)


def test_recoils_follow_the_neutrino_as_kinematics_says(scatters):
    electrons, energy = scatters
    assert electrons[:, 6] == pytest.approx(np.minimum(recoil_cosine(electrons[:, 0], energy), 1), abs=1e-6)
    assert np.linalg.norm(electrons[:, 4:7], axis=1) == pytest.approx(1.0)
    assert (electrons[:, 1:4] == [1, 2, 3]).all()
    assert abs(electrons[:, 4].mean()) < 4 * electrons[:, 4].std() / np.sqrt(THROWS)


def test_spectrum_of_recoils_is_that_of_the_flux(scatters):
    """12.6 MeV in the mean above 5 MeV: the spectrum of every angular resolution that is quoted for it."""
    kinetic = scatters[0][:, 0]
    weight = pinched_flux(GRID, 15.0, 3.0)
    share = [(weight * elastic_cross_section(GRID, t)).sum() for t in (5.0, 8.0, 12.0, 20.0, 30.0)]
    found = [(kinetic > t).mean() for t in (5.0, 8.0, 12.0, 20.0, 30.0)]
    assert kinetic.min() >= 5 - 0.03
    assert kinetic.mean() == pytest.approx(12.6, abs=0.3)
    assert found == pytest.approx(np.array(share) / share[0], abs=4 * 0.5 / np.sqrt(THROWS))


def test_captures_share_the_energy_of_the_neutrino(captures):
    """Electron, de-excitation gammas and 1.504 MeV make up the neutrino's energy."""
    origins, energy = captures
    total = np.array([rows[:, 0].sum() for rows in origins])
    assert total + Q_VALUE == pytest.approx(energy, abs=1e-9)
    assert all(rows[0, KIND] == ELECTRON and (rows[1:, KIND] == PHOTON).all() for rows in origins)
    gammas = np.array([rows[1:, 0].sum() for rows in origins])
    assert gammas.min() == pytest.approx(2.29, abs=0.01)
    assert gammas.max() == pytest.approx(6.118, abs=0.01)
    assert np.isclose(gammas, 4.384).mean() == pytest.approx(0.40, abs=0.03)  # the analogue state
    assert 1.5 < np.mean([len(rows) - 1 for rows in origins]) < 3.5


def test_angle_of_captures_is_forward_for_fermi_and_backward_for_gamow_teller(captures):
    """The mean cosine of 1 + a cos is a/3."""
    origins, _ = captures
    cosine = np.array([rows[0, 6] for rows in origins])
    fermi = np.isclose([rows[1:, 0].sum() for rows in origins], 4.384)
    for chosen, expected in ((fermi, 1 / 3), (~fermi, -1 / 9)):
        error = 0.55 / np.sqrt(chosen.sum())
        assert cosine[chosen].mean() == pytest.approx(expected, abs=4 * error)


def test_decays():
    memory, kinds, energies = event_memory(), [], []
    memory.state[0] = 1
    begin_event(memory, 0.0, 0.0, 0.0, 1.0)
    for _ in range(900):
        memory.used[:] = 0
        row = memory.origins[make_decay(memory, build_decays(0.5), 0.0, 0.0, 0.0)]
        kinds.append(row[KIND])
        energies.append(row[0])
    betas = np.array(energies)[np.equal(kinds, ELECTRON)]
    assert np.mean(kinds) == pytest.approx(0.5, abs=0.07)
    assert betas.max() < ARGON_39
    assert betas.mean() == pytest.approx(0.219, abs=4 * 0.13 / np.sqrt(len(betas)))
    assert set(np.array(energies)[np.equal(kinds, PHOTON)]) == {1.461, 2.615, 4.745}


@pytest.mark.parametrize("energy", [(5.0, 130.0), (119.0, 119.5)])
def test_ranges_that_cannot_be(energy):
    with pytest.raises(UserError, match="energy: "):
        build_neutrinos(0.5, 3.0, energy)


def test_electron_mass_is_that_of_the_tables():
    assert pytest.approx(0.51099895) == MASS
