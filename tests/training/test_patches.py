"""The patches of a filter are the receptive fields of its largest values."""

import base64
import io

import keras
import numpy as np
from PIL import Image

from training.patches import PATCHES_A_FILTER, strongest_patches

LAYER = {
    "name": "only",
    "kind": "Conv2D",
    "output_shape": [5, 5, 2],
    "receptive_field": {"size": [3, 2], "step": [2, 2], "start": [-1, 0]},
}


def test_each_patch_gives_its_value() -> None:
    """Patches are ordered by value, one per digit; kernel × patch is the value, with padding 0."""
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    # `same` over 9 × 10 pads one row above and below, and no column
    layer = keras.layers.Conv2D(
        2, (3, 2), strides=2, padding="same", activation="relu", name="only"
    )
    model = keras.Sequential([keras.Input((9, 10, 1)), layer])
    images = rng.integers(0, 256, (20, 9, 10, 1), np.uint8)

    (result,) = strongest_patches(model, [LAYER, {"name": "pool", "kind": "MaxPooling2D"}], images)

    values = model.predict(images / np.float32(255), verbose=0)
    kernel, bias = layer.get_weights()
    png = base64.b64decode(result["sprite"].partition(",")[2])
    sprite = np.asarray(Image.open(io.BytesIO(png)))
    assert sprite.shape == (2 * 3, PATCHES_A_FILTER * 2)
    for channel, patches in enumerate(result["filters"]):
        best = np.sort(values[..., channel].reshape(20, -1).max(axis=1))[::-1]
        assert len({each["digit"] for each in patches}) == PATCHES_A_FILTER
        for index, each in enumerate(patches):
            np.testing.assert_allclose(each["value"], best[index], atol=1e-4)
            patch = sprite[channel * 3 : channel * 3 + 3, index * 2 : index * 2 + 2]
            product = (patch / 255 * kernel[..., 0, channel]).sum() + bias[channel]
            np.testing.assert_allclose(product, each["value"], atol=1e-3)
