"""The first job for track states: what a network sees and learns where the file says which field they went through."""

from collections.abc import Mapping
from typing import Any

from app.core.errors import UserError
from app.core.files import expand
from app.physics.magnetic_field import FIELDS

TASK = {
    "targets": ["x", "y", "tx", "ty"],
    "transform": "kick",
    "loss": "mse",
    "metrics": ["track_residuals"],
}
MODEL = {"name": "mlp", "preset": "small"}
JOB: dict[str, Any] = {"application": "track_extrapolation", "model": MODEL, "tasks": {"state": TASK}}
BEHIND_LENS = {"transform": {"name": "kick", "baseline": "thin_lens"}, "loss": {"name": "smooth_l1", "beta": 2e-3}}
TRAINING = {
    **{"epochs": 50, "batch_size": 256, "optimizer": {"name": "adamw", "learning_rate": 5e-3, "weight_decay": 1e-4}},
    "schedule": {"name": "cosine", "warmup_epochs": 0.5},
}
ALONG_Z = ("tx", "ty", "qop", "lens_u", "lens_tx", "lens_ty")
"""All that a track's way follows from in a field that varies with z alone; json/track_extrapolation/mlp_tiny.json."""
ANY = ("x", "y", "tx", "ty", "qop", "lens_x", "lens_y", "lens_u", "lens_v")


def job_in_field(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the job for a file with these facts: the kick beside a thin lens of its field, else beside a line.

    Tracks between planes of their own keep to the line: which columns they need is not known.
    """
    planes = [facts.get(name) for name in ("z_start", "z_end")]
    stated = facts.get("dataset") == "track_states" and isinstance(facts.get("field"), dict)
    if not stated or not all(isinstance(z, int | float) for z in planes):
        return JOB
    try:
        field = FIELDS.parse(facts["field"])
        # The symmetry of a map is known when it is read, which takes long.
        is_map = "file" in field.parameters
        symmetry = None if is_map else field.build().symmetry
        if is_map and not expand(field.parameters["file"]).is_file():
            return JOB
    except UserError:  # which the loader reports
        return JOB
    mirror = symmetry is not None and symmetry.mirror_x and symmetry.mirror_y
    varies = symmetry is None or symmetry.depends_on_x or symmetry.depends_on_y
    inputs = {"mirror": mirror, "features": list(ANY if varies else ALONG_Z)}
    model, task = {**MODEL, "inputs": inputs}, {**TASK, **BEHIND_LENS}
    return {**JOB, "model": model, "tasks": {"state": task}, "training": TRAINING}
