"""An explanation's arithmetic is the network's: it ends at the graph's own values."""

from dataclasses import dataclass, replace

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from service.errors import MalformedRequest, UnknownLayer
from service.model.bundle import WEIGHTS, Bundle, Layer
from service.model.engine import Engine
from service.model.explain import ACTIVATIONS, DIGIT, Cell, Explanation, explain
from tests.oracles import forward


@dataclass
class Subject:
    """A bundle, float32 digits (N, H, W, C) in 0–1 and every value of theirs."""

    bundle: Bundle
    digits: NDArray[np.float32]
    values: dict

    def of(self, index: int) -> dict:
        """The values of one digit."""
        return {pair: value[index] for pair, value in self.values.items()}

    def explain(self, cell: Cell, index: int = 0, top: int | None = None) -> Explanation:
        """The explanation of a cell for one digit."""
        return explain(self.bundle, self.of(index), self.digits[index], cell, top)

    def value(self, cell: Cell, index: int = 0, stage: str = "post") -> float:
        """What stands at a cell, whether of a layer or of the digit."""
        values = self.digits if cell.layer == DIGIT else self.values[cell.layer, stage]
        return float(values[index][place(cell)])


def place(cell: Cell) -> tuple[int, ...]:
    """The cell's index in its layer's values."""
    return (cell.channel,) if cell.row is None else (cell.row, cell.column, cell.channel)


def random_cell(layer: Layer, rng: np.random.Generator) -> Cell:
    """Any cell of a layer."""
    *grid, channel = (int(rng.integers(size)) for size in layer.output_shape)
    return Cell(layer.name, channel, *grid)


def only(bundle: Bundle, kind: str) -> list[Layer]:
    """The layers of a kind."""
    return [layer for layer in bundle.layers if layer.kind == kind]


def run(bundle: Bundle, digits: NDArray[np.float32]) -> dict:
    """Every value of the bundle for every digit."""
    pairs = [(layer.name, stage) for layer in bundle.layers for stage in ("pre", "post")]
    return Engine(bundle).run(digits, pairs)


@pytest.fixture(scope="module", params=["mnist_bundle", "tiny_bundle"])
def subject(request, mnist):
    """The lecture's network, and one with strides, `same` padding, both poolings and tanh."""
    bundle = request.getfixturevalue(request.param)
    if bundle.input_shape == (28, 28, 1):
        digits = mnist.test_images[:10, ..., np.newaxis] / np.float32(255)
    else:
        digits = np.random.default_rng(3).random((10, *bundle.input_shape), np.float32)
    return Subject(bundle, digits, run(bundle, digits))


@pytest.fixture
def odd(tmp_path):
    """Values by plain arithmetic for what neither bundle has.

    No bias; average pooling with padding; and a pixel row that only padding cells would read.
    """
    parts = {"kernel_size": (3, 3), "parameters": 0, "pre": 0, "post": 0, "activation": "linear"}
    layers = (
        Layer("sparse", "Conv2D", (8, 9, 1), (3, 4, 2), strides=(2, 2), padding="valid", **parts),
        Layer(
            "blur",
            "AveragePooling2D",
            (3, 4, 2),
            (3, 4, 2),
            strides=(1, 1),
            padding="same",
            **parts,
        ),
    )
    rng = np.random.default_rng(4)
    kernel = rng.normal(size=(3, 3, 1, 2)).astype(np.float32)
    bundle = Bundle(tmp_path, {}, "odd", 1, "", ("0", "1"), (8, 9, 1), layers, (), None)
    save_file({"sparse/kernel": kernel}, tmp_path / WEIGHTS)
    biased = replace(bundle, path=tmp_path / "biased")
    biased.path.mkdir()
    save_file(
        {"sparse/kernel": kernel, "sparse/bias": np.zeros(2, np.float32)}, biased.path / WEIGHTS
    )
    digits = rng.random((1, 8, 9, 1), np.float32)
    values = forward(biased, digits[0].astype(np.float64))
    return Subject(
        bundle,
        digits,
        {pair: value[np.newaxis].astype(np.float32) for pair, value in values.items()},
    )


def test_the_arithmetic_ends_at_the_graphs_own_values(subject):
    """In 250 random cells of each bundle `pre` and `post` are the graph's within 1e-4."""
    rng = np.random.default_rng(7)
    for number in range(250):
        layer = subject.bundle.layers[number % len(subject.bundle.layers)]
        cell, index = random_cell(layer, rng), int(rng.integers(len(subject.digits)))
        told = subject.explain(cell, index, top=5)
        assert (told.kind, told.cell, told.activation) == (layer.kind, cell, layer.activation)
        assert told.value == subject.value(cell, index, "pre")
        assert told.difference == abs(told.pre - told.value) <= 1e-4
        assert told.post == pytest.approx(subject.value(cell, index), abs=1e-4)


def test_a_convolution_is_the_sum_of_its_terms(subject):
    """Products are patch × kernel, contributions their sums, `pre` all of them and the bias."""
    rng = np.random.default_rng(8)
    for layer in only(subject.bundle, "Conv2D") * 5:
        told = subject.explain(random_cell(layer, rng))
        assert [term.channel for term in told.terms] == list(range(layer.input_shape[2]))
        for term in told.terms:
            products = np.array(term.patch) * np.array(term.kernel)
            np.testing.assert_array_equal(term.products, products)
            assert products.shape == layer.kernel_size
            assert term.contribution == pytest.approx(products.sum(), abs=1e-12)
        total = sum(term.contribution for term in told.terms) + told.bias
        assert told.pre == pytest.approx(total, abs=1e-12)


def test_a_patch_is_what_the_layer_before_says_there(subject):
    """Each value in a patch is the `post` of its cell in the layer before; padding is 0."""
    rng = np.random.default_rng(9)
    for layer in only(subject.bundle, "Conv2D") * 20:
        told = subject.explain(random_cell(layer, rng))
        height, width, _ = layer.input_shape
        for term in told.terms:
            for (row, column), value in np.ndenumerate(term.patch):
                source = Cell(
                    told.input, term.channel, told.window.top + row, told.window.left + column
                )
                real = 0 <= source.row < height and 0 <= source.column < width
                assert value == (subject.value(source) if real else 0)


@pytest.mark.parametrize("kind", ["MaxPooling2D", "AveragePooling2D"])
def test_a_pooling_patch_is_its_window_without_padding(subject, kind):
    """The patch holds the real cells of the window; the largest, or the mean, is the value."""
    rng = np.random.default_rng(10)
    for layer in only(subject.bundle, kind) * 20:
        told = subject.explain(random_cell(layer, rng))
        inside, patch = told.window.inside, np.array(told.patch)
        assert patch.shape == (inside.height, inside.width)
        for (row, column), value in np.ndenumerate(patch):
            source = Cell(told.input, told.cell.channel, inside.top + row, inside.left + column)
            assert value == subject.value(source)
        expected = patch.max() if kind == "MaxPooling2D" else patch.mean()
        assert told.pre == pytest.approx(expected, abs=1e-12)


def test_the_winner_is_the_first_largest_cell(subject):
    """The winner stands in the window, holds the value, and no cell before it does."""
    rng = np.random.default_rng(11)
    for layer in only(subject.bundle, "MaxPooling2D") * 40:
        told = subject.explain(random_cell(layer, rng))
        inside, winner = told.window.inside, told.winner
        assert subject.value(winner) == told.pre == told.value
        first = int(np.argmax(told.patch))
        assert (winner.row, winner.column) == (
            inside.top + first // inside.width,
            inside.left + first % inside.width,
        )


def test_the_floor_drops_the_last_row_and_column(mnist_bundle, mnist):
    """Pooling 11×11 to 5×5 drops row 10 and column 10, 21 of 121 cells; 26×26 loses nothing."""
    digits = mnist.test_images[:1, ..., np.newaxis] / np.float32(255)
    subject = Subject(mnist_bundle, digits, run(mnist_bundle, digits))
    told = {
        layer.input_shape[:2]: subject.explain(Cell(layer.name, 0, 0, 0))
        for layer in only(mnist_bundle, "MaxPooling2D")
    }
    assert (told[11, 11].dropped_rows, told[11, 11].dropped_columns) == ([10], [10])
    assert (told[26, 26].dropped_rows, told[26, 26].dropped_columns) == ([], [])


def test_a_strided_convolution_drops_cells_too(odd):
    """A 3×3 window that moves by 2 over 8 rows and 9 columns never reads row 7."""
    told = odd.explain(Cell("sparse", 0, 0, 0))
    assert (told.dropped_rows, told.dropped_columns) == ([7], [])


def test_padding_takes_no_part_in_an_average(odd):
    """At a corner the mean is of the cells there are, and `count` says how many."""
    told = odd.explain(Cell("blur", 1, 0, 0))
    assert (told.window.top, told.window.left, told.count) == (-1, -1, 4)
    assert told.difference <= 1e-6


def test_a_layer_without_bias_adds_none(odd):
    """Where the weights hold no bias, it is 0."""
    told = odd.explain(Cell("sparse", 1, 2, 3))
    assert told.bias == 0
    assert told.difference <= 1e-6


def test_flatten_names_the_cell_that_it_passes_on(subject):
    """Each value of a Flatten is that of its source, in the layer before."""
    for layer in only(subject.bundle, "Flatten"):
        for channel in range(layer.output_shape[0]):
            told = subject.explain(Cell(layer.name, channel))
            assert told.source.layer == told.input
            assert subject.value(told.source) == told.pre == told.value


def test_a_dense_unit_lists_its_largest_contributions(subject):
    """The terms are the largest by size; with the rest and the bias they add up to `pre`."""
    rng = np.random.default_rng(12)
    for layer in only(subject.bundle, "Dense") * 5:
        cell = random_cell(layer, rng)
        few, every = subject.explain(cell, top=3), subject.explain(cell)
        assert few.terms == every.terms[:3]
        assert few.count == every.count == len(every.terms) == layer.input_shape[0]
        sizes = [abs(term.contribution) for term in every.terms]
        assert sizes == sorted(sizes, reverse=True)
        for told in (few, every):
            total = sum(term.contribution for term in told.terms) + told.rest + told.bias
            assert told.pre == pytest.approx(total, abs=1e-12)


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
        told = subject.explain(Cell(last.name, channel))
        terms, logits = told.softmax, subject.values[last.name, "pre"][0]
        np.testing.assert_allclose(terms.logits, logits, rtol=0, atol=1e-4)
        assert terms.maximum == max(terms.logits)
        np.testing.assert_allclose(
            terms.exponentials, np.exp(np.array(terms.logits) - terms.maximum), rtol=1e-12
        )
        assert terms.sum == pytest.approx(sum(terms.exponentials), rel=1e-12)
        assert told.post == terms.exponentials[channel] / terms.sum


def test_only_softmax_has_its_terms(subject):
    """A layer with another activation has no softmax in its explanation."""
    for layer in only(subject.bundle, "Conv2D"):
        assert subject.explain(Cell(layer.name, 0, 0, 0)).softmax is None


def test_softmax_of_maps_is_over_the_channels_of_a_place(odd):
    """A convolution's softmax compares the channels at the same row and column."""
    first, *others = odd.bundle.layers
    odd.bundle = replace(odd.bundle, layers=(replace(first, activation="softmax"), *others))
    logits = odd.values["sparse", "pre"][0, 2, 1].astype(np.float64)
    for channel in (0, 1):
        told = odd.explain(Cell("sparse", channel, 2, 1))
        assert told.post == pytest.approx(np.exp(logits[channel]) / np.exp(logits).sum(), abs=1e-6)


def test_the_sigmoid_holds_at_any_size():
    """1 / (1 + exp(−x)), and 0 rather than an overflow far below 0."""
    sigmoid = ACTIVATIONS["sigmoid"]
    assert sigmoid(1.5) == pytest.approx(1 / (1 + np.exp(-1.5)), abs=1e-15)
    assert (sigmoid(-1e4), sigmoid(1e4)) == (0, 1)


def seen_pixels(bundle, digits, layer, values_of):
    """By brute force: which pixels change which cells, bool (rows, columns, H, W)."""
    rows, columns, _ = layer.output_shape
    height, width, channels = bundle.input_shape
    seen = np.zeros((rows, columns, height, width), bool)
    for digit in digits:
        before = values_of(digit[np.newaxis])[0]
        changed = np.repeat(digit[np.newaxis], height * width, axis=0)
        pixel = np.arange(height * width)
        changed.reshape(-1, height * width, channels)[pixel, pixel] = 3.0  # beyond any other pixel
        after = values_of(changed)  # (pixels, rows, columns, channels)
        differs = (after != before).any(axis=-1)
        seen |= differs.transpose(1, 2, 0).reshape(seen.shape)
    return seen


def bounds(mask):
    """The smallest rectangle (top, left, height, width) around what is true."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return rows[0], columns[0], np.ptp(rows) + 1, np.ptp(columns) + 1


def assert_fields_are(seen, subject, layer):
    """The explanations of some cells, corners among them, state what brute force found."""
    rows, columns, _ = layer.output_shape
    for row in {0, rows // 2, rows - 1}:
        for column in {0, columns // 3, columns - 1}:
            field = subject.explain(Cell(layer.name, 0, row, column)).receptive_field
            inside = field.inside
            assert (inside.top, inside.left, inside.height, inside.width) == bounds(
                seen[row, column]
            ), (layer.name, row, column)


def test_receptive_fields_are_what_brute_force_finds(subject):
    """Pixels outside the field never change the cell; those at its edges can."""
    engine = Engine(subject.bundle)
    digits = np.random.default_rng(13).random((3, *subject.bundle.input_shape), np.float32)
    for layer in subject.bundle.layers:
        if layer.receptive_field:
            key = (layer.name, "pre")
            seen = seen_pixels(
                subject.bundle, digits, layer, lambda d, key=key: engine.run(d, [key])[key]
            )
            assert_fields_are(seen, subject, layer)


def test_what_only_padding_would_read_is_outside_the_field(odd):
    """A pixel that a cell could reach through padding alone does not count as inside."""
    layer = odd.bundle.layer("blur")
    biased = replace(odd.bundle, path=odd.bundle.path / "biased")
    seen = seen_pixels(
        biased,
        odd.digits,
        layer,
        lambda d: np.stack([forward(biased, x.astype(np.float64))["blur", "pre"] for x in d]),
    )
    assert not seen[:, :, 7].any()
    assert_fields_are(seen, odd, layer)


def test_unclipped_fields_are_the_manifests(subject):
    """Padding included, a cell's field starts and ends where the manifest's formula says."""
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


def test_every_explanation_is_json_as_it_stands(subject):
    """Explanations of all kinds serialise, and read back are the same numbers."""
    rng = np.random.default_rng(15)
    for layer in subject.bundle.layers:
        told = subject.explain(random_cell(layer, rng))
        read = orjson.loads(orjson.dumps(told))
        assert read["kind"] == layer.kind
        assert (read["pre"], read["difference"]) == (told.pre, told.difference)


def test_an_unknown_layer_is_told_the_layers(subject):
    """A name that no layer has is refused, with the names that there are."""
    with pytest.raises(UnknownLayer, match=f"no layer 'nope'.*{subject.bundle.layers[-1].name}"):
        subject.explain(Cell("nope", 0))


@pytest.mark.parametrize("part", ["channel", "row", "column"])
@pytest.mark.parametrize("beyond", [False, True])
def test_a_place_outside_is_told_the_ranges(subject, part, beyond):
    """A channel, row or column below 0 or beyond the last is refused, with the valid ranges."""
    layer = subject.bundle.layers[0]
    rows, columns, channels = layer.output_shape
    size = {"channel": channels, "row": rows, "column": columns}[part]
    index = size if beyond else -1
    cell = replace(Cell(layer.name, 0, 0, 0), **{part: index})
    ranges = f"channel 0–{channels - 1}, row 0–{rows - 1}, column 0–{columns - 1}"
    with pytest.raises(UnknownLayer, match=f"{layer.name}.* has no {part} {index}.*{ranges}"):
        subject.explain(cell)


def test_a_unit_outside_is_told_the_range(subject):
    """A layer without rows and columns states the range of its channels alone."""
    layer = subject.bundle.layers[-1]
    units = layer.output_shape[0]
    with pytest.raises(
        UnknownLayer, match=rf"has no channel {units}. It has channel 0–{units - 1}\."
    ):
        subject.explain(Cell(layer.name, units))


@pytest.mark.parametrize("missing", ["row", "column"])
def test_maps_need_row_and_column(subject, missing):
    """A layer with rows and columns cannot be asked without one of them."""
    cell = replace(Cell(subject.bundle.layers[0].name, 0, 0, 0), **{missing: None})
    with pytest.raises(MalformedRequest, match=f"also needs {missing}"):
        subject.explain(cell)


@pytest.mark.parametrize("given", ["row", "column"])
def test_units_take_no_row_or_column(subject, given):
    """A layer without rows and columns cannot be asked with one."""
    cell = replace(Cell(subject.bundle.layers[-1].name, 0), **{given: 0})
    with pytest.raises(MalformedRequest, match="has no rows and columns"):
        subject.explain(cell)
