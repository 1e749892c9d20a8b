"""The catalog: one decorator registers a component, and its signature is its schema.

A component is a function or class. Its positional parameters are supplied by the program, its keyword-only parameters
by the JSON. The annotations of the keyword-only parameters, and only those, are evaluated and become a pydantic model.
Of a parameter whose type is `Shared` the fields become keys; the component gets them as one value.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, create_model
from pydantic_core import CoreSchema, core_schema

from app.core.errors import Problem, UserError, unknown
from app.core.types import Shared, Strict
from app.core.validation import problems

Made = TypeVar("Made")
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Component(Generic[Made]):
    """A registered function or class with the facts its decorator was given."""

    name: str
    call: Callable[..., Made]
    facts: Mapping[str, Any]
    options: type[BaseModel]

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.call) or "").partition("\n")[0]

    @cached_property
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        """The keyword-only parameters: what a job file may set, or what shares its options with others."""
        every = inspect.signature(self.call).parameters.values()
        return tuple(p for p in every if p.kind is inspect.Parameter.KEYWORD_ONLY)

    @cached_property
    def model(self) -> type[BaseModel]:
        """The pydantic model of the component's JSON: its name, its parameters and the family's common options."""
        fields: dict[str, Any] = {"name": (Literal[self.name], ...)}
        return create_model(self.name, __base__=self.options, __doc__=self.summary, **fields | self.keys)

    @cached_property
    def keys(self) -> dict[str, tuple[Any, Any]]:
        """What a job file may set, with types and defaults; shared options stand in the place of their parameter."""
        found: dict[str, tuple[Any, Any]] = {}
        for p in self.parameters:
            kind = self.types[p.name]
            fields = kind.model_fields if _is_shared(kind) else {}
            found |= {n: (f.annotation, f) for n, f in fields.items()} or {p.name: (kind, _default(p))}
        return found

    @cached_property
    def types(self) -> dict[str, Any]:
        """The types of the keyword-only parameters."""
        made_by = inspect.unwrap(self.call.__init__ if inspect.isclass(self.call) else self.call)
        names = getattr(made_by, "__globals__", {})  # a class without __init__ has none
        return {p.name: _evaluated(p.annotation, names) for p in self.parameters}


def _evaluated(annotation: Any, names: dict[str, Any]) -> Any:
    return eval(annotation, names) if isinstance(annotation, str) else annotation


def _is_shared(annotation: Any) -> bool:
    return inspect.isclass(annotation) and issubclass(annotation, Shared)


def _default(parameter: inspect.Parameter) -> Any:
    return ... if parameter.default is inspect.Parameter.empty else parameter.default


@dataclass(frozen=True)
class Spec(Generic[Made]):
    """A component chosen by a job with its validated parameters; `build` makes it."""

    component: Component[Made]
    options: Any

    @property
    def name(self) -> str:
        """The catalog name."""
        return self.component.name

    @property
    def parameters(self) -> dict[str, Any]:
        """The validated values of the component's keys."""
        return {key: getattr(self.options, key) for key in self.component.keys}

    @property
    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of the component: its parameters, shared options as one value each."""
        values, shared = self.parameters, {n: t for n, t in self.component.types.items() if _is_shared(t)}
        made = {n: t.model_construct(**{f: values[f] for f in t.model_fields}) for n, t in shared.items()}
        return {name: made[name] if name in made else values[name] for name in self.component.types}

    def build(self, *supplied: Any) -> Made:
        """Call the component with what the program supplies and what the job says."""
        return self.component.call(*supplied, **self.arguments)

    def dump(self) -> dict[str, Any]:
        """Return the JSON that gives this Spec again."""
        return dict(self.options.model_dump(mode="json"))


class Catalog(Generic[Made]):
    """All components of one kind, found in the modules of `package` when first asked for.

    Args:
        kind: what an error message calls them, e.g. "loss".
        package: the package (or single module) whose public modules register components.
        options: pydantic model of the keys that every component of the family takes besides its own.
        complete: fills in what the JSON of a component may leave out because it follows from the rest.
    """

    def __init__(
        self,
        kind: str,
        package: str,
        options: type[BaseModel] = Strict,
        complete: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    ) -> None:
        self.kind, self.package, self.options, self.complete = kind, package, options, complete
        self._components: dict[str, Component[Made]] = {}
        self._aliases: dict[str, str] = {}
        self._loaded = False

    def __call__(self, name: str, *, aliases: tuple[str, ...] = (), **facts: Any) -> Callable[[Function], Function]:
        """Register the decorated function or class under `name`."""

        def register(call: Function) -> Function:
            for taken in {name, *aliases} & (self._components.keys() | self._aliases.keys()):
                raise ValueError(f"two {self.kind} components are named {taken!r}")
            self._components[name] = Component(name, call, facts, self.options)
            self._aliases.update(dict.fromkeys(aliases, name))
            return call

        return register

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True  # first, for a component's module may ask for its own catalog
        try:
            self._import_all()
        except BaseException:  # the next question must fail as well, not find half of the components
            self._loaded = False
            raise

    def _import_all(self) -> None:
        for name in self._modules():
            importlib.import_module(f"{self.package}.{name}")

    def _modules(self) -> list[str]:
        """Return the public modules of the package, none of a single module, which this imports."""
        path = getattr(importlib.import_module(self.package), "__path__", ())
        return [module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_")]

    def _load_module_of(self, name: str) -> None:
        """Import the module that is called as a component, where there is one: a job needs few of all components."""
        if name in self._modules():
            importlib.import_module(f"{self.package}.{name}")

    def __iter__(self) -> Iterator[Component[Made]]:
        self._load()
        return iter(sorted(self._components.values(), key=lambda c: c.name))

    def names(self) -> list[str]:
        """Return the registered names in alphabetical order, aliases left out."""
        return [component.name for component in self]

    def __getitem__(self, name: str) -> Component[Made]:
        if not self._loaded and name not in self._components:
            self._load_module_of(name)
        if name not in self._components:
            self._load()
        found = self._components.get(self._aliases.get(name, name))
        if found is None:
            raise UserError(unknown(self.kind, name, self.names()))
        return found

    def parse(self, value: Any) -> Spec[Made]:
        """Turn `"mse"` or `{"name": "mse", ...}` into a Spec; raises UserError with every mistake in it."""
        if isinstance(value, Spec):
            return value
        content = {"name": value} if isinstance(value, str) else value
        if not isinstance(content, Mapping) or not isinstance(content.get("name"), str):
            expected = f'"<name>" or {{"name": "<name>", ...}} with a name from [{", ".join(self.names())}]'
            raise UserError(Problem(f"does not name the {self.kind}", expected=expected, received=value))
        component = self._named(content["name"])
        text = json.dumps(self.complete({**content, "name": component.name}), default=_jsonable)
        try:
            return Spec(component, component.model.model_validate_json(text, strict=True))
        except ValidationError as error:
            raise UserError(*problems(error, component.model)) from None

    def _named(self, name: str) -> Component[Made]:
        try:
            return self[name]
        except UserError as error:
            raise error.under("name") from None

    @property
    def spec(self) -> Any:
        """The pydantic type of a component of this catalog inside a signature or a model."""
        return Annotated[Any, _SpecType(self)]


def _jsonable(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.dump()
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)


_DESCRIBING: list[Catalog[Any]] = []


@dataclass(frozen=True)
class _SpecType:
    """What pydantic needs to read, write and describe a Spec of one catalog."""

    catalog: Catalog[Any]

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        write = core_schema.plain_serializer_function_ser_schema(lambda spec: spec.dump())
        return core_schema.no_info_plain_validator_function(self.catalog.parse, serialization=write)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        names = {"enum": self.catalog.names()}
        if self.catalog in _DESCRIBING:  # a component that takes one of its own kind: a schema cannot go on for ever
            return {"anyOf": [names, {"type": "object", "properties": {"name": names}, "required": ["name"]}]}
        _DESCRIBING.append(self.catalog)
        try:
            described = [handler(component.model.__pydantic_core_schema__) for component in self.catalog]
        finally:
            _DESCRIBING.pop()
        return {"anyOf": [names, *described]}
