"""What baselines are fitted on."""

from __future__ import annotations

from app.config.job_file import parse
from app.data.loading import baseline_tables, load_data
from app.evaluation.metrics import fit_baselines


def test_the_momentum_of_a_track_is_no_feature_of_the_polynomial(small_job):
    """It is known beside the inputs, for bins and weights; as a seventh feature it would cost the fit its degrees."""
    job = parse(small_job)
    data = load_data(job)
    assert "p" in data.source.extras
    train, validation = baseline_tables(data)
    inputs = {"x", "y", "tx", "ty", "qop", "dz"}
    assert set(train) == set(validation) == inputs | {f"true_{name}" for name in ("x", "y", "tx", "ty")}
    fitted = fit_baselines(data, job)["state"]
    assert fitted["polynomial"].description == "polynomial degree 6 in tx, ty, qop, folded"
