"""The catalog: one decorator registers a component, and its signature is its schema.

A component is a function or class. Its positional parameters are supplied by the program, its keyword-only parameters
by the JSON. The annotations of the keyword-only parameters, and only those, are evaluated and become a pydantic model.
Of a parameter whose type is `Shared` the fields become keys; the component gets them as one value.

What else the program must know of a component before it is built are its facts: keywords of the decorator, which the
catalog's model of facts checks at once, so that `@MODELS("mine", ligth=True)` cannot be imported.
"""

import importlib
import json
import logging
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Generic

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypeVar

from app.core.component import Component, Known, Made, Spec
from app.core.errors import Problem, UserError, unknown
from app.core.own_components import extend, is_own
from app.core.types import Facts, Strict
from app.core.validation import problems

__all__ = ["Catalog", "Component", "Spec"]
logger = logging.getLogger(__name__)
Function = TypeVar("Function", bound=Callable[..., Any])


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
        """Return the public modules of the package, the user's own too; none of a single module, which this imports."""
        places = getattr(self._import(self.package), "__path__", None)
        if places is None:
            return []
        extend(self.package, places)
        return [module.name for module in pkgutil.iter_modules(places) if not module.name.startswith("_")]

    def _import_own(self, name: str) -> None:
        """Import a module of components; raises UserError where one of the user's own is broken."""
        try:
            self._import(f"{self.package}.{name}")
        except Exception as error:
            if isinstance(error, UserError) or not is_own(self.package, name):
                raise
            what = f"cannot be imported ({type(error).__name__}: {error})"
            raise UserError(Problem(what, (f"{self.package}.{name}",), expected=f"a {self.kind}")) from error

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
                try:
                    self._import_own(name)
                except UserError as error:  # it breaks the jobs that name it, and no other
                    logger.warning("%s", error)
            self._loaded = True
        return iter(sorted(self._components.values(), key=lambda c: c.name))

    def names(self) -> list[str]:
        """Return the registered names in alphabetical order, aliases left out."""
        return [component.name for component in self]

    def __getitem__(self, name: str) -> Component[Made, Known]:
        if not self._loaded and name not in self._components and name in self._modules():
            self._import_own(name)  # a job needs few of all components
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
