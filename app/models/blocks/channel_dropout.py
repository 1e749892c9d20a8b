"""Dead channels in training: whole sensors that say nothing. Imported with Keras."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable("wirechamber")
class ChannelDropout(keras.layers.Layer):
    """Sensors (N, S, C) of which in training a share, drawn anew for each event, has all channels 0.

    That is what an invalid sensor looks like behind the input layer `sensor_channels`, masks included, so a network
    learns to do without single sensors. The others are not scaled up as in `keras.layers.Dropout`: a dead channel's
    light is missing in the data too.

    Args:
        rate: share of the sensors.
        seed: of the seed generator, whose state is a variable of the model and of its checkpoints.
    """

    def __init__(self, rate: float, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.rate, self.seed = rate, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, sensors: Any, training: bool = False) -> Any:
        """Return the sensors, (N, S, C)."""
        if not training or self.rate == 0.0:
            return sensors
        shape = (*keras.ops.shape(sensors)[:-1], 1)
        chance = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        return keras.ops.where(chance >= self.rate, sensors, keras.ops.zeros_like(sensors))

    def compute_output_shape(self, shape: Any) -> Any:
        """Return (N, S, C)."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
