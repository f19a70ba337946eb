"""Activation functions in float64 are Keras's, with every parameter that a layer may have."""

import keras
import numpy as np
import pytest

from service.model.activations import ELEMENTWISE

CONFIGURED = {  # functions with parameters, and values other than the defaults
    "relu": {"negative_slope": 0.1, "max_value": 2.0, "threshold": 0.5},
    "leaky_relu": {"negative_slope": 0.3},
    "elu": {"alpha": 0.7},
    "celu": {"alpha": 0.7},
    "gelu": {"approximate": True},
    "hard_shrink": {"threshold": 0.9},
    "soft_shrink": {"threshold": 0.9},
}
NOT_OF_KERAS = ("prelu",)  # a layer with weights


@pytest.mark.parametrize(
    ("name", "options"),
    [*((name, {}) for name in sorted(ELEMENTWISE.keys() - {*NOT_OF_KERAS})), *CONFIGURED.items()],
)
def test_the_function_is_that_of_keras(name, options):
    """It equals Keras's function from −6 to 6."""
    values = np.linspace(-6, 6, 97, dtype=np.float32)
    expected = np.asarray(getattr(keras.activations, name)(values, **options))
    found = [ELEMENTWISE[name](float(value), **options) for value in values]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
