"""A cell that the model does not have is rejected, with the cells that it has."""

from dataclasses import replace

import pytest

from service.errors import MalformedRequest, UnknownLayer
from service.model.explain.traces import Cell
from service.model.kinds import UnknownKind
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


def test_a_layer_of_an_unknown_kind_is_an_error(subject):
    """A kind that the registry lacks is named, instead of being explained as another kind."""
    layers = subject.bundle.layers
    unknown = replace(layers[-1], kind="Dropout")
    bundle = replace(subject.bundle, layers=(*layers[:-1], unknown))
    with pytest.raises(UnknownKind, match="'Dropout'; the known kinds are Conv2D, "):
        replace(subject, bundle=bundle).explain(Cell(unknown.name, 0))
