"""Energy loss and scattering of muons."""

import numpy as np
import pytest

from app.physics.muon_material import MUON_MASS, after_loss, fluctuated, highland, mean_loss


@pytest.mark.parametrize(("p", "loss"), [(10.0, 3.0), (5.0, 2.817), (100.0, 4.159), (200.0, 5.054)])
def test_mean_loss_of_a_calorimeter(p, loss):
    """3 (1 + 0.07 ln(p / 10) + (p - 10) / 400) GeV, by hand."""
    assert sum(mean_loss(np.array(p), 3.0)) == pytest.approx(loss, abs=1e-3)


def test_fluctuations_keep_the_mean_and_have_the_spread_asked_for():
    random = np.random.default_rng(1)
    draws = random.exponential(size=400_000), random.exponential(size=400_000), random.uniform(size=400_000)
    ionisation = fluctuated(np.full(400_000, 3.0), np.zeros(400_000), 0.1, draws)
    assert ionisation.mean() == pytest.approx(3.0, abs=3e-3)
    assert ionisation.std() == pytest.approx(0.3, rel=0.01)
    assert ionisation.min() >= 2.7
    radiation = fluctuated(np.zeros(400_000), np.full(400_000, 0.5), 0.1, draws)
    assert radiation.mean() == pytest.approx(0.5, rel=0.03)
    assert (radiation > 0).mean() == pytest.approx(0.1, abs=3e-3)


def test_momentum_after_a_loss_conserves_energy_and_muons_stop():
    p = after_loss(np.array([10.0, 3.0, 0.2]), np.array([3.0, 5.0, 0.0]))
    assert np.hypot(p[0], MUON_MASS) == pytest.approx(np.hypot(10.0, MUON_MASS) - 3.0)
    assert p[1] == 0.0
    assert p[2] == pytest.approx(0.2)


def test_highland_by_hand():
    """150 radiation lengths, 10 GeV falling to 7: 13.6 MeV / 8.37 GeV x 12.25 x 1.190 = 23.7 mrad."""
    assert highland(np.array(150.0), np.array(10.0), np.array(7.0)) == pytest.approx(0.02370, abs=1e-5)
    assert highland(np.array(1.0), np.array(10.0), np.array(10.0)) == pytest.approx(1.36e-3)
    assert highland(np.array(0.0), np.array(10.0), np.array(10.0)) == pytest.approx(0.0, abs=1e-8)
