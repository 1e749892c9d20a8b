"""What physics does around a network, in C++: fields, extrapolations, features, and the way back to a state."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from app.export.cpp_code import Array, Code, number, refuse
from app.layers.features import LENS, SLOPES, Features
from app.layers.physical_outputs import Physical
from app.models.blocks.classical_layers import Extrapolated
from app.physics.extrapolation import EXTRAPOLATIONS
from app.physics.fields.harmonic import Harmonic
from app.physics.magnet import Magnet

STATE = ("x", "y", "tx", "ty")
FIELDS = {
    "uniform": ("Uniform", ("bx", "by", "bz")),
    "gaussian_dipole": ("GaussianDipole", ("peak", "center", "sigma")),
    "two_dipoles": ("TwoDipoles", ("strength", "height", "center")),
    "toroid": ("Toroid", ("strength", "r", "z", "edge")),
}
"""Type and members of the fields that are formulas, as in cpp/fields.hpp."""
MAP = "Map"
HARMONIC = "harmonic"


def field_type(magnet: Magnet) -> tuple[str, str]:
    """Return the C++ type of a field and the values of its members; those of a map come from a file.

    Raises:
        UserError: the field is none of the catalog's.
    """
    name, made = magnet.field_json["name"], magnet.field
    if name == "map":
        return MAP, ""
    if name == HARMONIC:
        return harmonic_type(made)  # type: ignore[arg-type]
    if name not in FIELDS:
        raise refuse("the field", name, f"one of {', '.join([*FIELDS, HARMONIC, 'map'])}")
    kind, members = FIELDS[name]
    kind += "Maxwell" if getattr(made, "maxwell", False) else ""
    return kind, ", ".join(_values(getattr(made, member)) for member in members)


def harmonic_type(field: Harmonic) -> tuple[str, str]:
    """Return type and members of a fitted field, as in cpp/harmonic.hpp."""
    modes, even = field.modes, field.symmetry
    flags = ", ".join(str(flag).lower() for flag in (even.mirror_x, even.mirror_y))
    over_k = field.w * modes.scale_per_k[..., None, None, None]
    uniform = field.w[0, 0, 0, 0, 0]
    members = (field.low, field.high, modes.center, 1 / modes.half_x, 1 / modes.half_z, uniform, modes.k, over_k)
    return f"Harmonic<{modes.x}, {modes.z}, {flags}>", ", ".join(map(_values, members))


def _values(value: Any) -> str:
    """Return a number, or an array of any shape, as a member is initialised."""
    return number(value) if np.ndim(value) == 0 else f"{{{', '.join(number(one) for one in np.ravel(value))}}}"


def extrapolate(code: Code, spec: Any, magnet: Magnet | None, mirror: bool) -> str:
    """Return the name of the extrapolated state, a `State<T>`; what was computed before is used again."""
    key = (spec.name, *spec.parameters.items(), mirror)
    return code.once(key, lambda: _extrapolate(code, spec, magnet, mirror))  # type: ignore[no-any-return]


def _extrapolate(code: Code, spec: Any, magnet: Magnet | None, mirror: bool) -> str:
    known, options = code.folded(mirror), spec.options
    state = f"State<T>{{{', '.join(known[name] for name in STATE)}}}"
    if spec.component.facts.field and magnet is not None:
        code.magnet = magnet
        start = known["z_start"] if magnet.z_start is None else number(magnet.z_start)
    if spec.name == "straight_line":
        text = f"straight_line({state}, {known['dz']})"
    elif spec.name == "thin_lens":
        places, shares = np.polynomial.legendre.leggauss(options.nodes)
        tables = f"{code.constant((places + 1) / 2)}, {code.constant(shares / 2)}"
        text = f"thin_lens<{options.nodes}>(field, {tables}, {state}, {known['qop']}, {start}, {known['dz']})"
    elif spec.name == "rk4":
        text = f"rk4(field, {state}, {known['qop']}, {start}, {known['dz']}, {options.steps})"
    else:
        raise refuse("the extrapolation", spec.name, "straight_line, thin_lens or rk4")
    name = code.new("end")
    code.lines.append(f"const State<T> {name} = {text};")
    return name


def slopes_of(code: Code, function: str, tx: str, ty: str) -> tuple[str, str]:
    """Return the two results of `to_momentum` or `to_slopes`."""

    def make() -> str:
        name = code.new("slopes")
        code.lines.append(f"const Slopes<T> {name} = {function}({tx}, {ty});")
        return name

    name = code.once((function, tx, ty), make)
    return f"{name}.x", f"{name}.y"


def features(code: Code, layer: Features, _inputs: Any) -> Array:
    """The features of a track: columns, u and v, and the state behind a thin lens."""
    known = dict(code.folded(layer.mirror is not None))
    if set(SLOPES) & set(layer.features):
        known["u"], known["v"] = slopes_of(code, "to_momentum", known["tx"], known["ty"])
    if set(LENS) & set(layer.features):
        lens = extrapolate(code, EXTRAPOLATIONS.parse("thin_lens"), layer.magnet, layer.mirror is not None)
        state = [f"{lens}.{name}" for name in STATE]
        known |= dict(zip(LENS, [*state, *slopes_of(code, "to_momentum", *state[2:])], strict=True))
    return code.array([known[name] for name in layer.features])


def extrapolated(code: Code, layer: Extrapolated, _inputs: Any) -> Array:
    """A classical extrapolation as a model."""
    if layer.precision != "float32":
        raise refuse("in float64 the layer", layer.name, '"precision": "float32"')
    end = extrapolate(code, layer.spec, layer.magnet, False)
    return code.array([f"{end}.{name}" for name in layer.targets])


def physical(code: Code, layer: Physical, tensors: Mapping[str, Any]) -> dict[str, Array]:
    """The inverse of the transforms: from the network's output to the state."""
    head = str(layer.settings["head"])
    if head != "linear":
        raise refuse("the head", head, "'linear'")
    chain, values = layer.chain, tensors["output"].elements()
    for step in reversed(chain.steps):
        kind = type(step).__name__
        if kind == "Standardize":
            values = [
                f"({value} * {number(std)} + {number(mean)})"
                for value, mean, std in zip(values, step.constants["mean"], step.constants["std"], strict=True)
            ]
        elif kind in ("Kick", "Residual"):
            values = _add_base(code, step, values, chain.mirror is not None)
        else:
            raise refuse("the transform", kind, "standardize, straight_line_residual or kick")
    if chain.mirror:
        signs = {"x": "horizontal", "tx": "horizontal", "y": "vertical", "ty": "vertical"}
        values = [f"{signs[name]} * {value}" for name, value in zip(chain.targets, values, strict=True)]
    return {"value": code.array(values)}


def _add_base(code: Code, step: Any, values: list[str], mirror: bool) -> list[str]:
    """Return base + output or base + (q/p) output of a `Residual` or `Kick`."""
    end, known = extrapolate(code, step.baseline, step.magnet, mirror), code.folded(mirror)
    base = {name: f"{end}.{name}" for name in STATE}
    if step.momentum_slopes:
        base["tx"], base["ty"] = slopes_of(code, "to_momentum", base["tx"], base["ty"])
    factor = f"{known['qop']} * " if type(step).__name__ == "Kick" else ""
    values = [f"({base[name]} + {factor}{value})" for name, value in zip(step.targets, values, strict=True)]
    if step.momentum_slopes:
        made = code.array(values).elements()
        places = [step.targets.index(name) for name in ("tx", "ty")]
        made[places[0]], made[places[1]] = slopes_of(code, "to_slopes", *(made[place] for place in places))
        return made
    return values
