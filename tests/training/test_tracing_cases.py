"""What tracing returns for particular models, and which models it rejects."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from tests.training.random_models import Residual, Subclassed
from training.conversion import Comparison, compare, convert
from training.errors import ExportError
from training.tracing import Trace, trace

SHAPE = (8, 8, 3)


def sequential(*stack: layers.Layer, shape: tuple[Any, ...] = SHAPE) -> keras.Sequential:
    """Build a Sequential model of images."""
    return keras.Sequential([keras.Input(shape), *stack])


def classifier(*stack: layers.Layer) -> keras.Sequential:
    """Build a Sequential model with a softmax over three classes."""
    return sequential(*stack, layers.Flatten(), layers.Dense(3, activation="softmax"))


def checked(model: keras.Model, traced: Trace) -> Comparison:
    """Compile a traced model, and compare all values on two images."""
    images = np.random.default_rng(1).normal(0, 1, (2, *traced.input_shape)).astype(np.float32)
    return compare(convert(traced), traced, images, model)


def edges(traced: Trace) -> dict[str, tuple[str, ...]]:
    """Return each layer's inputs, by name."""
    return {layer.name: layer.inputs for layer in traced.layers}


def test_a_model_nested_twice_and_called_twice_has_a_path_for_every_call() -> None:
    """Names are paths; a second call has its number, and the layers within it are in its block."""
    inner = keras.Sequential(
        [keras.Input(SHAPE), layers.Conv2D(3, 1, name="c"), layers.ReLU(name="r")], name="inner"
    )
    source = keras.Input(SHAPE)
    outer = keras.Model(source, inner(source), name="outer")
    source = keras.Input(SHAPE)
    flat = layers.Flatten(name="flat")(outer(outer(source)))
    model = keras.Model(source, layers.Dense(2, name="d")(flat))

    traced = trace(model)

    assert edges(traced) == {
        "outer/inner/c": ("input",),
        "outer/inner/r": ("outer/inner/c",),
        "outer:2/inner/c": ("outer/inner/r",),
        "outer:2/inner/r": ("outer:2/inner/c",),
        "flat": ("outer:2/inner/r",),
        "d": ("flat",),
    }
    assert [layer.block for layer in traced.layers[2:5]] == ["outer:2/inner"] * 2 + [None]
    assert traced.layers[0].layer is traced.layers[2].layer


def test_a_layer_that_passes_its_input_on_shares_the_value() -> None:
    """Dropout and Identity have the index of the value before them, but edges of their own."""
    source = keras.Input(SHAPE)
    first = layers.Dropout(0.5, name="first")(source)
    second = layers.Identity(name="second")(first)
    both = layers.Add(name="both")([second, first])
    model = keras.Model(source, layers.Dense(2, name="d")(layers.Flatten(name="f")(both)))

    traced = trace(model)

    posts = [layer.post for layer in traced.layers]
    assert posts[0] == posts[1] != posts[2]
    assert edges(traced)["both"] == ("second", "first")
    assert len(traced.shapes) == len(set(posts)) + 1  # and the softmax
    checked(model, traced)


def test_names_are_unique_and_have_no_characters_with_a_meaning() -> None:
    """Commas and spaces are replaced; a name that ends in a stage or is `input` is changed."""
    names = ["one, two", "pre", "input", "층"]
    model = classifier(*(layers.Conv2D(3, 1, name=name) for name in names))

    traced = trace(model)

    assert [layer.name for layer in traced.layers[:4]] == ["one__two", "pre_", "input_", "층"]
    assert [layer.name for layer in model.layers[:4]] == names
    checked(model, traced)


def test_a_custom_block_is_its_layers_and_what_it_computes_itself() -> None:
    """A block that adds and activates by itself is a layer too, with both values."""
    model = classifier(Residual(3, "relu", name="block"))

    traced = trace(model)

    convolution, normalization, block = traced.layers[:3]
    assert (convolution.block, normalization.block, block.block) == ("block", "block", None)
    assert set(block.inputs) == {"input", normalization.name}
    assert (block.kind, block.activation, block.parameters) == ("Residual", "relu", 0)
    assert block.config == {"computed_by": ["AddV2", "Relu"]}
    assert block.pre != block.post
    checked(model, traced)


def test_an_activation_that_is_a_layer_belongs_to_its_layer_or_to_its_block() -> None:
    """`Conv2D(activation=LeakyReLU())` is one layer; a block's own attribute stays a layer."""

    class Block(layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="block")
            self.convolution = layers.Conv2D(2, 3, name="c")
            self.activation = layers.ReLU(name="r")

        def call(self, x: Any) -> Any:
            return self.activation(self.convolution(x))

    leaky = layers.Conv2D(2, 3, activation=layers.LeakyReLU(), name="leaky")
    model = classifier(leaky, Block())
    before = leaky.activation

    traced = trace(model)

    assert [layer.name for layer in traced.layers[:3]] == ["leaky", "block/c", "block/r"]
    assert [layer.activation for layer in traced.layers[:3]] == ["leaky_relu", "linear", "relu"]
    assert traced.layers[0].pre != traced.layers[0].post
    assert leaky.activation is before
    checked(model, traced)


def test_a_class_named_like_a_layer_of_keras_is_marked() -> None:
    """A custom `Conv2D` is not read as Keras's, whose receptive field is known."""
    custom = type("Conv2D", (layers.Conv2D,), {})
    assert trace(classifier(custom(2, 3))).layers[0].kind == "Custom>Conv2D"


def test_attention_is_traced_with_the_layers_within_it() -> None:
    """Keras's own containers, such as attention, have their inner values too."""
    source = keras.Input(SHAPE)
    tokens = layers.Reshape((64, 3))(source)
    tokens = layers.MultiHeadAttention(2, 4, name="attention")(tokens, tokens)
    model = keras.Model(source, layers.Dense(2)(layers.GlobalAveragePooling1D()(tokens)))

    traced = trace(model)

    kinds = [layer.kind for layer in traced.layers if layer.block == "attention"]
    assert kinds.count("EinsumDense") == 4
    checked(model, traced)


@pytest.mark.parametrize(
    ("head", "kind", "classes", "has_logits"),
    [
        ([layers.Dense(3, activation="softmax")], "softmax", 3, True),
        ([layers.Dense(3), layers.Softmax()], "softmax", 3, True),
        ([layers.Dense(3), layers.Dropout(0.1)], "logits", 3, True),
        ([layers.Dense(3, activation="sigmoid")], "sigmoid", 3, True),
        ([layers.Dense(1, activation="sigmoid")], "sigmoid", 2, True),
        ([layers.Dense(3, activation="softmax"), layers.Rescaling(1.0)], "softmax", 3, False),
    ],
    ids=["softmax", "a softmax of its own", "logits", "labels", "one unit", "without logits"],
)
def test_the_output_is_recognised(
    head: list[layers.Layer], kind: str, classes: int, has_logits: bool
) -> None:
    """Probabilities, logits and features are found, or added, for every usual end of a model."""
    model = sequential(layers.Flatten(), *head)

    traced = trace(model)

    assert traced.output.kind == kind
    assert traced.shapes[traced.output.probabilities] == (classes,)
    assert (traced.output.logits is not None) == has_logits
    assert traced.shapes[traced.features] == (192,)
    checked(model, traced)


def test_a_softmax_outside_of_every_layer_is_recognised() -> None:
    """A subclassed model that ends in `keras.ops.softmax` has logits all the same."""

    class Model(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(3, name="d")

        def call(self, x: Any) -> Any:
            return ops.softmax(self.dense(ops.mean(x, axis=(1, 2))))

    model = Model()
    model(np.zeros((1, *SHAPE)))

    traced = trace(model, SHAPE)

    assert traced.output.kind == "softmax"
    assert traced.output.logits == traced.layers[0].post
    assert traced.layers[0].config["tensorflow_operations"] == ["Mean"]
    checked(model, traced)


def several() -> keras.Model:
    """Return a model with two outputs."""
    source = keras.Input(SHAPE)
    flat = layers.Flatten()(source)
    return keras.Model(source, [layers.Dense(2)(flat), layers.Dense(3)(flat)])


def two_inputs() -> keras.Model:
    """Return a model with two inputs."""
    sources = [keras.Input(SHAPE, name="left"), keras.Input(SHAPE, name="right")]
    return keras.Model(sources, layers.Add()(sources))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (several, "has 2 outputs; it must have one"),
        (two_inputs, r"has 2 inputs \(left, right\)"),
        (lambda: sequential(layers.Dense(3), shape=(8,)), "must be images of shape"),
        (lambda: sequential(layers.Conv2D(3, 3, name="c")), r"returns the shape \(6, 6, 3\)"),
        (
            lambda: sequential(layers.GlobalMaxPooling2D(), shape=(None, None, 3)),
            "pass --size HEIGHTxWIDTH.",
        ),
        (
            lambda: Subclassed([], [layers.Flatten()], layers.ReLU()),
            "pass --size HEIGHTxWIDTHxCHANNELS.",
        ),
        (lambda: sequential(layers.Flatten(), layers.Dense(1)), "one number that is not a prob"),
        (
            lambda: sequential(layers.Reshape((8, 24)), layers.GRU(3, name="steps")),
            r"'steps' \(GRU\) is recurrent",
        ),
    ],
    ids=["outputs", "inputs", "vectors", "maps", "size", "subclassed", "one unit", "recurrent"],
)
def test_other_models_are_rejected(build: Callable[[], keras.Model], message: str) -> None:
    """The message names what is wrong and what to do, in one line."""
    with pytest.raises(ExportError, match=message) as error:
        trace(build())

    assert "\n" not in str(error.value)


def test_the_size_completes_the_input_and_must_not_contradict_it() -> None:
    """A model of any size is traced at the requested one; a fixed size cannot be changed."""
    pooling = [layers.Conv2D(3, 3), layers.GlobalMaxPooling2D()]
    assert trace(sequential(*pooling, shape=(None, None, 3)), (12, 9)).input_shape == (12, 9, 3)

    with pytest.raises(ExportError, match="has height 8, but --size has 12; leave --size out"):
        trace(sequential(*pooling), (12, 8))


def test_a_model_that_fails_is_restored() -> None:
    """After an error in the model's own code, its layers and Keras itself are as before."""

    class Broken(layers.Layer):
        def call(self, x: Any) -> Any:
            if isinstance(x, tf.Tensor) and not hasattr(x, "numpy"):
                raise RuntimeError("only eager\nsecond line")
            return x

    convolution = layers.Conv2D(3, 3, activation=layers.ReLU(), name="a b")
    model = Subclassed([convolution, Broken()], [layers.Flatten()], layers.ReLU())
    activation, call = convolution.activation, keras.Operation.__call__

    with pytest.raises(ExportError, match="only eager"):
        trace(model, SHAPE)

    assert convolution.activation is activation
    assert keras.Operation.__call__ is call
    assert convolution.name == "a b"
    assert keras.config.is_traceback_filtering_enabled()
