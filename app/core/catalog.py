"""The catalog: one decorator registers a component, and its signature is its schema.

A component is a function or class. Its positional parameters are supplied by the program, its keyword-only parameters
by the JSON. The annotations of the keyword-only parameters, and only those, are evaluated and become a pydantic model.
Of a parameter whose type is `Shared` the fields become keys; the component gets them as one value.

What else the program must know of a component before it is built are its facts: keywords of the decorator, which the
catalog's model of facts checks at once, so that `@MODELS("mine", ligth=True)` cannot be imported.
"""

import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, Generic, Literal

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, create_model
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypeVar

from app.core.errors import Problem, UserError, unknown
from app.core.types import Facts, Shared, Strict
from app.core.validation import problems

Made = TypeVar("Made")
Known = TypeVar("Known", bound=Facts, default=Facts, covariant=True)
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Component(Generic[Made, Known]):
    """A registered function or class with the facts its decorator was given."""

    name: str
    call: Callable[..., Made]
    facts: Known
    options: type[BaseModel]

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.call) or "").partition("\n")[0]

    @cached_property
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        """The keyword-only parameters: what a job file may set, or what shares its options with others."""
        parameters = inspect.signature(self.call).parameters.values()
        return tuple(p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)

    @cached_property
    def model(self) -> type[BaseModel]:
        """The pydantic model of the component's JSON: its name, its parameters and the family's common options."""
        fields: dict[str, Any] = {"name": (Literal[self.name], ...), **self.keys}
        return create_model(self.name, __base__=self.options, __doc__=self.summary, **fields)

    @cached_property
    def keys(self) -> dict[str, tuple[Any, Any]]:
        """What a job file may set, with types and defaults; shared options stand in the place of their parameter."""
        keys: dict[str, tuple[Any, Any]] = {}
        for p in self.parameters:
            if shared := self.shared.get(p.name):
                keys |= {name: (field.annotation, field) for name, field in shared.model_fields.items()}
            else:
                keys[p.name] = (self.types[p.name], ... if p.default is inspect.Parameter.empty else p.default)
        return keys

    @cached_property
    def types(self) -> dict[str, Any]:
        """The types of the keyword-only parameters."""
        made_by = inspect.unwrap(self.call.__init__ if inspect.isclass(self.call) else self.call)
        names = getattr(made_by, "__globals__", {})  # a class without __init__ has none
        annotations = ((p.name, p.annotation) for p in self.parameters)
        return {name: eval(a, names) if isinstance(a, str) else a for name, a in annotations}

    @cached_property
    def shared(self) -> dict[str, type[Shared]]:
        """The types of those keyword-only parameters that take options of several components."""
        return {name: t for name, t in self.types.items() if inspect.isclass(t) and issubclass(t, Shared)}


@dataclass(frozen=True)
class Spec(Generic[Made]):
    """A component chosen by a job with its validated parameters; `build` makes it."""

    component: Component[Made, Any]
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
        values, shared = self.parameters, self.component.shared
        made = {n: t.model_construct(**{f: values[f] for f in t.model_fields}) for n, t in shared.items()}
        return {name: (made if name in made else values)[name] for name in self.component.types}

    def build(self, *supplied: Any) -> Made:
        """Call the component with what the program supplies and what the job says."""
        return self.component.call(*supplied, **self.arguments)

    def dump(self) -> dict[str, Any]:
        """Return the JSON that gives this Spec again."""
        return dict(self.options.model_dump(mode="json"))


class Catalog(Generic[Made, Known]):
    """All components of one kind, found in the modules of `package` when first asked for.

    Args:
        kind: what an error message calls them, e.g. "loss".
        package: the package (or single module) whose public modules register components.
        options: pydantic model of the keys that every component of the family takes in addition to its own.
        complete: fills in what the JSON of a component may leave out because it follows from the rest.
        facts: model of what a component's decorator must or may say of it.
    """

    def __init__(
        self,
        kind: str,
        package: str,
        options: type[BaseModel] = Strict,
        complete: Callable[[dict[str, Any]], dict[str, Any]] = dict,
        facts: type[Known] = Facts,  # type: ignore[assignment] # the default of `Known` as well
    ) -> None:
        self.kind, self.package, self.options, self.complete, self.facts = kind, package, options, complete, facts
        self._components: dict[str, Component[Made, Known]] = {}
        self._aliases: dict[str, str] = {}
        self._loaded = False

    def __call__(self, name: str, *, aliases: tuple[str, ...] = (), **facts: Any) -> Callable[[Function], Function]:
        """Register the decorated function or class under `name`.

        Raises:
            TypeError: a fact is unknown, missing or of another type, as with a wrong keyword argument.
        """
        try:
            checked = self.facts.model_validate(facts)
        except ValidationError as error:
            mistakes = (p.under(f"{self.kind} {name!r}") for p in problems(error, self.facts))
            raise TypeError("\n".join(str(replace(p, what=p.what.replace("key", "fact"))) for p in mistakes)) from None

        def register(call: Function) -> Function:
            for taken in {name, *aliases} & (self._components.keys() | self._aliases.keys()):
                raise ValueError(f"two {self.kind} components are named {taken!r}")
            self._components[name] = Component(name, call, checked, self.options)
            self._aliases.update(dict.fromkeys(aliases, name))
            return call

        return register

    def _modules(self) -> list[str]:
        """Return the public modules of the package, none of a single module, which this imports."""
        modules = pkgutil.iter_modules(getattr(self._import(self.package), "__path__", ()))
        return [module.name for module in modules if not module.name.startswith("_")]

    def _import(self, module: str) -> Any:
        """Import a module; where that fails, forget its components, for the next attempt registers them again."""
        try:
            return importlib.import_module(module)
        except BaseException:
            left = {name: c for name, c in self._components.items() if c.call.__module__ in sys.modules}
            self._components, self._aliases = left, {a: name for a, name in self._aliases.items() if name in left}
            self._loaded = False
            raise

    def __iter__(self) -> Iterator[Component[Made, Known]]:
        if not self._loaded:
            self._loaded = True  # first, for a component's module may ask for its own catalog
            for name in self._modules():
                self._import(f"{self.package}.{name}")
        return iter(sorted(self._components.values(), key=lambda c: c.name))

    def names(self) -> list[str]:
        """Return the registered names in alphabetical order, aliases left out."""
        return [component.name for component in self]

    def __getitem__(self, name: str) -> Component[Made, Known]:
        if not self._loaded and name not in self._components and name in self._modules():
            self._import(f"{self.package}.{name}")  # a job needs few of all components
        if name not in self._components:
            self.names()
        component = self._components.get(self._aliases.get(name, name))
        if component is None:
            raise UserError(unknown(self.kind, name, self.names()))
        return component

    def parse(self, value: Any) -> Spec[Made]:
        """Turn `"mse"` or `{"name": "mse", ...}` into a Spec; raises UserError with every mistake in it."""
        if isinstance(value, Spec):
            return value
        content = {"name": value} if isinstance(value, str) else value
        if not isinstance(content, Mapping) or not isinstance(content.get("name"), str):
            expected = f'"<name>" or {{"name": "<name>", ...}} with a name from [{", ".join(self.names())}]'
            raise UserError(Problem(f"does not name the {self.kind}", expected=expected, received=value))
        try:
            component = self[content["name"]]
        except UserError as error:
            raise error.under("name") from None

        def dump(value: Any) -> Any:
            options = value.options if isinstance(value, Spec) else value
            return options.model_dump(mode="json") if isinstance(options, BaseModel) else str(options)

        text = json.dumps(self.complete({**content, "name": component.name}), default=dump)
        try:
            return Spec(component, component.model.model_validate_json(text, strict=True))
        except ValidationError as error:
            raise UserError(*problems(error, component.model)) from None

    @property
    def spec(self) -> Any:
        """The pydantic type of a component of this catalog inside a signature or a model."""
        return Annotated[Any, _SpecType(self)]


_DESCRIBING: list[Catalog[Any, Any]] = []


@dataclass(frozen=True)
class _SpecType:
    """What pydantic needs to read, write and describe a Spec of one catalog."""

    catalog: Catalog[Any, Any]

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        write = core_schema.plain_serializer_function_ser_schema(lambda spec: spec.dump())
        return core_schema.no_info_plain_validator_function(self.catalog.parse, serialization=write)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        names = {"enum": self.catalog.names()}
        if self.catalog in _DESCRIBING:  # a component that takes one of its own kind: the schema must end
            return {"anyOf": [names, {"type": "object", "properties": {"name": names}, "required": ["name"]}]}
        _DESCRIBING.append(self.catalog)
        try:
            described = [handler(component.model.__pydantic_core_schema__) for component in self.catalog]
        finally:
            _DESCRIBING.pop()
        return {"anyOf": [names, *described]}
