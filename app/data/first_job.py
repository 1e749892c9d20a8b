"""A first job for a data file: made by the loader that knows the file, else of a table of columns."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from app.core.errors import UserError
from app.core.files import REPOSITORY, find_files
from app.data.table_job import table_job
from datasets import DATASETS, Events
from datasets.files import root
from datasets.files.contents import Recognized, read_contents
from datasets.pipeline.checked import loader_file, named_failures, open_source
from datasets.pipeline.options import PARTS
from datasets.pipeline.split import split

logger = logging.getLogger(__name__)
FEW = 2000
"""Of fewer rows the split is chosen so that each part has events."""
SHARES = ((0.8, 0.1, 0.1), (0.6, 0.2, 0.2))
SEEDS = range(1, 51)


@dataclass(frozen=True)
class Known:
    """The loader that knows a file, and what it says of it."""

    loader: str
    recognized: Recognized

    def dataset(self, files: Sequence[str]) -> dict[str, Any]:
        """Return the dataset of a job, of these files unless others belong to them."""
        return {"name": self.loader, "files": list(files), **self.recognized.dataset}


def recognize(path: Path) -> Known | None:
    """Return the loader that knows a file, None where none does; raises UserError when the file is damaged."""
    contents = read_contents(path)
    for component in DATASETS:
        with named_failures((f"dataset {component.name}",), loader_file(component)):
            found = component.facts.recognize and component.facts.recognize(contents)
        if found:
            return Known(component.name, found)
    return None


def first_job(path: Path, tree: str | None, inputs: Sequence[str], targets: Sequence[str]) -> dict[str, Any]:
    """Return a job for a file: of the loader that knows it, and where inputs or targets are named of a table."""
    stem = re.sub(r"[^A-Za-z0-9_.+-]+", "_", root.split_name(path)[0].stem).strip("_.+-") or "data"
    known = None if tree or inputs or targets else recognize(path)
    job: dict[str, Any] = {
        "application": stem,
        "model": {"name": "mlp", "preset": "small"},
        "training": {"epochs": 50, "batch_size": 256},
    }
    if known:
        after = "--targets makes a table of columns of it" if known.recognized.job else "its job is that of a table"
        logger.warning("%s reads this file: %s; %s", known.loader, known.recognized.why, after)
    if known and known.recognized.job:
        dataset = known.dataset([str(path)])
        job |= {**known.recognized.job, "dataset": {**dataset, **choose_split(dataset)}}
    else:
        job |= table_job(path, tree, inputs, targets)
    job["training"] = {**job["training"], "early_stopping": {"patience": 20}}
    model = job["model"] if isinstance(job["model"], str) else job["model"]["name"]
    schema = REPOSITORY / "json/job.schema.json"
    about = {"$schema": str(schema)} if schema.is_file() else {}
    named = {**about, "name": f"{stem}_{model}", "application": None, "rationale": "First look."}
    return {**named, "model": None, "dataset": None, "tasks": None, **job}


def choose_split(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Return the key `split` where there are few events and the usual one would leave a part without any; else {}."""
    spec = DATASETS.parse(dataset)
    try:
        source = open_source(spec, find_files(spec.options.files, ("dataset", "files")))
        if source.rows > FEW or "split" in dataset:
            return {}
        source = replace(source, blocks=[partial(Events.concatenate, [events]) for events in source])
        for seed in SEEDS:
            for shares in SHARES:
                content = {**dict(zip(PARTS, shares, strict=True)), "seed": seed}
                options = DATASETS.parse({**dataset, "split": content}).options
                if all(getattr(split(source, options), part).rows for part in PARTS):
                    return {} if seed == 1 and shares == SHARES[0] else {"split": content}
    except UserError as error:  # as a field map or a distance that the file does not hold
        logger.warning("%s", error)
    return {}
