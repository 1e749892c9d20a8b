"""The units of metrics: in their names, of their targets, or as the metric says."""

import re
from collections.abc import Mapping
from typing import Any

from app.metrics import METRICS

OF_A_QUANTITY = re.compile("_(mean_absolute|bias|rms|68|res_68pct|dist_68pct|resolution_68pct)$")
"""What is behind the name of a quantity in figures that have its unit."""
NAMED = ("mm", "deg")


def units_of(job: Mapping[str, Any], provenance: Mapping[str, Any]) -> dict[str, str]:
    """Return the units of quantities by name: those that the metrics of a job declare, and those of its targets.

    Args:
        job: the content of a run's job.json.
        provenance: the content of its provenance.json.
    """
    units = dict[str, str](provenance.get("dataset", {}).get("units", {}))
    for task in job.get("tasks", {}).values():
        for metric in task.get("metrics", ()):
            name = metric if isinstance(metric, str) else metric["name"]
            units |= METRICS[name].facts.units if name in METRICS.names() else {}
    return units


def unit_of(metric: str, units: Mapping[str, str]) -> str:
    """Return the unit of a metric: of its name, as in `pos_68_mm`, or of its quantity, as in `energy_bias`, or nothing.

    Args:
        metric: its name.
        units: of quantities by name.
    """
    quantity, named = OF_A_QUANTITY.sub("", metric), metric.rpartition("_")[2]
    return named if named in NAMED else units.get(quantity, "") if quantity != metric else ""


def with_unit(metric: str, units: Mapping[str, str]) -> str:
    """Return a metric's name, with its unit where the name does not say it: `energy_bias [GeV]`."""
    unit = unit_of(metric, units)
    return f"{metric} [{unit}]" if unit and not metric.endswith(f"_{unit}") else metric
