"""How our layers are saved: by the arguments of their constructors, under names that never change."""

import inspect
from typing import Any, TypeVar

from app.core.libraries import keras

Layer = TypeVar("Layer", bound=type)


def saved(layer: Layer) -> Layer:
    """Register a class of layers, and rebuild it from the arguments of its constructor if it has any.

    Their values are in the attribute `settings`, or in attributes of their names.
    """
    own = vars(layer)
    parameters = inspect.signature(own["__init__"]).parameters.values() if "__init__" in own else ()
    names = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD and p.name != "self"]

    def get_config(self: Any) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        values = getattr(self, "settings", None) or {name: getattr(self, name) for name in names}
        return {**values, **super(layer, self).get_config()}  # type: ignore[arg-type]

    if names and "get_config" not in own:
        layer.get_config = get_config  # type: ignore[attr-defined]
    registered: Layer = keras.saving.register_keras_serializable("wirechamber")(layer)
    return registered
