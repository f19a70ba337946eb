"""A cell's receptive field holds the pixels that can change it, and no others."""

from dataclasses import replace

import numpy as np

from service.model.engine import Engine
from service.model.explain.cells import Cell
from tests.explanations import random_cell
from tests.oracles import forward


def influences(bundle, digits, layer, values_of):
    """Find by brute force which pixels change which cells, bool (rows, columns, H, W)."""
    rows, columns, _ = layer.output_shape
    height, width, channels = bundle.input_shape
    influence = np.zeros((rows, columns, height, width), bool)
    for digit in digits:
        before = values_of(digit[np.newaxis])[0]
        changed = np.repeat(digit[np.newaxis], height * width, axis=0)
        pixel = np.arange(height * width)
        changed.reshape(-1, height * width, channels)[pixel, pixel] = 3.0  # beyond any other pixel
        after = values_of(changed)  # (pixels, rows, columns, channels)
        differs = (after != before).any(axis=-1)
        influence |= differs.transpose(1, 2, 0).reshape(influence.shape)
    return influence


def bounds(mask):
    """Return the smallest rectangle (top, left, height, width) around the true elements."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return rows[0], columns[0], np.ptp(rows) + 1, np.ptp(columns) + 1


def assert_fields_are(influence, subject, layer):
    """Compare the receptive fields of some cells, corners among them, with brute force."""
    rows, columns, _ = layer.output_shape
    for row in {0, rows // 2, rows - 1}:
        for column in {0, columns // 3, columns - 1}:
            field = subject.explain(Cell(layer.name, 0, row, column)).receptive_field
            inside = field.inside
            assert (inside.top, inside.left, inside.height, inside.width) == bounds(
                influence[row, column]
            ), (layer.name, row, column)


def test_receptive_fields_equal_those_of_brute_force(subject):
    """Pixels outside the field never change the cell; those at its edges can."""
    engine = Engine(subject.bundle)
    digits = np.random.default_rng(13).random((3, *subject.bundle.input_shape), np.float32)
    for layer in subject.bundle.layers:
        if layer.receptive_field:
            key = (layer.name, "pre")
            influence = influences(
                subject.bundle, digits, layer, lambda d, key=key: engine.run(d, [key])[key]
            )
            assert_fields_are(influence, subject, layer)


def test_a_pixel_that_only_padding_would_depend_on_is_outside_the_field(odd):
    """A pixel with a path to the cell through padding cells alone is not inside."""
    layer = odd.bundle.layer("blur")
    biased = replace(odd.bundle, weights={**odd.bundle.weights, "sparse/bias": np.zeros(2)})
    influence = influences(
        biased,
        odd.digits,
        layer,
        lambda d: np.stack([forward(biased, x.astype(np.float64))["blur", "pre"] for x in d]),
    )
    assert not influence[:, :, 7].any()
    assert_fields_are(influence, odd, layer)


def test_unclipped_fields_are_the_manifests(subject):
    """Padding included, a cell's field has the size and position of the manifest's formula."""
    rng = np.random.default_rng(14)
    for layer in subject.bundle.layers:
        cell, formula = random_cell(layer, rng), layer.receptive_field
        field = subject.explain(cell).receptive_field
        if formula is None:
            assert (field.top, field.left) == (0, 0)
            assert (field.height, field.width) == subject.bundle.input_shape[:2]
        else:
            assert (field.height, field.width) == formula.size
            assert field.top == formula.start[0] + cell.row * formula.step[0]
            assert field.left == formula.start[1] + cell.column * formula.step[1]
