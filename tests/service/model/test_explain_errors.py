"""A cell that the model does not have is rejected, with the cells that it has."""

import re
from dataclasses import replace

import pytest

from service.errors import MalformedRequest, NotExplainable, UnknownLayer
from service.model.exact import obstacle
from service.model.explain.cells import Cell
from service.model.layer import Layer
from tests.explanations import subject_of


@pytest.fixture(scope="module", params=["mnist_bundle", "tiny_bundle"])
def subject(request, mnist):
    """The lecture's network, and one that is not square, with three input channels."""
    return subject_of(request.getfixturevalue(request.param), mnist, count=1)


def test_an_unknown_layer_is_rejected_with_the_known_ones(subject):
    """The message for an unknown layer name lists the names of the layers."""
    with pytest.raises(UnknownLayer, match=f"no layer 'nope'.*{subject.bundle.layers[-1].name}"):
        subject.explain(Cell("nope", 0))


@pytest.mark.parametrize("part", ["channel", "row", "column"])
@pytest.mark.parametrize("beyond", [False, True])
def test_an_index_out_of_range_is_rejected_with_the_ranges(subject, part, beyond):
    """A channel, row or column below 0 or beyond the last is rejected, with the valid ranges."""
    layer = subject.bundle.layers[0]
    rows, columns, channels = layer.output_shape
    size = {"channel": channels, "row": rows, "column": columns}[part]
    index = size if beyond else -1
    cell = replace(Cell(layer.name, 0, 0, 0), **{part: index})
    ranges = f"channel 0–{channels - 1}, row 0–{rows - 1}, column 0–{columns - 1}"
    with pytest.raises(UnknownLayer, match=f"{layer.name}.* has no {part} {index}.*{ranges}"):
        subject.explain(cell)


def test_a_unit_out_of_range_is_rejected_with_the_range(subject):
    """A layer without rows and columns states the range of its channels alone."""
    layer = subject.bundle.layers[-1]
    units = layer.output_shape[0]
    with pytest.raises(
        UnknownLayer, match=rf"has no channel {units}. It has channel 0–{units - 1}\."
    ):
        subject.explain(Cell(layer.name, units))


@pytest.mark.parametrize("missing", ["row", "column"])
def test_maps_need_row_and_column(subject, missing):
    """A cell of a layer with rows and columns needs both."""
    cell = replace(Cell(subject.bundle.layers[0].name, 0, 0, 0), **{missing: None})
    with pytest.raises(MalformedRequest, match=f"also needs {missing}"):
        subject.explain(cell)


@pytest.mark.parametrize("part", ["row", "column"])
def test_units_take_no_row_or_column(subject, part):
    """A cell of a layer without rows and columns takes neither."""
    cell = replace(Cell(subject.bundle.layers[-1].name, 0), **{part: 0})
    with pytest.raises(MalformedRequest, match="has no rows and columns"):
        subject.explain(cell)


def changed(subject, index, **fields):
    """Return the subject with one layer's fields changed, and that layer."""
    layers = list(subject.bundle.layers)
    layers[index] = replace(layers[index], **fields)
    return replace(subject, bundle=replace(subject.bundle, layers=tuple(layers))), layers[index]


def test_a_layer_of_an_unknown_kind_is_rejected_with_the_others(subject):
    """The message names the layer, its kind, the explained layers and what to use instead."""
    odd, layer = changed(subject, -1, kind="EinsumDense")
    first, last = subject.bundle.layers[0].name, subject.bundle.layers[-2].name
    reason = rf"{layer.name}' \(EinsumDense\) is of a kind that has no exact explanation"
    others = rf"{first}, .*{last}\. POST /atlas .* POST /activations"
    with pytest.raises(NotExplainable, match=f"{reason}.*: {others}"):
        odd.explain(Cell(layer.name, 0))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"is_exact": False}, "was exported before its kind could be explained"),
        ({"activation": "sparsemax"}, "has the activation function sparsemax"),
        ({"inputs": ("input", "input")}, "has 2 inputs"),
        ({"config": {"data_format": "channels_first"}}, "has data_format = channels_first"),
        ({"config": {}}, "has no kernel_size or strides"),
        ({"config": {"tensorflow_operations": ["Roll"]}}, r"outside of any layer \(Roll\)"),
        ({"config": {"computed_by": ["Roll"]}}, r"outside of any layer \(Roll\)"),
        ({"output_shape": (2, 2, 2, 2)}, "has values without rows, columns and channels"),
        ({"config": {"shares_weights_with": "x"}}, "has no kernel_size or strides"),
    ],
)
def test_a_layer_that_is_not_explained_is_rejected_with_the_reason(subject, fields, reason):
    """The message says why; the layer behind it is still explained, from its values."""
    odd, obstacle = changed(subject, 2, **fields)
    if obstacle.kind != "Conv2D":
        odd, obstacle = changed(subject, 0, **fields)
    with pytest.raises(NotExplainable, match=rf"{obstacle.name}' \(Conv2D\) .*{reason}"):
        odd.explain(Cell(obstacle.name, 0, 0, 0))
    last = subject.bundle.layers[-1].name
    assert odd.explain(Cell(last, 0)).pre == subject.explain(Cell(last, 0)).pre


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        ("Softmax", {"config": {"axis": 1}}, r"computes along the axis \[1\]"),
        ("BatchNormalization", {"config": {"axis": 2}}, r"computes along the axis \[2\]"),
        ("UpSampling2D", {"config": {"interpolation": "bicubic"}}, "has interpolation = bicubic"),
        ("Add", {}, "has 1 inputs"),
        ("Dense", {}, "has no kernel of its own in the bundle"),
        ("LayerNormalization", {}, "is of a kind that has no exact explanation"),
        ("MultiHeadAttention", {}, "is of a kind that has no exact explanation"),
    ],
)
def test_a_configuration_that_is_not_explained_is_rejected(kind, fields, reason):
    """Another axis, interpolation or number of inputs is the reason; nothing is approximated."""
    layer = Layer("odd", kind, (4, 4, 3), (4, 4, 3), "linear", 0, 0, 0, **fields)
    found = obstacle(layer, [(4, 4, 3)], ("odd/moving_mean", "odd/moving_variance"))
    assert re.search(reason, found)


def test_an_explanation_follows_the_inputs_and_not_the_order(subject):
    """A layer between two others that is no input of the second takes no part in its values."""
    layers = subject.bundle.layers
    aside = replace(layers[0], name="aside", is_exact=False)
    bundle = replace(subject.bundle, layers=(layers[0], aside, *layers[1:]))
    cell = Cell(layers[1].name, 0, 0, 0)
    assert replace(subject, bundle=bundle).explain(cell) == subject.explain(cell)
