"""The text of a C++ header that evaluates a deployed network, and the file of a field map beside it."""

import keyword
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from app.core.errors import Problem, UserError
from app.export.cpp_code import Array, Code, number
from app.export.cpp_layers import follow
from app.export.cpp_tracks import MAP, STATE, field_type
from app.physics.fields.field_map import FieldMap
from app.predictions import VALUE, output_name

FOLDER = Path(__file__).parent / "cpp"
LIBRARY = ("lanes", "track", "fields", "harmonic", "layers", "derivatives")
"""The files of `FOLDER` that every header begins with."""
PER_LINE = 10
FUNCTION = """
  // One track with its transport Jacobian: d(x, y, tx, ty) at the end by d(x, y, tx, ty, q/p) at the start.
  Jacobian jacobian(const float* in, float* out) const {
    constexpr int kIn[] = {@IN@}, kOut[] = {@OUT@};
    Dual columns[kColumns], targets[kTargets];
    for (int c = 0; c < kColumns; ++c) columns[c] = Dual(in[c]);
    for (int i = 0; i < 5; ++i) columns[kIn[i]] = Dual::variable(in[kIn[i]], i);
    evaluate(columns, targets);
    for (int t = 0; t < kTargets; ++t) out[t] = value(targets[t]);
    Jacobian j;
    for (int t = 0; t < 4; ++t)
      for (int i = 0; i < 5; ++i) j[t][i] = targets[kOut[t]].a[i + 1];
    return j;
  }
"""


class Header(NamedTuple):
    """A header and what is known of it.

    Attributes:
        text: of the header.
        name: of its namespace.
        outputs: names of the model's outputs and how many numbers each has, in the order of the array `out`.
        field_map: the map that it reads from a file beside it, if any.
        jacobian: whether it has the transport Jacobian.
    """

    text: str
    name: str
    outputs: dict[str, int]
    field_map: FieldMap | None
    jacobian: bool


def make_header(
    model: Any, name: str, columns: Mapping[str, Sequence[str]], tasks: Mapping[str, Sequence[str]]
) -> Header:
    """Return the header of a deployed network of flat inputs.

    Args:
        model: the deployed model.
        name: of the run.
        columns: names of the columns of each flat input.
        tasks: the targets of each task.

    Raises:
        UserError: a part of the model has no counterpart in C++.
    """
    if len(columns) != 1 or set(model.input) != set(columns):
        expected, received = "a network of one input of columns, as of track states or a table", sorted(model.input)
        raise UserError(Problem("a header cannot hold the inputs", ("--cpp",), expected=expected, received=received))
    (of_input,) = columns.values()
    code = Code(of_input)
    outputs: dict[str, Array] = follow(code, model, [Array("in", len(of_input))])
    places = [element for made in outputs.values() for element in made.elements()]
    code.lines += [f"out[{i}] = {element};" for i, element in enumerate(places)]
    names = [text for output, made in outputs.items() for text in _target_names(output, made, tasks)]
    kind, members = field_type(code.magnet) if code.magnet else ("", "")
    whole = {*STATE, "qop"} <= set(of_input) and set(STATE) <= set(names)
    space = namespace(name)
    file = f'("{space}.bin")' if kind == MAP else ""
    parts = {
        "TITLE": f"The network {name} of Wirechamber.",
        "COLUMNS": ", ".join(of_input),
        "TARGETS": ", ".join(names),
        "EXAMPLE": f"const {space}::Network network{file};  network.predict(in, out);",
        "GUARD": space.upper(),
        "NAMESPACE": space,
        "LIBRARY": library(*LIBRARY),
        "N_COLUMNS": str(len(of_input)),
        "N_TARGETS": str(len(names)),
        "WEIGHTS": "\n".join(_table(*item) for item in code.constants.items()),
        "CONSTRUCTOR": _constructor(kind),
        "FIELD": f"{kind} field{'' if kind == MAP else '{' + members + '}'};" if kind else "",
        "JACOBIAN": _jacobian(of_input, names) if whole else "",
        "BODY": "\n".join(f"    {line}" for line in code.lines),
    }
    field_map = code.magnet.field if code.magnet and kind == MAP else None
    return Header(fill(parts), space, {n: made.width for n, made in outputs.items()}, field_map, whole)  # type: ignore[arg-type]


def fill(parts: Mapping[str, str]) -> str:
    """Return network.hpp with these texts in the places of `@NAME@`."""
    text = (FOLDER / "network.hpp").read_text(encoding="utf-8")
    return re.sub(r"@([A-Z_]+)@", lambda found: parts[found[1]], text)


def library(*names: str) -> str:
    """Return files of the library one after the other."""
    return "\n".join((FOLDER / f"{name}.hpp").read_text(encoding="utf-8") for name in names)


def namespace(name: str) -> str:
    """Return a run's name as a name of C++."""
    text = re.sub(r"\W", "_", name, flags=re.ASCII)
    return text if re.match("[A-Za-z]", text) and not keyword.iskeyword(text) else f"run_{text}"


def map_bytes(field: FieldMap) -> bytes:
    """Return a map as cpp/fields.hpp reads it: sizes, first and last nodes, and (z, x, y, 4) values in float32."""
    values = np.pad(np.moveaxis(field.values, 2, 0), [(0, 0)] * 3 + [(0, 1)])
    sizes = np.array(field.values.shape[:3], np.int32)
    numbers = (np.array(part, np.float32).tobytes() for part in (field.low, field.high, values))
    return b"".join([sizes.tobytes(), *numbers])


def _target_names(output: str, made: Array, tasks: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names of an output's numbers; what is not the value of a task bears the output's name before them."""
    for task, targets in tasks.items():
        if output == output_name(task, VALUE):
            return list(targets)
        if output.startswith(f"{task}_") and len(targets) == made.width:
            return [f"{output.removeprefix(f'{task}_')}_{target}" for target in targets]
    return [f"{output}_{i}" for i in range(made.width)]


def _constructor(kind: str) -> str:
    return "explicit Network(const std::string& map) : field(map) {}" if kind == MAP else "Network() = default;"


def _jacobian(columns: Sequence[str], names: Sequence[str]) -> str:
    places = ", ".join(str(list(columns).index(name)) for name in (*STATE, "qop"))
    return FUNCTION.replace("@IN@", places).replace("@OUT@", ", ".join(str(names.index(name)) for name in STATE))


def _table(name: str, values: Any) -> str:
    texts = [number(value) for value in values]
    lines = [", ".join(texts[i : i + PER_LINE]) for i in range(0, len(texts), PER_LINE)]
    return f"alignas(64) inline constexpr float {name}[] = {{\n" + ",\n".join(lines) + "};"
