"""The signature is the schema: nested components, aliases, nearest names, every mistake at once, JSON Schema."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import TypeAdapter

from app.core.catalog import Catalog, Spec
from app.core.errors import UserError
from app.core.types import Count, Facts, Positive, Shared, Strict


class LossFacts(Facts):
    kind: Literal["squared", "other"] = "other"
    squared: bool = False
    example: Callable[[], float] | None = None


LOSSES = Catalog[Callable[..., float], LossFacts]("loss", __name__, facts=LossFacts)
MODELS = Catalog[Any]("optimizer", __name__)


class Common(Strict):
    weight: Positive = 1.0


WEIGHTED = Catalog[float]("constraint", __name__, Common)


@LOSSES("mse", aliases=("l2", "mean_square"), squared=True)
def mse(y_true: float, y_pred: float, *, scale: Positive = 1.0) -> float:
    """Mean of the squared residual.

    More about it.
    """
    return scale * (y_true - y_pred) ** 2


@LOSSES("shifted")
def shifted(y_true: float, y_pred: float, *, by: float, inner: LOSSES.spec = "mse") -> float:
    return float(inner.build(y_true + by, y_pred))


@MODELS("net")
class Net:
    """A network."""

    def __init__(
        self,
        data: NeverEvaluated,  # noqa: F821 - what the program supplies is not looked at
        *,
        hidden: tuple[Count, ...] | Count = (64, 64),
        activation: Literal["tanh", "gelu"] = "tanh",
        loss: LOSSES.spec = "mse",
        losses: tuple[LOSSES.spec, ...] = (),
        by_name: dict[str, LOSSES.spec] | None = None,
    ) -> None:
        self.data, self.hidden, self.loss, self.losses = data, hidden, loss, losses


@MODELS("bare")
class Bare:
    """Takes nothing."""


@WEIGHTED("residual")
def residual(state: float, *, power: int = 1) -> float:
    return state**power


SHAPES = Catalog[Any]("shape", __name__)


class Size(Shared):
    """A size."""

    layers: Count = 3
    units: Count | None = None
    loss: LOSSES.spec = "mse"


@SHAPES("cone")
def cone(data: Any, *, first: bool = True, size: Size, last: Positive) -> tuple[Any, ...]:
    return data, first, size, last


@SHAPES("ball")
class Ball:
    def __init__(self, *, size: Size) -> None:
        self.size = size


def problems(catalog: Catalog[Any], value: Any) -> list[str]:
    with pytest.raises(UserError) as caught:
        catalog.parse(value)
    return [str(problem) for problem in caught.value.problems]


def test_a_component_is_built_from_what_the_program_supplies_and_what_the_job_says() -> None:
    assert LOSSES.parse({"name": "mse", "scale": 2}).build(3.0, 1.0) == 8.0
    assert LOSSES.parse("mse").build(3.0, 1.0) == 4.0
    net = MODELS.parse({"name": "net", "hidden": [8], "losses": ["mse", {"name": "mse", "scale": 3}]}).build("data")
    assert (net.data, net.hidden, net.loss.name) == ("data", (8,), "mse")
    assert [loss.build(1.0, 0.0) for loss in net.losses] == [1.0, 3.0]
    assert isinstance(MODELS.parse("bare").build(), Bare)


def test_a_component_may_hold_one_of_its_own_kind() -> None:
    spec = LOSSES.parse({"name": "shifted", "by": 1, "inner": {"name": "shifted", "by": 2}})
    assert spec.build(0.0, 0.0) == 9.0


def test_an_alias_means_the_component_and_is_not_listed() -> None:
    assert LOSSES.parse("l2").name == LOSSES["mean_square"].name == "mse"
    assert LOSSES.parse({"name": "l2", "scale": 2}).dump() == {"name": "mse", "scale": 2.0}
    assert LOSSES.names() == ["mse", "shifted"]


def test_what_is_dumped_gives_the_same_component_again() -> None:
    spec = MODELS.parse({"name": "net", "hidden": 3, "by_name": {"x": {"name": "shifted", "by": 0.5}}})
    assert spec.dump() == {
        "name": "net",
        "hidden": 3,
        "activation": "tanh",
        "loss": {"name": "mse", "scale": 1.0},
        "losses": [],
        "by_name": {"x": {"name": "shifted", "by": 0.5, "inner": {"name": "mse", "scale": 1.0}}},
    }
    assert MODELS.parse(spec.dump()) == MODELS.parse(json.loads(json.dumps(spec.dump()))) == spec
    assert MODELS.parse(spec) is spec


def test_a_family_has_common_options_that_are_not_the_components_own() -> None:
    spec = WEIGHTED.parse({"name": "residual", "weight": 0.1, "power": 2})
    assert (spec.options.weight, spec.parameters, spec.build(3.0)) == (0.1, {"power": 2}, 9.0)


def test_shared_options_are_keys_in_the_place_of_their_parameter_and_arrive_as_one_value() -> None:
    value = {"name": "cone", "units": 5, "last": 2, "loss": {"name": "mse", "scale": 3}}
    spec = SHAPES.parse(value)
    assert list(spec.parameters) == list(spec.dump())[1:] == ["first", "layers", "units", "loss", "last"]
    data, first, size, last = spec.build("data")
    assert (data, first, last, type(size)) == ("data", True, 2.0, Size)
    assert (size.layers, size.units, size.loss.build(1.0, 0.0)) == (3, 5, 3.0)
    assert spec.arguments == {"first": True, "size": size, "last": 2.0}
    assert SHAPES.parse(spec.dump()) == spec
    assert SHAPES.parse("ball").build().size.layers == 3
    with pytest.raises(ValueError, match="frozen"):
        size.layers = 4


def test_a_mistake_in_shared_options_is_told_like_any_other() -> None:
    messages = problems(SHAPES, {"name": "cone", "layers": 0, "unit": 3, "size": {}, "loss": {"name": "msee"}})
    assert sorted(line.partition(":")[0] for line in messages) == ["last", "layers", "loss.name", "size", "unit"]
    (line,) = (line for line in messages if line.startswith("unit:"))
    assert "Did you mean 'units'? Expected one of [name, first, layers, units, loss, last]" in line


def test_the_schema_has_shared_options_side_by_side() -> None:
    schema = TypeAdapter(SHAPES.spec).json_schema()
    (cone,) = (one for one in schema["anyOf"] if one.get("title") == "cone")
    assert list(cone["properties"]) == ["name", "first", "layers", "units", "loss", "last"]
    assert cone["required"] == ["name", "last"]
    assert cone["properties"]["layers"] == {
        **{"default": 3, "minimum": 1, "maximum": 2**31 - 1, "title": "Layers", "type": "integer"}
    }


def test_facts_and_summary_are_kept() -> None:
    assert (LOSSES["mse"].facts, LOSSES["mse"].summary) == (LossFacts(squared=True), "Mean of the squared residual.")
    assert [p.name for p in MODELS["net"].parameters] == ["hidden", "activation", "loss", "losses", "by_name"]


class MetricFacts(Facts):
    primary: str
    better: Literal["lower", "higher"]
    inputs: tuple[str, ...] = ()


METRICS = Catalog[dict[str, float], MetricFacts]("metric", __name__, facts=MetricFacts)


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        (
            {"primary": "rms", "better": "lower", "input": ("x",)},
            "metric 'rms'.input: unknown fact. Did you mean 'inputs'? Expected one of [primary, better, inputs]. "
            "Received 'input'.",
        ),
        (
            {"primary": "rms", "better": "less"},
            "metric 'rms'.better: not valid. Expected 'lower' or 'higher'. Received 'less'.",
        ),
        (
            {"primary": True, "better": "lower"},
            "metric 'rms'.primary: not valid. Expected a valid string. Received True.",
        ),
        ({"primary": "rms"}, "metric 'rms'.better: required fact is missing."),
        (
            {"primary": "rms", "better": "lower", "inputs": "x"},
            "metric 'rms'.inputs: not valid. Expected a valid tuple. Received 'x'.",
        ),
        (
            {"primry": "rms", "better": 1},
            "metric 'rms'.primary: required fact is missing.\n"
            "metric 'rms'.better: not valid. Expected 'lower' or 'higher'. Received 1.\n"
            "metric 'rms'.primry: unknown fact. Did you mean 'primary'? Expected one of [primary, better, inputs]. "
            "Received 'primry'.",
        ),
    ],
    ids=["misspelt", "value", "type", "missing", "tuple", "all at once"],
)  # fmt: skip
def test_a_wrong_fact_is_refused_when_the_component_is_registered(facts: dict[str, Any], text: str) -> None:
    with pytest.raises(TypeError) as caught:
        METRICS("rms", **facts)
    assert str(caught.value) == text
    assert METRICS.names() == []


def test_a_catalog_without_facts_takes_none() -> None:
    with pytest.raises(TypeError) as caught:
        WEIGHTED("new", light=True)
    assert str(caught.value) == "constraint 'new'.light: unknown fact. Expected none. Received 'light'."


def test_facts_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        LOSSES["mse"].facts.squared = False


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("msee", "name: unknown loss. Did you mean 'mse'? Expected one of [mse, shifted]. Received 'msee'."),
        ({"name": "mse", "scael": 1}, "scael: unknown key. Did you mean 'scale'? Expected one of [name, scale]. Re"),
        ({"name": "mse", "scale": "1"}, "scale: not valid. Expected a valid number. Received '1'."),
        ({"name": "mse", "scale": None}, "scale: not valid. Expected a valid number. Received None."),
        ({"name": "mse", "scale": 0}, "scale: not valid. Expected greater than 0. Received 0."),
        ({"name": "shifted"}, "by: required key is missing."),
        ({"nam": "mse"}, 'does not name the loss. Expected "<name>" or {"name": "<name>", ...} with a name from [m'),
        (3, "does not name the loss. Expected"),
        (None, "does not name the loss. Expected"),
        ({"name": "mse", "y_true": 1}, "y_true: unknown key."),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_place_nearest_expected_and_received(value: Any, line: str) -> None:
    assert [message[: len(line)] for message in problems(LOSSES, value)] == [line]


def test_every_mistake_of_a_nested_component_is_reported_at_once() -> None:
    value = {
        "name": "net",
        "hiden": [1],
        "hidden": [1, 0],
        "activation": "relu",
        "loss": {"name": "shifted", "buy": 1},
        "losses": ["mse", "l3", {"name": "mse", "scale": -1}],
        "by_name": {"x": {"name": "shifted", "by": 1, "inner": {"name": "mse", "scael": 2}}},
    }
    assert sorted(line.partition(":")[0] for line in problems(MODELS, value)) == [
        "activation",
        "by_name.x.inner.scael",
        "hidden.1",
        "hiden",
        "loss.buy",
        "loss.by",
        "losses.1.name",
        "losses.2.scale",
    ]


def test_the_json_schema_names_components_options_and_limits() -> None:
    choices = TypeAdapter(MODELS.spec).json_schema()["anyOf"]
    assert choices[0] == {"enum": ["bare", "net"]}
    net = next(choice for choice in choices if choice.get("title") == "net")
    assert (net["additionalProperties"], net["required"], net["description"]) == (False, ["name"], "A network.")
    assert net["properties"]["name"]["const"] == "net"
    assert net["properties"]["activation"]["enum"] == ["tanh", "gelu"]
    loss = next(c for c in net["properties"]["loss"]["anyOf"] if c.get("title") == "mse")
    assert loss["properties"]["scale"] == {"default": 1.0, "exclusiveMinimum": 0, "title": "Scale", "type": "number"}
    json.dumps(choices)


def test_the_json_schema_of_a_component_that_takes_its_own_kind_ends() -> None:
    shifted_schema = next(c for c in TypeAdapter(LOSSES.spec).json_schema()["anyOf"] if c.get("title") == "shifted")
    inner = shifted_schema["properties"]["inner"]["anyOf"]
    assert inner[0] == {"enum": ["mse", "shifted"]}
    assert inner[1]["properties"]["name"] == {"enum": ["mse", "shifted"]}
    assert shifted_schema["required"] == ["name", "by"]


@pytest.mark.parametrize(("name", "aliases"), [("mse", ()), ("l2", ()), ("new", ("mse",)), ("new", ("l2",))])
def test_two_components_of_one_name_are_refused(name: str, aliases: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"two loss components are named '(mse|l2)'"):
        LOSSES(name, aliases=aliases)(residual)
    assert LOSSES.names() == ["mse", "shifted"]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of components on disk, forgotten afterwards."""
    folder = tmp_path / "some_components"
    folder.mkdir()
    head = "from app.core.catalog import Catalog\n"
    (folder / "__init__.py").write_text(head + "CATALOG = Catalog('thing', 'some_components')\n")
    (folder / "one.py").write_text(
        "from some_components import CATALOG\n@CATALOG('one')\ndef one(*, n: int = 1): ...\n"
    )
    (folder / "_private.py").write_text("raise RuntimeError('not to be imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.startswith("some_components")]:
        del sys.modules[name]


def test_components_are_found_in_the_public_modules_when_first_asked_for(package: Path) -> None:
    from some_components import CATALOG

    assert "some_components.one" not in sys.modules
    assert CATALOG.names() == ["one"]
    assert isinstance(CATALOG.parse("one"), Spec)


def test_a_module_that_cannot_be_imported_is_an_error_each_time(package: Path) -> None:
    (package / "zwei.py").write_text("import a_module_that_does_not_exist\n")
    from some_components import CATALOG

    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="a_module_that_does_not_exist"):
            CATALOG.names()


def test_a_module_that_fails_after_it_registered_a_component_gives_the_same_cause_each_time(package: Path) -> None:
    some = "from some_components import CATALOG\n@CATALOG('{0}', aliases=('{0}_alias',))\ndef {0}(): ...\n"
    (package / "other.py").write_text(some.format("other"))
    (package / "zwei.py").write_text(
        "import some_components.other\n" + some.format("two") + "raise RuntimeError('the first cause')\n"
    )
    from some_components import CATALOG

    for ask in (CATALOG.names, lambda: CATALOG["zwei"], lambda: CATALOG["two"], lambda: CATALOG["two_alias"]):
        for _ in range(2):
            with pytest.raises(RuntimeError, match="the first cause"):
                ask()
    assert CATALOG["other"].name == "other"

    (package / "zwei.py").write_text(some.format("two"))
    importlib.invalidate_caches()
    assert CATALOG.names() == ["one", "other", "two"]
