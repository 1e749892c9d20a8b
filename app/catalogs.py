"""All catalogs by the name that people use for them: `wirechamber list losses`."""

from __future__ import annotations

from typing import Any

from app.core.catalog import Catalog
from app.metrics import BASELINES, METRICS
from app.models import HEADS, MODELS
from app.optimizers import OPTIMIZERS
from app.physics.extrapolation import EXTRAPOLATIONS
from app.physics.magnetic_field import FIELDS
from app.plots import PLOTS
from app.schedules import SCHEDULES
from datasets import DATASETS, SIMULATORS
from datasets.convert import CONVERTERS
from datasets.transforms import TRANSFORMS
from losses import LOSSES
from losses.balancing import BALANCINGS
from losses.constraints import CONSTRAINTS
from losses.weighting import WEIGHTINGS

CATALOGS: dict[str, Catalog[Any]] = {
    "datasets": DATASETS,
    "simulators": SIMULATORS,
    "converters": CONVERTERS,
    "fields": FIELDS,
    "extrapolations": EXTRAPOLATIONS,
    "models": MODELS,
    "heads": HEADS,
    "losses": LOSSES,
    "constraints": CONSTRAINTS,
    "weightings": WEIGHTINGS,
    "balancings": BALANCINGS,
    "transforms": TRANSFORMS,
    "metrics": METRICS,
    "baselines": BASELINES,
    "plots": PLOTS,
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
}
