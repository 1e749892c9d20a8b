"""What the server of warm processes imports: TensorFlow, with which it does nothing, so that it can be forked."""

from app.core import libraries  # noqa: F401  (it sets the variables that TensorFlow reads)
from app.core.system import hold_back_errors

with hold_back_errors():
    import keras  # noqa: F401
    import keras_tuner  # noqa: F401
    import tensorflow  # noqa: F401
