"""The registry of layer kinds computes windows and receptive fields as Keras does."""

import itertools
from typing import get_args

import keras
import pytest

from service.model.explain.explain import EXPLAINERS
from service.model.kinds import (
    KINDS,
    PIXEL,
    Family,
    SlidingWindow,
    UnknownKind,
    kind_of,
    sliding_windows,
)
from tests.oracles import pad_widths


def test_every_kind_is_a_keras_layer_with_its_window():
    """The names are Keras's classes, and so are the attributes that hold the window's size."""
    for name, kind in KINDS.items():
        layer = getattr(keras.layers, name)
        assert layer.__name__ == kind.name
        if kind.window:
            assert getattr(layer(2) if name != "Conv2D" else layer(1, 2), kind.window) == (2, 2)


def test_every_family_has_a_function_that_explains_it():
    """No kind can be registered that `explain` does not know."""
    assert set(EXPLAINERS) == set(get_args(Family))
    assert {kind.family for kind in KINDS.values()} <= set(EXPLAINERS)


def test_an_unknown_kind_is_named_with_the_known_ones():
    """The message has the unknown name and every known one."""
    with pytest.raises(UnknownKind, match=f"'LSTM'.*{', '.join(KINDS)}"):
        kind_of("LSTM")


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_windows_are_keras_windows(padding):
    """For every small size, the padding before is the oracle's and the last window fits."""
    for inputs, size, stride in itertools.product(range(3, 12), range(1, 4), range(1, 4)):
        shape = (inputs, inputs, 1)
        layer = keras.layers.MaxPooling2D(size, stride, padding)
        outputs = layer.compute_output_shape((1, *shape))[1:]
        rows, columns = sliding_windows((size, size), (stride, stride), padding, shape, outputs)
        before, after = pad_widths(inputs, size, stride) if padding == "same" else (0, 0)
        assert rows == columns == SlidingWindow(size, stride, before)
        assert rows.input_range(0, 1) == (-before, size - before)
        assert inputs + after - stride < rows.input_range(0, outputs[0])[1] <= inputs + after


def test_an_unknown_padding_is_named():
    """A padding rule that Keras has for other layers is an error, not taken as `valid`."""
    with pytest.raises(ValueError, match="'causal'"):
        sliding_windows((2, 2), (1, 1), "causal", (4, 4, 1), (4, 4, 1))


def test_a_receptive_field_grows_by_each_window():
    """Two 3 × 3 windows with stride 2, the first padded by 1: 7 pixels wide, 4 apart."""
    padded, plain = SlidingWindow(3, 2, 1), SlidingWindow(3, 2, 0)
    field = PIXEL.through((padded, padded)).through((plain, plain))
    assert (field.size, field.step, field.start) == ((7, 7), (4, 4), (-1, -1))
