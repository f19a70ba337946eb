"""Train the out-of-distribution score of a model, and choose its threshold.

The score itself is `service.model.distribution.Distribution`. It learns digits and the outliers of
`training.exposure` on a frozen model; what is measured (`training.outliers`) is not learned.
"""

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from service.model.distribution import Distribution
from service.model.normalisation import as_floats
from training.augment import Strength, augment, with_wide_pens
from training.data import VALIDATION_SIZE, Mnist
from training.exposure import exposures
from training.numerals import numerals

LET_THROUGH = 0.995  # of the validation digits, a margin above the 99% wanted of other digits
_SEED = 17
_DETECTORS = 48
_EPOCHS, _BATCH_SIZE, _PEAK_LEARNING_RATE, _WEIGHT_DECAY = 8, 512, 3e-3, 1e-2
# How many images of each kind are generated, as shares of the training digits.
_NUMERALS, _WIDE, _OUTLIERS = 0.08, 0.05, 0.35
# Weaker than for the network: a digit that is distorted much is hardly one.
_STRENGTH = Strength(rotation=8, scale=0.1, shear=0.12, shift=1, elastic=0.5, stroke=0.4)


def fit(model: keras.Sequential, mnist: Mnist) -> Distribution:
    """Train the score on training digits and outliers; choose the threshold by validation digits.

    Args:
        model: ends in two Dense layers.
        mnist: its last `VALIDATION_SIZE` training digits are the validation set; its test digits
            are not used.
    """
    inside, outside = (features_of(model, pixels) for pixels in _examples(mnist))
    features = np.concatenate([inside, outside])
    is_inside = np.repeat([1.0, 0.0], [len(inside), len(outside)])
    mean, deviation = features.mean(axis=0), features.std(axis=0) + np.float32(1e-3)
    keras.utils.set_random_seed(_SEED)
    network = keras.Sequential(
        [
            keras.Input(features.shape[1:]),
            layers.Dense(_DETECTORS, activation="relu"),
            layers.Dense(1, use_bias=False),
        ]
    )
    steps = _EPOCHS * -(-len(features) // _BATCH_SIZE)
    decay = keras.optimizers.schedules.CosineDecay(_PEAK_LEARNING_RATE, steps)
    network.compile(
        optimizer=keras.optimizers.AdamW(decay, weight_decay=_WEIGHT_DECAY),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    standardised = (features - mean) / deviation
    network.fit(standardised, is_inside, batch_size=_BATCH_SIZE, epochs=_EPOCHS, verbose=0)
    kernel, bias, weights = (keras.ops.convert_to_numpy(each) for each in network.weights)
    kernel = kernel / deviation[:, np.newaxis]  # takes features that are not standardised
    bias = bias - mean @ kernel
    untested = Distribution(kernel, bias, weights[:, 0], 0.0)
    validation = features_of(model, as_floats(mnist.train_images[-VALIDATION_SIZE:]))
    threshold = float(np.quantile(untested.scores(validation), 1 - LET_THROUGH))
    return Distribution(kernel, bias, weights[:, 0], threshold)


def features_of(model: keras.Sequential, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the input of the last hidden layer, float32 (N, features).

    Args:
        model: ends in two Dense layers.
        pixels: float32 (N, 28, 28) in 0–1.
    """
    before = keras.Sequential([keras.Input(model.input_shape[1:]), *model.layers[:-2]])
    features: NDArray[np.float32] = before.predict(
        pixels[..., np.newaxis], batch_size=_BATCH_SIZE, verbose=0
    )
    return features


def _examples(mnist: Mnist) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return digits, and images without a digit: float32 (N, 28, 28) in 0–1 each.

    The digits include print, wide strokes and other forms of 1 and 7, because people send them.
    Each image is also there a second time, slightly distorted.
    """
    rng = np.random.default_rng(_SEED)
    digits, labels = mnist.train_images[:-VALIDATION_SIZE], mnist.train_labels[:-VALIDATION_SIZE]
    forms, _ = numerals(int(len(digits) * _NUMERALS), rng)
    wide = with_wide_pens(digits[: int(len(digits) * _WIDE)], rng)
    outliers, _ = exposures(int(len(digits) * _OUTLIERS), digits, labels, rng)
    inside, outside = (
        np.concatenate([as_floats(images), augment(images, rng, _STRENGTH)])
        for images in (np.concatenate([digits, forms, wide]), outliers)
    )
    return inside, outside
