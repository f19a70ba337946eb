"""The registry of layer kinds computes windows and receptive fields as Keras does."""

import itertools
from dataclasses import replace
from typing import get_args, get_type_hints

import keras
import pytest

from service.model.explain.explain import EXPLAINERS
from service.model.explain.traces import Explanation
from service.model.kinds import KINDS, Family, Reading, layer_kind
from service.model.layer import Layer
from service.model.receptive_field import formula
from service.model.windows import SlidingWindow, sliding_windows
from tests.oracles import pad_widths


def test_every_window_has_the_name_that_keras_gives_it():
    """The attributes that hold the window's size are those of Keras's layers."""
    arguments = {"pool_size": {"pool_size": 2}, "kernel_size": {"kernel_size": 2}}
    for name, kind in KINDS.items():
        if kind.window:
            filters = {} if kind.window == "pool_size" or "Depthwise" in name else {"filters": 1}
            layer = getattr(keras.layers, name)(**filters, **arguments[kind.window])
            assert tuple(getattr(layer, kind.window)) == (2, 2)


def test_every_family_has_a_function_that_explains_it():
    """No kind can be registered that `explain` does not know."""
    assert set(EXPLAINERS) == set(get_args(Family))


def test_every_kind_reads_its_inputs_in_a_known_way():
    """A misspelt way would be taken for one that depends on everything."""
    assert {kind.reading for kind in KINDS.values()} == set(get_args(Reading))


def test_every_explained_kind_has_one_explanation_that_names_it():
    """The kinds that the classes of explanations name are the explained ones, each once."""
    named = [
        kind
        for explanation in get_args(Explanation)
        for kind in get_args(get_type_hints(explanation)["kind"])
    ]
    assert sorted(named) == sorted(name for name, kind in KINDS.items() if kind.family)


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
    window = {"kernel_size": 3, "strides": 2}
    first = _layer("Conv2D", (10, 10, 1), (5, 5, 1), {**window, "padding": "same"})
    second = _layer("Conv2D", (5, 5, 1), (2, 2, 1), window, ("first",))
    field = formula(first, {}, (10, 10, 1))
    assert (field.size, field.step, field.start) == ((3, 3), (2, 2), (0, 0))
    field = formula(second, {"first": _with(first, field)}, (10, 10, 1))
    assert (field.size, field.step, field.start) == ((7, 7), (4, 4), (0, 0))


def test_a_receptive_field_joins_branches():
    """The field of a sum contains those of its branches; of different steps, it has no formula."""
    same = {"strides": 1, "padding": "same"}
    wide = _layer("Conv2D", (8, 8, 1), (8, 8, 1), {**same, "kernel_size": (1, 5)})
    high = _layer("Conv2D", (8, 8, 1), (8, 8, 1), {**same, "kernel_size": (3, 1)})
    fields = {
        name: _with(each, formula(each, {}, (8, 8, 1)))
        for name, each in (("wide", wide), ("high", high))
    }
    total = _layer("Add", (8, 8, 1), (8, 8, 1), {}, ("wide", "high", "input"))
    field = formula(total, fields, (8, 8, 1))
    assert (field.size, field.step, field.start) == ((3, 5), (1, 1), (-1, -2))
    gate = _layer("Multiply", (8, 8, 1), (8, 8, 1), {}, ("input", "mean"))
    mean = _layer("GlobalAveragePooling2D", (8, 8, 1), (1, 1, 1), {})
    assert formula(mean, {}, (8, 8, 1)) is None
    assert formula(gate, {"mean": mean}, (8, 8, 1)) is None


def test_an_unknown_kind_reads_everything_and_is_not_explained():
    """A kind that is not registered has neither a window nor a family."""
    assert (layer_kind("LSTM").reading, layer_kind("LSTM").family) == ("whole", None)


def _layer(kind, shape, output, config, inputs=("input",)):
    return Layer("", kind, shape, output, "linear", 0, 0, 0, inputs=inputs, config=config)


def _with(layer, field):
    return replace(layer, receptive_field=field)
