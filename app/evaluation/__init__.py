"""Predictions, metrics and baselines of a deployed model: `load("runs/x").predict(columns)`."""

from app.evaluation.inference import load

__all__ = ["load"]
