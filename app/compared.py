"""Results beside the baselines as the registry wants them: from metrics.json to the fields of a record."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import registry
from app.config import Job
from app.metrics import BASELINES


def fingerprint(job: Job, data: str) -> str:
    """Return a hash of the data's content, of how they are read and of how they are split: equal ones compare.

    Args:
        job: whose dataset block says how.
        data: the fingerprint of the content.
    """
    content = {
        name: value for name, value in job.dataset.dump().items() if name not in ("files", "simulate", "streaming")
    }
    return hashlib.sha256(f"{data}{json.dumps(content, sort_keys=True)}".encode()).hexdigest()[:16]


def compared(results: dict[str, Any], description: str = "") -> dict[str, Any]:
    """Return the tasks' results beside the baselines; a classical model is not compared with what it is itself.

    Args:
        results: content of metrics.json.
        description: of the model, as a classical one says what it is.
    """
    (name, first), *others = ((name, _result(found)) for name, found in results.items())
    if others:
        return {**first.model_dump(), "task": name, "others": dict(others)}
    words = next(iter(results.values())).get("descriptions", {})
    itself = next((baseline for baseline, text in words.items() if text == description.partition("; ")[0]), None)
    if itself is None:
        return first.model_dump()
    del first.baselines[itself]
    verdict = registry.verdict(first.value, first.baselines, first.better)
    return {**first.model_dump(), "verdict": f"is the baseline {itself} itself; {verdict}"}


def _result(found: dict[str, Any]) -> registry.Result:
    metric = found["metric"]
    known = {name: figures for name, figures in found["baselines"].items() if not BASELINES[name].facts.get("truth")}
    baselines = {name: figures[metric] for name, figures in known.items()}
    return registry.Result(metric=metric, better=found["better"], value=found["model"][metric], baselines=baselines)
