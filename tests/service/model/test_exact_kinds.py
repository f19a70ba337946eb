"""Each explained kind of layer has the arithmetic of Keras in float64, in every cell."""

import keras
import numpy as np
import pytest

from service.model.explain import traces
from tests.exact_models import LAYERS, MERGES, SHAPE, explained, model_of_every_kind

MOST = 300  # cells of a layer that are explained


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    """A model in which every layer of LAYERS and MERGES takes the same maps."""
    return explained(model_of_every_kind(), tmp_path_factory.mktemp("bundle"))


def layers_of(subject):
    """Return the layers with an explanation, by name, without those that only end a branch."""
    return {
        layer.name: layer
        for layer in subject.bundle.layers
        if (layer.is_exact and not layer.name.startswith("flatten_")) or layer.name == "flatten_"
    }


def cells_of(layer, count=MOST):
    """Yield indices of a layer's values: all of them, or evenly spread ones."""
    size = int(np.prod(layer.output_shape))
    for flat in np.unique(np.linspace(0, size - 1, min(size, count)).astype(int)):
        yield tuple(int(i) for i in np.unravel_index(flat, layer.output_shape))


def test_every_layer_is_explained(subject):
    """Of this model, no layer lacks an explanation, except what slices a map by operations."""
    names = {*(f"{name}_" for name in LAYERS), *MERGES, *(f"{name}_gate" for name in MERGES)}
    assert names <= layers_of(subject).keys()


@pytest.mark.parametrize(
    "name",
    [
        *(f"{name}_" for name in LAYERS),
        *(f"{name}{suffix}" for name in MERGES for suffix in ("", "_gate")),
        *("three", "rows", "columns", "everything", "classes", "shared", "shared:2"),
        *("relu6", "leaky_relu", "hard_shrink", "maximum", "minimum"),
    ],
)
def test_every_cell_is_that_of_keras(subject, name):
    """`pre` and `post` are Keras's within 1e-6, and the graph's within 1e-4."""
    layer = layers_of(subject)[name]
    pre, post = subject.expected(layer)
    for index in cells_of(layer):
        explanation = subject.explain(layer, index)
        assert explanation.pre == pytest.approx(pre[index], rel=1e-6, abs=1e-6)
        assert explanation.post == pytest.approx(post[index], rel=1e-6, abs=1e-6)
        assert explanation.value == subject.values[name, "pre"][index]
        assert explanation.difference <= 1e-4
        assert explanation.kind == layer.kind
        assert explanation.inputs == list(layer.inputs)


def _sum(terms):
    return sum(term.contribution for term in terms)


def _value(subject, cell):
    """Return the value of a cell of a layer or of the model's input."""
    is_input = cell.layer == subject.bundle.input_name
    values = subject.pixels if is_input else subject.values[cell.layer, "post"]
    return float(values[cell.index])


def _arithmetic(explanation):
    """Compute `pre` from an explanation's parts, as its class documents it."""
    match explanation:
        case traces.ConvolutionTrace() | traces.DenseTrace() | traces.SeparableConvolutionTrace():
            return _sum(explanation.terms) + explanation.rest + explanation.bias
        case traces.UpSamplingTrace():
            return _sum(explanation.terms)
        case traces.MaxPoolingTrace():
            return np.max(explanation.patch)
        case traces.AveragePoolingTrace():
            return np.sum(explanation.patch) / explanation.count
        case traces.BatchNormalizationTrace() as e:
            deviation = np.sqrt(e.variance + e.epsilon)
            return e.gamma * (e.x - e.mean) / deviation + e.beta
        case traces.AffineTrace() as e:
            return e.x * e.scale + e.offset
        case traces.MergeTrace():
            combine = {
                "Add": np.sum, "Subtract": lambda v: v[0] - v[1], "Multiply": np.prod,
                "Average": np.mean, "Maximum": np.max, "Minimum": np.min,
            }  # fmt: skip
            return combine[explanation.kind]([o.value for o in explanation.operands])
        case traces.CopyTrace():
            return None
    raise AssertionError(explanation)


def test_the_parts_of_every_explanation_add_up(subject):
    """`pre` is what the documented arithmetic gives for the terms, few of them or all."""
    for layer in layers_of(subject).values():
        for index in cells_of(layer, 3):
            for top in (None, 2):
                explanation = subject.explain(layer, index, top)
                expected = _arithmetic(explanation)
                if expected is None:
                    source = explanation.source
                    expected = 0 if source is None else _value(subject, source)
                assert explanation.pre == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_every_cell_that_is_named_holds_the_value_beside_it(subject):
    """Sources, winners and operands can be followed: their values are the ones stated."""
    for layer in layers_of(subject).values():
        for index in cells_of(layer, 7):
            match subject.explain(layer, index, 3):
                case traces.MaxPoolingTrace() as e:
                    pairs = [(e.winner, e.pre)]
                case traces.DenseTrace() | traces.UpSamplingTrace() as e:
                    pairs = [(term.source, term.value) for term in e.terms]
                    assert all(t.value * t.weight == t.contribution for t in e.terms)
                case traces.BatchNormalizationTrace() | traces.AffineTrace() as e:
                    pairs = [(e.source, e.x)]
                case traces.MergeTrace() as e:
                    pairs = [(operand.source, operand.value) for operand in e.operands]
                    pairs += [(e.winner, e.pre)] if e.winner else []
                case _:
                    pairs = []
            for cell, value in pairs:
                assert _value(subject, cell) == value


def test_a_patch_is_read_where_the_explanation_says(subject):
    """Row r of a patch is row `rows[r]` of the input, and of the kernel `kernel_rows[r]`."""
    weights = subject.bundle.weights
    for name, channels in (("conv_dilated_", 2), ("conv_same_", 4), ("depthwise_twice_", 1)):
        layer = subject.bundle.layer(name)
        height, width, _ = layer.input_shape
        for index in cells_of(layer, 20):
            explanation = subject.explain(layer, index)
            assert len(explanation.terms) == explanation.count == channels
            for term in explanation.terms:
                for (i, j), value in np.ndenumerate(np.array(term.patch)):
                    row, column = explanation.rows[i], explanation.columns[j]
                    is_inside = 0 <= row < height and 0 <= column < width
                    values = subject.values["maps", "post"]
                    assert value == (values[row, column, term.channel] if is_inside else 0)
    layer = subject.bundle.layer("transpose_same_")
    for index in cells_of(layer, 40):
        explanation = subject.explain(layer, index)
        kernel = weights["transpose_same_/kernel"][:, :, index[2]]
        taken = kernel[np.ix_(explanation.kernel_rows, explanation.kernel_columns)]
        for term in explanation.terms:
            np.testing.assert_array_equal(np.array(term.kernel), taken[..., term.channel])


def test_only_the_largest_contributions_are_listed(subject):
    """With `top`, the terms are the largest by size; `rest` is the sum of the others."""
    for name in ("conv_", "separable_", "classes", "dense_on_maps_"):
        layer = subject.bundle.layer(name)
        index = next(iter(cells_of(layer, 1)))
        few, all_terms = subject.explain(layer, index, 2), subject.explain(layer, index)
        sizes = sorted((abs(term.contribution) for term in all_terms.terms), reverse=True)
        assert [abs(term.contribution) for term in few.terms] == sizes[:2]
        assert (few.count, all_terms.rest) == (all_terms.count, 0)
        assert few.pre == all_terms.pre


def test_padding_is_a_cell_without_a_source(subject):
    """A cell that ZeroPadding2D adds is 0 and comes from nowhere; the others from their cells."""
    layer = subject.bundle.layer("pad_")
    assert (subject.explain(layer, (0, 0, 1)).source, subject.explain(layer, (0, 0, 1)).pre) == (
        None,
        0,
    )
    source = subject.explain(layer, (3, 2, 1)).source
    assert (source.layer, source.index) == ("maps", (2, 2, 1))


def test_an_operand_of_one_cell_is_repeated(subject):
    """A gate of one row and one column is the same operand for every cell."""
    layer = subject.bundle.layer("multiply_gate")
    gate, maps = subject.explain(layer, (5, 6, 2)).operands
    assert (gate.source.layer, gate.source.index) == ("gate", (0, 0, 2))
    assert (maps.source.layer, maps.source.index) == ("maps", (5, 6, 2))


def test_parameters_of_an_activation_are_stated(subject):
    """What differs from the function's default is in `activation_parameters`."""
    bundle = subject.bundle
    leaky = subject.explain(bundle.layer("conv_leaky_"), (0, 0, 0))
    assert leaky.activation_parameters == {"negative_slope": 0.3}
    prelu = subject.explain(bundle.layer("prelu_"), (4, 4, 2))
    alpha = float(bundle.weights["prelu_/alpha"][0, 0, 2])
    assert prelu.activation_parameters == {"alpha": alpha}
    assert subject.explain(bundle.layer("relu_"), (4, 4, 2)).activation_parameters == {}


def test_a_normalization_that_was_adapted_has_its_numbers_as_weights(tmp_path):
    """Mean and variance that it learnt from data are those of the explanation."""
    normal = keras.layers.Normalization()
    normal.adapt(np.random.default_rng(2).random((20, *SHAPE), np.float32) * 3)
    model = keras.Sequential(
        [keras.Input(SHAPE), normal, keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    subject = explained(model, tmp_path)
    layer = subject.bundle.layers[0]
    for index in cells_of(layer, 40):
        explanation = subject.explain(layer, index)
        assert explanation.kind == "Normalization"
        assert explanation.difference <= 1e-6
        assert explanation.scale != 1


def test_shared_weights_are_those_of_the_first_call(subject):
    """A layer that is called twice is explained at both, by the same weights."""
    first, second = (subject.bundle.layer(name) for name in ("shared", "shared:2"))
    kernels = [subject.explain(layer, (1, 1, 3)).terms[2].kernel for layer in (first, second)]
    assert kernels[0] == kernels[1]


@pytest.mark.parametrize(
    ("units", "activation"), [(1, "sigmoid"), (3, "sigmoid"), (3, None), (3, "softmax")]
)
def test_every_kind_of_output_is_explained(units, activation, tmp_path):
    """Probabilities of sigmoids, of logits and of a softmax have their arithmetic."""
    model = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(units, activation)]
    )
    subject = explained(model, tmp_path)
    last = subject.bundle.layer(subject.bundle.output.layer)
    explanations = [subject.explain(last, (channel,)) for channel in range(max(units, 2))]
    for channel, explanation in enumerate(explanations):
        expected = subject.values[last.name, "post"][channel]
        assert explanation.post == pytest.approx(expected, abs=1e-6)
        assert explanation.difference <= 1e-5
    total = sum(explanation.post for explanation in explanations)
    assert total == pytest.approx(1, abs=1e-6) or (units, activation) == (3, "sigmoid")
