"""One look-up in a field map: eight nodes as vectors of four numbers. Imported with numba.

numba's compiler makes no vectors of four statements side by side, so that this one is written in the language below.
"""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

DOUBLES = ir.VectorType(ir.DoubleType(), 4)
INTEGER = ir.IntType(32)
NEXT_IN_Y = ir.Constant(ir.IntType(64), 4)


@intrinsic
def look_up(_context: Any, nodes: Any, place: Any, along_x: Any, along_z: Any, f: Any, g: Any, h: Any) -> Any:
    """Return Bx, By, Bz between eight nodes (z, x, y, 4) from `place` on, at the shares f, g, h in x, y and z."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place, along_x, along_z = arguments[1:4]
        f, g, h = (_spread(builder, share) for share in arguments[4:])

        def node(*steps: Any) -> Any:
            where = place
            for step in steps:
                where = builder.add(where, step)
            found = builder.load(builder.bitcast(builder.gep(data, [where]), DOUBLES.as_pointer()))
            found.align = 8
            return found

        def plane(*steps: Any) -> Any:
            near = _between(builder, node(*steps), node(*steps, NEXT_IN_Y), g)
            far = _between(builder, node(*steps, along_x), node(*steps, along_x, NEXT_IN_Y), g)
            return _between(builder, near, far, f)

        found = _between(builder, plane(), plane(along_z), h)
        parts = [builder.extract_element(found, ir.Constant(INTEGER, i)) for i in range(3)]
        return context.make_tuple(builder, signature.return_type, parts)

    whole, real = types.int64, types.float64
    return types.UniTuple(real, 3)(  # type: ignore[attr-defined]
        nodes, whole, whole, whole, real, real, real
    ), generate


def _spread(builder: Any, number: Any) -> Any:
    """Return a vector of four times one number."""
    nothing, first = ir.Constant(DOUBLES, ir.Undefined), ir.Constant(ir.VectorType(INTEGER, 4), [0] * 4)
    return builder.shuffle_vector(builder.insert_element(nothing, number, ir.Constant(INTEGER, 0)), nothing, first)


def _between(builder: Any, low: Any, high: Any, share: Any) -> Any:
    rise = builder.fmul(builder.fsub(high, low), share, flags=["contract"])
    return builder.fadd(low, rise, flags=["contract"])
