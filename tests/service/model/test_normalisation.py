"""From bytes to the numbers that a model was trained on."""

import numpy as np
import pytest

from service.model.normalisation import Normalisation, as_floats

IMAGENET = Normalisation(1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
EXAMPLES = [
    IMAGENET,
    Normalisation(1 / 127.5, (1.0,)),
    Normalisation(1.0, (103.939, 116.779, 123.68)),
    Normalisation(1.0),
    Normalisation(1 / 255, (), (0.5,)),
    Normalisation(1 / 255, (0.1307,), (0.3081,)),
]


@pytest.fixture(scope="module")
def pixels():
    """Two colour images of random bytes."""
    return np.random.default_rng(0).integers(0, 256, (2, 50, 60, 3)).astype(np.uint8)


def test_the_default_is_bit_identical_to_the_engines_conversion(pixels):
    """Bytes are divided by 255 in float32; floats stay as they are, without a copy."""
    every_byte = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    for array in (pixels, every_byte):
        assert np.array_equal(Normalisation().apply(array), as_floats(array))
    floats = as_floats(pixels)
    assert Normalisation().apply(floats) is floats


@pytest.mark.parametrize("normalisation", EXAMPLES)
def test_the_values_are_those_of_the_formula(pixels, normalisation):
    """They differ from the formula in float64 by float32's precision, for bytes and for floats."""
    mean, std = np.array(normalisation.mean or 0.0), np.array(normalisation.std or 1.0)
    expected = (pixels.astype(np.float64) * normalisation.scale - mean) / std
    tolerance = 4 * np.finfo(np.float32).eps * max(1, np.abs(expected).max())
    for array in (pixels, as_floats(pixels)):
        before = array.copy()
        values = normalisation.apply(array)
        assert values.dtype == np.float32
        assert values.flags.c_contiguous
        assert np.abs(values - expected).max() < tolerance
        assert np.array_equal(array, before)


@pytest.mark.parametrize("shape", [(3,), (7, 3), (1, 1, 3), (0, 5, 5, 3), (2, 2, 4, 5, 3)])
def test_any_number_of_axes_is_allowed(shape):
    """The last axis is the channels, whatever comes before."""
    array = np.full(shape, 100, np.uint8)
    expected = (100 / 255 - np.array(IMAGENET.mean)) / IMAGENET.std
    assert np.allclose(IMAGENET.apply(array), np.broadcast_to(expected, shape), atol=1e-6)


def test_arrays_that_are_not_contiguous_are_normalised_too(pixels):
    """A view in reverse order has the values of its copy."""
    view = pixels[:, ::-1, ::2, ::-1]
    assert np.array_equal(IMAGENET.apply(view), IMAGENET.apply(view.copy()))


def test_the_number_of_means_must_fit_the_channels():
    """Three means do not apply to one channel."""
    with pytest.raises(ValueError, match="mean must have one number, got 3"):
        IMAGENET.apply(np.zeros((4, 4, 1), np.uint8))


@pytest.mark.parametrize(
    "values", [(0.0,), (-1.0,), (np.nan,), (1.0, (np.inf,)), (1.0, (), (0.0,)), (1.0, (), (-1.0,))]
)
def test_numbers_that_cannot_normalise_are_an_error(values):
    """A scale or deviation of 0, and numbers that are not finite, are rejected."""
    with pytest.raises(ValueError, match=r"above 0|finite"):
        Normalisation(*values)
