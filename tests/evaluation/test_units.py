"""Figures have the unit of their name, of what the metric measures, or of their target."""

from __future__ import annotations

import pytest

from app.evaluation.units import unit_of, units_of, with_unit

TARGETS = {"energy": "GeV", "x": "mm", "tx": "", "direction_x": ""}


@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        ("energy_bias", "GeV"),
        ("energy_res_68pct", "GeV"),
        ("x_mean_absolute", "mm"),
        ("energy_relative_bias", ""),
        ("pos_68_mm", "mm"),
        ("angle_mean_deg", "deg"),
        ("tx_bias", ""),
        ("energy", ""),
        ("accuracy", ""),
        ("angle_resolution_68pct", "deg"),
        ("phi_rms", "deg"),
        ("uvw_dist_68pct", "cm"),
        ("uvw_v_68", "cm"),
        ("time_bias", "s"),
        ("val_cos", ""),
    ],
)
def test_a_metric_has_the_unit_of_its_target_of_its_name_or_what_it_says(metric, unit):
    metrics = ["energy", {"name": "direction"}, {"name": "position"}, "timing", "removed_since"]
    units = units_of({"tasks": {"all": {"metrics": metrics}}}, {"dataset": {"units": TARGETS}})
    assert unit_of(metric, units) == unit


def test_muons_have_radians():
    units = units_of({"tasks": {"all": {"metrics": ["muon_direction"]}}}, {})
    assert [unit_of(name, units) for name in ("phi_bias", "eta_bias", "delta_r_68pct")] == ["rad", "", ""]


def test_a_unit_is_written_once():
    units = {"energy": "GeV"}
    names = ("energy_bias", "pos_68_mm", "accuracy")
    assert [with_unit(name, units) for name in names] == ["energy_bias [GeV]", "pos_68_mm", "accuracy"]
