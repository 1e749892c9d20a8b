"""Models and heads: functions that turn input tensors into features, and features into the outputs of a task."""

from typing import Any

from app.core.catalog import Catalog

MODELS = Catalog[Any]("model", "app.models")
HEADS = Catalog[Any]("head", "app.models.heads")
