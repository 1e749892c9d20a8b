"""The description of what a job file may hold, from the same signatures that validate it."""

import inspect
import json
import re
from collections import ChainMap
from collections.abc import Iterable, Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.config.job import Job
from app.config.job_file import Sweep
from app.config.workflow import Workflow
from app.core.catalog import Catalog, Component, Spec
from app.core.types import Shared
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
TYPES = {bool: "true or false", int: "whole number", float: "number", str: "text", NoneType: "null", Any: "anything"}
LIMITS = (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))
UNSAID = (2**31 - 1, 2**53)
"""Limits that nobody reaches: what 32 bits or a float64 count."""
TITLE = """\
# Job files

Written by `wirechamber list --markdown` from the signatures that validate a job; do not edit it.

A component is `{"name": "<name>", ...its keys}`, or just `"<name>"` when every key keeps its default. An unknown key is
an error, always. `wirechamber list KIND NAME` explains a component at length, `wirechamber schema` is the JSON Schema.
"""


def markdown() -> str:
    """Return docs/job_files.md: the parts of a job, then every component of every catalog."""
    lines = [TITLE]
    options = (field.annotation for catalog in CATALOGS.values() for field in catalog.options.model_fields.values())
    waiting: list[type[BaseModel]] = [Job, Sweep, Workflow, *(model for o in options for model in _models_in(o))]
    seen: list[type[BaseModel]] = []
    while waiting:
        model = waiting.pop(0)
        if model not in seen:
            seen.append(model)
            lines += _part(model, "##")
            waiting += [part for field in model.model_fields.values() for part in _models_in(field.annotation)]
    for kind, catalog in CATALOGS.items():
        lines.append(f"## {kind.capitalize()}\n")
        if catalog.options.model_fields:
            lines += [f"Every {catalog.kind} also takes:\n", *_table_rows(catalog.options, {})]
        for component in catalog:
            lines.append(f"### {component.name}\n\n{component.summary}\n")
            lines += _table_rows(component.model, arguments_of(component), component.keys)
            fields = component.model.model_fields
            own = dict.fromkeys(m for key in component.keys for m in _models_in(fields[key].annotation))
            lines += [line for part in own if part not in seen for line in _part(part, "####")]
            seen += own
    return "\n".join(lines)


def _part(model: type[BaseModel], level: str) -> list[str]:
    """Return the heading and the table of one part of a job."""
    first = (inspect.getdoc(model) or "").partition("\n\n")[0].replace("\n", " ")
    return [f"{level} {model.__name__}\n\n{first}\n", *_table_rows(model, {})]


def _table_rows(model: type[BaseModel], explained: dict[str, str], only: Iterable[str] | None = None) -> Iterator[str]:
    fields = [(name, f) for name, f in model.model_fields.items() if only is None or name in only]
    if fields:
        yield "| key | value | default | |\n|---|---|---|---|"
        for name, field in fields:
            text = field.description or explained.get(name, "")
            cells = (f"`{field.alias or name}`", describe_type(field), default_of(field, "`"), text)
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        yield ""


def describe_type(field: FieldInfo) -> str:
    """Return what a key takes, e.g. 'list of whole numbers >= 1'."""
    return _describe(field.annotation, field.metadata)


def parts_of(field: FieldInfo) -> list[type[BaseModel]]:
    """Return the parts of a job that a key takes, whose keys stand in tables of their own."""
    return list(dict.fromkeys(_models_in(field.annotation)))


def default_of(field: FieldInfo, quote: str = "") -> str:
    """Return the default as JSON, or 'required'; the defaults of a part stand in its own table."""
    if field.is_required():
        return "required"
    default = field.default
    if isinstance(default, BaseModel):
        return f"defaults of {type(default).__name__}"
    return f"{quote}{json.dumps(default.name if isinstance(default, Spec) else default)}{quote}"


def arguments_of(component: Component[Any]) -> dict[str, str]:
    """Return the explanations of the arguments by name; the component's own docstring comes before shared options."""
    shared = (kind for name, kind in component.types.items() if name not in component.keys)
    texts = [
        _docstring_section("Attributes", part) for kind in shared for part in kind.__mro__ if issubclass(part, Shared)
    ]
    return dict(ChainMap(_docstring_section("Args", component.call), *texts))


def _docstring_section(title: str, documented: Any) -> dict[str, str]:
    """Return a section of a docstring by name."""
    doc = inspect.getdoc(documented) or ""
    block = re.search(rf"^{title}:\n((?:[ ]{{4}}.*\n?)+)", doc, re.MULTILINE)
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", block[1] if block else "", re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def _describe(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """Describe a type with what its `Annotated` or field says of it."""
    if get_origin(annotation) is Annotated:
        return _describe(get_args(annotation)[0], (*annotation.__metadata__, *metadata))
    facts = [fact for m in metadata for fact in (m.metadata if isinstance(m, FieldInfo) else [m])]
    origin, inner = get_origin(annotation), get_args(annotation)
    if catalog := next((fact.catalog for fact in facts if hasattr(fact, "catalog")), None):
        text = f"{'an' if catalog.kind[0] in 'aeiou' else 'a'} {catalog.kind}"
    elif origin is Literal:
        text = " or ".join(json.dumps(value) for value in inner)
    elif origin in (Union, UnionType):
        text = " or ".join(map(_describe, inner))
    elif origin is tuple:
        text = f"list of: {_describe(inner[0])}" if Ellipsis in inner else f"[{', '.join(map(_describe, inner))}]"
    elif origin is dict:
        text = f"object of: {_describe(inner[1])}"
    else:
        text = TYPES.get(annotation) or f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    known = [(sign, getattr(fact, name)) for fact in facts for name, sign in LIMITS if hasattr(fact, name)]
    limits = [f"{sign} {value}" for sign, value in known if value not in UNSAID]
    return f"{text} {' and '.join(limits)}".strip()


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
