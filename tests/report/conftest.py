"""What several tests of the page share."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def picture():
    """Return a function that writes a PNG with `noise`, which does not compress."""

    def write(path, width=1600, height=1200):
        noise = np.random.default_rng(1).integers(0, 256, (height // 20, width // 20, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).save(path)

    return write
