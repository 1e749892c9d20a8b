"""A deployed Keras model as an ONNX graph; the one module that calls the converter."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from app.core.errors import Problem, UserError
from app.core.libraries import onnx, tf
from app.physics.arrays import for_other_compilers

OPSET = 18
"""The newest operator set that the converter writes; ONNX Runtime 1.14 and later read it."""
AXES = ("events", "hits")
"""Names of the dynamic axes: the first one, and of jagged inputs the second."""


def to_onnx(model: Any, name: str) -> Any:
    """Return the graph of a deployed model as an `onnx.ModelProto`, checked.

    Raw inputs {name: (N, ...)} to all outputs {name: (N, ...)}, under the names that they have in Keras, but for
    outputs that are called as an input is: see `output_names`. N is dynamic, and so is the number of hits h of jagged
    inputs.

    Args:
        model: maps a dictionary of inputs to one of outputs.
        name: of the graph.

    Raises:
        UserError: an operation of a layer has no counterpart in ONNX.
    """
    from tf2onnx import convert, tf_loader

    function, inputs, outputs = trace(model)
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # it logs every step; a failure is found below
    try:
        proto, _ = convert._convert_common(
            tf_loader.from_function(function, list(inputs), list(outputs)),
            name=name,
            continue_on_error=True,
            opset=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            tensors_to_rename=inputs | outputs,
            custom_op_handlers={op: (handler, []) for op, handler in HANDLERS.items()},
        )
    except Exception as error:  # the converter raises errors of any kind
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(Problem(f"tf2onnx cannot write this model ({reason})", ("export",))) from error
    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    missing = {node.op_type: node.name for node in all_nodes(proto.graph) if node.op_type not in known or node.domain}
    if missing:
        operations = "; ".join(f"{op} (in {place})" for op, place in sorted(missing.items()))
        what = f"ONNX has no operation for {operations}"
        raise UserError(Problem(what, ("export",), expected="layers of other operations"))
    for value in (*proto.graph.input, *proto.graph.output):
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            if not dimension.HasField("dim_value") or dimension.dim_value < 0:
                dimension.dim_param = AXES[axis] if axis < len(AXES) else f"axis_{axis}"
    onnx.checker.check_model(proto, full_check=True)
    return proto


def all_nodes(graph: Any) -> Iterator[Any]:
    """Yield the nodes of a graph, and those of the graphs inside them."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from all_nodes(attribute.g)


def output_names(model: Any) -> dict[str, str]:
    """Return what each output is called in the graph: in one graph an output cannot have the name of an input."""
    return {name: f"predicted_{name}" if name in model.input else name for name in model.output}


def trace(model: Any) -> tuple[Any, dict[str, str], dict[str, str]]:
    """Return the model as a function of a signature of its own, and {tensor: name} of its inputs and outputs.

    Keras' own exporter takes the names of inputs for those of Python arguments and of layers, and tables of a field
    that the function captures for inputs.
    """
    names = sorted(model.input)
    signature = {n: tf.TensorSpec((None, *model.input[n].shape[1:]), model.input[n].dtype, name=n) for n in names}

    tables = [name for name in names if len(model.input[name].shape) > 2]
    jagged = [name for name in names if None in model.input[name].shape[1:2]]

    @tf.function(autograph=False)
    def predict(inputs: Mapping[str, Any]) -> dict[str, Any]:
        outputs = call_padded(model, inputs, jagged) if tables else model(inputs, training=False)
        return {name: tf.identity(value) for name, value in outputs.items()}

    with for_other_compilers():
        function = predict.get_concrete_function(signature)
    inputs = {tensor.name: name for tensor, name in zip(function.inputs, names, strict=False)}
    outputs = {function.structured_outputs[n].name: name for n, name in output_names(model).items()}
    return function, inputs, outputs


def call_padded(model: Any, inputs: Mapping[str, Any], jagged: Sequence[str]) -> dict[str, Any]:
    """Return the outputs of a model of images, sensors or hits, also of no events, and of events without a hit.

    ONNX Runtime cannot reshape or gather from nothing, so that the network sees one event and one hit of padding at
    least, whose outputs are cut off again. Where there are events and hits nothing is added.

    Args:
        model: the model.
        inputs: its inputs.
        jagged: names of those whose second axis are the hits; none of images.
    """
    sizes = tf.shape(inputs[next(iter(jagged or inputs))])[:2]
    more = tf.maximum(1 - sizes, 0)
    padded = {}
    for name, value in inputs.items():
        added = [more[0], more[1] if name in jagged else 0, *[0] * (len(value.shape) - 2)][: len(value.shape)]
        padded[name] = tf.ensure_shape(tf.pad(value, [[0, number] for number in added]), value.shape)
    outputs = {}
    for name, value in model(padded, training=False).items():
        of_hits = jagged and None in value.shape[1:2]
        outputs[name] = value[: sizes[0], : sizes[1]] if of_hits else value[: sizes[0]]
    return outputs


def _constant(context: Any, node: Any, value: float) -> str:
    dtype = onnx.helper.tensor_dtype_to_np_dtype(context.get_dtype(node.input[0]))
    made = context.make_const(f"{node.name}_{value:g}", np.array(value, dtype))
    return str(made.output[0])


def _replace(context: Any, node: Any, last: str, arguments: list[str]) -> None:
    """Put the operation `last` of `arguments` in the place of `node`."""
    shape, dtype = context.get_shape(node.output[0]), context.get_dtype(node.output[0])
    outputs, name = node.output, node.name
    context.remove_node(name)
    context.make_node(last, arguments, name=name, outputs=outputs, shapes=[shape], dtypes=[dtype])


def _erfc(context: Any, node: Any, _name: str, _arguments: Any) -> None:
    """erfc(x) = 1 - erf(x); below 1e-7 it loses digits, less than the precision of the activations around it."""
    one = _constant(context, node, 1.0)
    inner = context.make_node("Erf", node.input).output[0]
    _replace(context, node, "Sub", [one, inner])


def _log1p(context: Any, node: Any, _name: str, _arguments: Any) -> None:
    one = _constant(context, node, 1.0)
    inner = context.make_node("Add", [node.input[0], one]).output[0]
    _replace(context, node, "Log", [inner])


def _expm1(context: Any, node: Any, _name: str, _arguments: Any) -> None:
    one = _constant(context, node, 1.0)
    inner = context.make_node("Exp", node.input).output[0]
    _replace(context, node, "Sub", [inner, one])


HANDLERS = {"Erfc": _erfc, "Log1p": _log1p, "Expm1": _expm1}
"""How operations are written that the converter does not know, by TensorFlow's name."""
