"""Losses: functions of (y_true, y_pred) that return one value per event."""

from typing import Any

from app.core.catalog import Catalog

LOSSES = Catalog[Any]("loss", "losses")
