"""A compiled graph computes in float32 what Keras does, or is rejected."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.training.random_models import Residual
from tests.training.test_tracing_cases import SHAPE, checked, classifier
from training.conversion import compare, convert
from training.errors import ExportError
from training.float32 import in_float32
from training.tracing import trace


def test_mixed_precision_is_rebuilt_in_float32() -> None:
    """A model of mixed precision is copied with its weights; a float32 one is returned itself."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = classifier(layers.Conv2D(3, 3, activation="relu"), Residual(3, "relu"))
    finally:
        keras.config.set_dtype_policy(policy)
    images = np.random.default_rng(1).random((2, *SHAPE), np.float32)

    copy = in_float32(model)

    assert in_float32(copy) is copy
    np.testing.assert_allclose(copy(images), model(images), atol=0.01)
    assert checked(copy, trace(copy)).largest < 1e-5
    with pytest.raises(ExportError, match="computes in float16"):
        trace(model)


def test_a_graph_that_differs_is_rejected_by_layer_and_stage() -> None:
    """A weight changed after the conversion is found in the first layer that it changes."""
    model = classifier(layers.Conv2D(2, 3, name="c"), layers.Conv2D(2, 3, name="later"))
    traced = trace(model)
    graph = convert(traced)
    model.get_layer("later").bias.assign([0.0, 0.001])
    images = np.zeros((1, *SHAPE), np.float32)

    with pytest.raises(ExportError, match=r"differs from Keras by 0.001 .* in later \(pre\)"):
        compare(graph, traced, images, model)


def test_a_value_that_is_nan_is_rejected() -> None:
    """NaN counts as a difference, although it compares as neither larger nor smaller."""
    model = classifier(layers.Conv2D(2, 3, name="c"))
    traced = trace(model)
    graph = convert(traced)
    model.get_layer("c").bias.assign([0.0, float("nan")])

    with pytest.raises(ExportError, match=r"by nan .* in c \(pre\)"):
        compare(graph, traced, np.zeros((1, *SHAPE), np.float32), model)
