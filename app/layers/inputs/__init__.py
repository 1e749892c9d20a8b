"""Input layers: from the raw values of an input tensor to what a model sees, inside the saved and exported graph.

A dataset names the layer of each input that is more than a row of numbers (`Input.layer`). A component is called as
`name(label, *, ...)` with the name of the Keras layer; it returns a layer with `adapt(blocks)`, which
finds its constants on the raw arrays of the training split, and `get_config`, which holds them.
"""

from typing import Any

from app.core.catalog import Catalog

INPUT_LAYERS = Catalog[Any]("input layer", "app.layers.inputs")
