"""A registered component, and a component with the options that a job gives it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, Literal

from pydantic import BaseModel, create_model
from typing_extensions import TypeVar

from app.core.types import Facts, Shared

Made = TypeVar("Made")
Known = TypeVar("Known", bound=Facts, default=Facts, covariant=True)


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
