"""An explanation's arithmetic is the network's: it ends at the graph's own values."""

from dataclasses import replace

import numpy as np
import orjson
import pytest

from service.model.activations import ELEMENTWISE
from service.model.explain.cells import Cell
from tests.explanations import random_cell, subject_of


def test_the_arithmetic_ends_at_the_graphs_own_values(subject):
    """In 250 random cells of each bundle `pre` and `post` are the graph's within 1e-4."""
    rng = np.random.default_rng(7)
    for number in range(250):
        layer = subject.bundle.layers[number % len(subject.bundle.layers)]
        cell, index = random_cell(layer, rng), int(rng.integers(len(subject.digits)))
        explanation = subject.explain(cell, index, top=5)
        assert (explanation.kind, explanation.cell, explanation.activation) == (
            layer.kind,
            cell,
            layer.activation,
        )
        assert explanation.value == subject.value(cell, index, "pre")
        assert explanation.difference == abs(explanation.pre - explanation.value) <= 1e-4
        assert explanation.post == pytest.approx(subject.value(cell, index), abs=1e-4)


def test_a_convolution_is_the_sum_of_its_terms(subject):
    """Products are patch × kernel, contributions their sums, `pre` all of them and the bias."""
    rng = np.random.default_rng(8)
    for layer in subject.layers("Conv2D") * 5:
        explanation = subject.explain(random_cell(layer, rng))
        assert [term.channel for term in explanation.terms] == list(range(layer.input_shape[2]))
        for term in explanation.terms:
            products = np.array(term.patch) * np.array(term.kernel)
            np.testing.assert_array_equal(term.products, products)
            assert products.shape == tuple(layer.config["kernel_size"])
            assert term.contribution == pytest.approx(products.sum(), abs=1e-12)
        total = sum(term.contribution for term in explanation.terms) + explanation.bias
        assert explanation.pre == pytest.approx(total, abs=1e-12)


def test_a_patch_holds_the_values_of_the_layer_before(subject):
    """Each value in a patch is the `post` of its cell in the layer before; padding is 0."""
    rng = np.random.default_rng(9)
    for layer in subject.layers("Conv2D") * 20:
        explanation = subject.explain(random_cell(layer, rng))
        height, width, _ = layer.input_shape
        for term in explanation.terms:
            for (row, column), value in np.ndenumerate(term.patch):
                source = Cell(
                    explanation.input,
                    term.channel,
                    explanation.window.top + row,
                    explanation.window.left + column,
                )
                real = 0 <= source.row < height and 0 <= source.column < width
                assert value == (subject.value(source) if real else 0)


@pytest.mark.parametrize("kind", ["MaxPooling2D", "AveragePooling2D"])
def test_a_pooling_patch_is_its_window_without_padding(subject, kind):
    """The patch holds the real cells of the window; the largest, or the mean, is the value."""
    rng = np.random.default_rng(10)
    for layer in subject.layers(kind) * 20:
        explanation = subject.explain(random_cell(layer, rng))
        inside, patch = explanation.window.inside, np.array(explanation.patch)
        assert patch.shape == (inside.height, inside.width)
        for (row, column), value in np.ndenumerate(patch):
            source = Cell(
                explanation.input, explanation.cell.channel, inside.top + row, inside.left + column
            )
            assert value == subject.value(source)
        expected = patch.max() if kind == "MaxPooling2D" else patch.mean()
        assert explanation.pre == pytest.approx(expected, abs=1e-12)


def test_the_winner_is_the_first_largest_cell(subject):
    """The winner stands in the window, holds the value, and no cell before it does."""
    rng = np.random.default_rng(11)
    for layer in subject.layers("MaxPooling2D") * 40:
        explanation = subject.explain(random_cell(layer, rng))
        inside, winner = explanation.window.inside, explanation.winner
        assert subject.value(winner) == explanation.pre == explanation.value
        first = int(np.argmax(explanation.patch))
        assert (winner.row, winner.column) == (
            inside.top + first // inside.width,
            inside.left + first % inside.width,
        )


def test_the_floor_drops_the_last_row_and_column(mnist_bundle, mnist):
    """Pooling 11×11 to 5×5 drops row 10 and column 10, 21 of 121 cells; 26×26 loses nothing."""
    subject = subject_of(mnist_bundle, mnist, count=1)
    dropped = {}
    for layer in subject.layers("MaxPooling2D"):
        explanation = subject.explain(Cell(layer.name, 0, 0, 0))
        dropped[layer.input_shape[:2]] = explanation.dropped_rows, explanation.dropped_columns
    assert dropped[11, 11] == ([10], [10])
    assert dropped[26, 26] == ([], [])


def test_a_strided_convolution_drops_cells_too(odd):
    """A 3×3 window that moves by 2 over 8 rows and 9 columns never reads row 7."""
    explanation = odd.explain(Cell("sparse", 0, 0, 0))
    assert (explanation.dropped_rows, explanation.dropped_columns) == ([7], [])


def test_padding_takes_no_part_in_an_average(odd):
    """At a corner the mean is of the real cells in the window, and `count` is their number."""
    explanation = odd.explain(Cell("blur", 1, 0, 0))
    assert (explanation.window.top, explanation.window.left, explanation.count) == (-1, -1, 4)
    assert explanation.difference <= 1e-6


def test_a_layer_without_bias_adds_none(odd):
    """Where the weights hold no bias, it is 0."""
    explanation = odd.explain(Cell("sparse", 1, 2, 3))
    assert explanation.bias == 0
    assert explanation.difference <= 1e-6


def test_flatten_names_the_cell_that_it_passes_on(subject):
    """Each value of a Flatten is that of its source, in the layer before."""
    for layer in subject.layers("Flatten"):
        for channel in range(layer.output_shape[0]):
            explanation = subject.explain(Cell(layer.name, channel))
            assert explanation.source.layer == explanation.input
            assert subject.value(explanation.source) == explanation.pre == explanation.value


def test_a_dense_unit_lists_its_largest_contributions(subject):
    """The terms are the largest by size; with the rest and the bias they add up to `pre`."""
    rng = np.random.default_rng(12)
    for layer in subject.layers("Dense") * 5:
        cell = random_cell(layer, rng)
        few, every = subject.explain(cell, top=3), subject.explain(cell)
        assert few.terms == every.terms[:3]
        assert few.count == every.count == len(every.terms) == layer.input_shape[0]
        sizes = [abs(term.contribution) for term in every.terms]
        assert sizes == sorted(sizes, reverse=True)
        for explanation in (few, every):
            total = (
                sum(term.contribution for term in explanation.terms)
                + explanation.rest
                + explanation.bias
            )
            assert explanation.pre == pytest.approx(total, abs=1e-12)


def test_a_dense_term_can_be_followed(subject):
    """Each term is value × weight, and its source, seen through a Flatten, holds that value."""
    layers = subject.bundle.layers
    for before_that, before, layer in zip(layers, layers[1:], layers[2:], strict=False):
        if layer.kind == "Dense":
            source = before_that if before.kind == "Flatten" else before
            for term in subject.explain(Cell(layer.name, 1)).terms:
                assert term.source.layer == source.name
                assert term.value == subject.value(term.source)
                assert term.value == subject.value(Cell(before.name, term.index))
                assert term.contribution == term.value * term.weight


def test_softmax_terms_add_up(subject):
    """The logits are the graph's; exp(logit − maximum) over their sum is the probability."""
    last = subject.bundle.layers[-1]
    for channel in range(last.output_shape[0]):
        explanation = subject.explain(Cell(last.name, channel))
        terms, logits = explanation.softmax, subject.values[last.name, "pre"][0]
        np.testing.assert_allclose(terms.logits, logits, rtol=0, atol=1e-4)
        assert terms.maximum == max(terms.logits)
        np.testing.assert_allclose(
            terms.exponentials, np.exp(np.array(terms.logits) - terms.maximum), rtol=1e-12
        )
        assert terms.sum == pytest.approx(sum(terms.exponentials), rel=1e-12)
        assert explanation.post == terms.exponentials[channel] / terms.sum


def test_only_softmax_has_its_terms(subject):
    """A layer with another activation has no softmax in its explanation."""
    for layer in subject.layers("Conv2D"):
        assert subject.explain(Cell(layer.name, 0, 0, 0)).softmax is None


def test_softmax_of_maps_is_over_the_channels_of_a_place(odd):
    """A convolution's softmax compares the channels at the same row and column."""
    first, *others = odd.bundle.layers
    odd.bundle = replace(odd.bundle, layers=(replace(first, activation="softmax"), *others))
    logits = odd.values["sparse", "pre"][0, 2, 1].astype(np.float64)
    for channel in (0, 1):
        explanation = odd.explain(Cell("sparse", channel, 2, 1))
        assert explanation.post == pytest.approx(
            np.exp(logits[channel]) / np.exp(logits).sum(), abs=1e-6
        )


def test_the_sigmoid_holds_at_any_size():
    """1 / (1 + exp(−x)), and 0 rather than an overflow far below 0."""
    sigmoid = ELEMENTWISE["sigmoid"]
    assert sigmoid(1.5) == pytest.approx(1 / (1 + np.exp(-1.5)), abs=1e-15)
    assert (sigmoid(-1e4), sigmoid(1e4)) == (0, 1)


def test_every_explanation_is_json_as_it_stands(subject):
    """Explanations of all kinds serialise, and read back are the same numbers."""
    rng = np.random.default_rng(15)
    for layer in subject.bundle.layers:
        explanation = subject.explain(random_cell(layer, rng))
        read = orjson.loads(orjson.dumps(explanation))
        assert read["kind"] == layer.kind
        assert (read["pre"], read["difference"]) == (explanation.pre, explanation.difference)
