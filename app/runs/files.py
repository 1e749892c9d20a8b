"""The files of a finished run: each must exist, be complete and hold what its readers rely on."""

import json
import zipfile
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel, ValidationError

from app.config import Job
from app.config.job_file import parse
from app.core.errors import Problem, UserError
from app.core.files import read_json
from app.core.spelling import OF_A_RUN
from app.core.validation import problems

EXPECTED = "a file of a run that is done"
Object = dict[str, Any]


class _Shape(BaseModel):
    """What a file must hold; it may hold more."""

    model_config = ConfigDict(extra="allow", strict=True, protected_namespaces=())


def _refuse_no_tasks(tasks: dict[str, Any]) -> dict[str, Any]:
    if not tasks:
        raise ValueError("holds no task")
    return tasks


class _JobTask(_Shape):
    targets: list[str]
    metrics: Annotated[list[Any], Field(min_length=1)]


class _Job(_Shape):
    application: str
    tasks: Annotated[dict[str, _JobTask], AfterValidator(_refuse_no_tasks)]
    model: Object = {}


class _TaskResult(_Shape):
    metric: str
    better: Literal["lower", "higher"]
    model: Object
    baselines: dict[str, Object]


class _Metrics(RootModel[dict[str, _TaskResult]]):
    root: Annotated[dict[str, _TaskResult], AfterValidator(_refuse_no_tasks)]


class _Epoch(_Shape):
    epoch: int


class _History(_Shape):
    train: list[_Epoch] = []
    val: list[_Epoch] = []
    best_epoch: int | None = None
    training_time: float | None = None


class _Dataset(_Shape):
    rows: dict[str, int] = {}


class _Provenance(_Shape):
    dataset: _Dataset = _Dataset()


class _ModelConfig(_Shape):
    parameters: int | None = None


class _Normalization(_Shape):
    columns: dict[str, list[str]]


SHAPES: dict[str, type[BaseModel]] = {
    "job.json": _Job,
    "metrics.json": _Metrics,
    "history.json": _History,
    "progress.json": _History,
    "provenance.json": _Provenance,
    "model_config.json": _ModelConfig,
    "normalization.json": _Normalization,
}


def read_file(path: Path) -> Object:
    """Return the content of one of a run's JSON files; raises UserError when it is missing, damaged or another."""
    content, shape = read_json(path, EXPECTED), SHAPES.get(path.name)
    try:
        if shape is not None:
            shape.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise UserError(problems(error, shape or BaseModel)[0].under(str(path))) from None
    return content


def read_job(path: Path) -> Job:
    """Return the job of a run from its job.json; raises UserError when the file is missing, damaged or another.

    Names that version 0.1 accepted, such as a task called `a.b`, stay as they are.
    """
    return parse(read_file(path), str(path), OF_A_RUN)


def check_file(path: Path) -> None:
    """Raise UserError when a file is missing or damaged; models and predictions are not read whole."""
    if path.suffix == ".json":
        read_file(path)
    elif not path.exists():
        raise UserError(Problem("is missing", (str(path),), expected=EXPECTED))
    elif path.suffix == ".keras":
        try:
            complete = zipfile.is_zipfile(path)
        except OSError:
            complete = False
        if not complete:
            what = "cannot be read as a model (it is not a complete zip archive)"
            raise UserError(Problem(what, (str(path),), expected="the model of a run that is done"))
