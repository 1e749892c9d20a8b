"""Types that several component signatures share; pydantic validates the JSON against them."""

import os
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from app.core.spelling import Spelling

# Without plugins pydantic does not search the metadata of all installed packages: a tenth of the time of `validate`.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


class Strict(BaseModel):
    """A part of a job: frozen, and an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        protected_namespaces=(),
        allow_inf_nan=False,
        defer_build=True,  # a model is built when it is first used: most parts of a job and most components never are
    )


class Shared(Strict):
    """Options that several components have, written once: a keyword parameter of such a type takes them all.

    In the JSON its fields stand among the component's own keys, in the place of the parameter; the component gets them
    as one value. The docstring explains them under `Attributes:`, and a component's own `Args:` may say otherwise.
    """


class Facts(Strict):
    """What a component's decorator says of it: the base of the model of each catalog, and that of one without facts."""

    model_config = ConfigDict(strict=True, arbitrary_types_allowed=True)


def _ascending(value: tuple[Any, Any]) -> tuple[Any, Any]:
    if value[0] > value[1]:
        raise ValueError(f"the lower end {value[0]} lies above the upper end {value[1]}")
    return value


class OneOrMore:
    """Lets a job write one value where a list of them is meant, and says so in the JSON Schema."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def listed(value: Any) -> Any:
            return tuple(value) if isinstance(value, (list, tuple)) else (value,)

        return core_schema.no_info_before_validator_function(listed, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        array = handler(schema)
        return {"anyOf": [array.get("items", {}), array]}


Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""Of what TensorFlow counts in 32 bits."""
Rows = Annotated[int, Field(ge=1, le=2**53)]
"""Of events or tracks, more than 32 bits hold and no more than a float64 counts."""
Bins = Annotated[int, Field(ge=1, le=10_000)]
"""Of a histogram along an axis: each takes memory."""
Blocks = Annotated[int, Field(ge=0, le=1000)]
"""Each is built, whether or not a machine can hold it."""
Range = Annotated[tuple[float, float], AfterValidator(_ascending)]
PositiveRange = Annotated[tuple[Positive, Positive], AfterValidator(_ascending)]
NAMES = Spelling("A-Za-z0-9", "_.+-", 120, "letters, digits, _ . + and -, the first a letter or digit")
Name = Annotated[str, NAMES]
"""Of a run, an application or a workflow: of its folder and files."""
Word = Annotated[str, Spelling("A-Za-z0-9_", "-", 120, "letters, digits, _ and -, the first not -")]
"""Of a task: part of the names of layers, outputs, columns and files, and of paths in a job, which dots divide."""
Listed = Annotated[tuple[str, ...], OneOrMore()]
