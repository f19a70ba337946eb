"""Random image models for the tests of tracing: branches, nested and reused layers, subclasses."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import keras
import numpy as np
from keras import layers, ops

SMOOTH = ("elu", "softplus", "silu")
ANY = ("linear", "relu", "tanh", "gelu", "relu6", "hard_sigmoid", "sigmoid", *SMOOTH)
MAX_LENGTH = 24


class Residual(layers.Layer):
    """A layer with sublayers, which adds its input and applies an activation by itself."""

    def __init__(self, channels: int, activation: str, **options: Any) -> None:
        super().__init__(**options)
        self.convolution = layers.Conv2D(channels, 3, padding="same")
        self.normalization = layers.BatchNormalization()
        self.ending = keras.activations.get(activation)

    def build(self, input_shape: Any) -> None:
        """Build the sublayers."""
        self.convolution.build(input_shape)
        self.normalization.build(input_shape)

    def call(self, x: Any) -> Any:
        """Return activation(x + f(x))."""
        return self.ending(x + self.normalization(self.convolution(x)))


class Subclassed(keras.Model):
    """A model with its own `call`, which calls one of its layers twice."""

    def __init__(self, stages: list[Any], head: list[Any], repeated: Any, **options: Any) -> None:
        super().__init__(**options)
        self.stages = stages
        self.head = head
        self.repeated = repeated

    def call(self, x: Any) -> Any:
        """Call the repeated layer before and after the stages."""
        x = self.repeated(x)
        for stage in self.stages:
            x = stage(x)
        x = self.repeated(x) + 0.5
        for layer in self.head:
            x = layer(x)
        return x


@dataclass
class Builder:
    """Draws layers at random; `is_smooth`: no activation function or pooling is flat anywhere."""

    random: Random
    is_smooth: bool

    def activation(self) -> str:
        """Draw the name of an activation function."""
        return self.random.choice(SMOOTH if self.is_smooth else ANY)

    def window(self) -> tuple[int, int]:
        """Draw the size of a window."""
        return self.random.randint(1, 3), self.random.randint(1, 3)

    def windowed(self) -> layers.Layer:
        """Draw a layer with a window."""
        draw = self.random
        options: dict[str, Any] = {"padding": draw.choice(["same", "valid"])}
        if draw.random() < 0.4:
            options["strides"] = 2
        elif draw.random() < 0.4:
            options["dilation_rate"] = 2
        else:
            options["strides"] = draw.choice([1, 2])
        pooling = {"padding": options["padding"], "strides": (draw.randint(1, 2), 1)}
        square = draw.randint(1, 3)  # TensorFlow's depthwise convolution has equal strides
        return draw.choice(
            [
                lambda: layers.Conv2D(
                    draw.randint(3, 5), self.window(), activation=self.activation(), **options
                ),
                lambda: layers.Conv2D(
                    4, 3, activation=layers.LeakyReLU(), use_bias=False, **options
                ),
                lambda: layers.DepthwiseConv2D(
                    self.window(), activation=self.activation(), **options
                ),
                lambda: layers.SeparableConv2D(4, square, activation=self.activation(), **options),
                lambda: layers.Conv2DTranspose(
                    3, draw.randint(2, 3), strides=draw.randint(1, 2), padding=options["padding"]
                ),
                lambda: layers.MaxPooling2D(self.window(), **pooling),
                lambda: layers.AveragePooling2D(self.window(), **pooling),
            ]
        )()

    def cellwise(self) -> layers.Layer:
        """Draw a layer that keeps or moves the cells."""
        draw = self.random
        margins = ((draw.randint(0, 2), draw.randint(0, 2)), (draw.randint(0, 1), 1))
        return draw.choice(
            [
                lambda: layers.BatchNormalization(),
                lambda: layers.LayerNormalization(),
                lambda: layers.Activation(self.activation()),
                lambda: layers.LeakyReLU() if self.is_smooth else layers.ReLU(max_value=6),
                lambda: layers.PReLU(shared_axes=[1, 2]),
                lambda: layers.ELU(),
                lambda: layers.Dropout(0.5),
                lambda: layers.Identity(),
                lambda: layers.Rescaling(0.5, 0.1),
                lambda: layers.Dense(4, activation=self.activation()),
                lambda: layers.ZeroPadding2D(margins),
                lambda: layers.Cropping2D(margins),
                lambda: layers.UpSampling2D(2, interpolation=draw.choice(["nearest", "bilinear"])),
            ]
        )()

    def fitting(self, shape: tuple[int, ...]) -> layers.Layer:
        """Draw a layer that can take maps of a shape and returns neither tiny nor large ones."""
        while True:
            layer = self.random.choice([self.windowed, self.cellwise])()
            try:
                height, width = layer.compute_output_shape((None, *shape))[1:3]
            except (ValueError, TypeError):
                continue
            if min(height, width) >= 4 and max(height, width) <= MAX_LENGTH:
                return layer

    def keeping(self, channels: int) -> layers.Layer:
        """Draw a layer that keeps the shape of its input."""
        return self.random.choice(
            [
                lambda: layers.Conv2D(channels, 3, padding="same", activation=self.activation()),
                lambda: layers.DepthwiseConv2D(3, padding="same", dilation_rate=2),
                lambda: layers.BatchNormalization(),
                lambda: layers.Dropout(0.1),
            ]
        )()

    def stage(self, x: Any) -> Any:
        """Append one random stage to a symbolic tensor."""
        draw, shape = self.random, tuple(x.shape[1:])
        channels = shape[-1]

        def residual() -> Any:
            return layers.Add()([x, self.keeping(channels)(x)])

        def branches() -> Any:
            keep = layers.Conv2D(3, 1, activation=self.activation())
            return layers.Concatenate()([keep(x), self.keeping(channels)(x), x])

        def squeeze() -> Any:
            gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
            gate = layers.Conv2D(channels, 1, activation="sigmoid")(gate)
            return layers.Multiply()([x, gate])

        def nested() -> Any:
            inner = keras.Sequential([keras.Input(shape), self.keeping(channels)])
            source = keras.Input(shape)
            outer = keras.Model(source, inner(self.keeping(channels)(source)))
            return outer(outer(x)) if draw.random() < 0.5 else outer(x)

        def reused() -> Any:
            layer = layers.Conv2D(channels, (3, 2), padding="same", activation=self.activation())
            return layer(layer(x))

        stages: list[Callable[[], Any]] = [
            residual,
            branches,
            squeeze,
            nested,
            reused,
            lambda: Residual(channels, self.activation())(x),
            lambda: layers.GroupNormalization(1)(x),
            lambda: ops.add(ops.multiply(x, 0.5), self.keeping(channels)(x)),
            lambda: x * 2.0 + ops.softplus(x),
        ]
        plain = draw.random() < 0.6
        return self.fitting(shape)(x) if plain else draw.choice(stages)()

    def head(self) -> list[layers.Layer]:
        """Draw the layers from maps to classes."""
        classes = self.random.randint(2, 5)
        return self.random.choice(
            [
                [layers.Flatten(), layers.Dense(classes, activation="softmax")],
                [layers.GlobalAveragePooling2D(), layers.Dense(classes)],
                [layers.GlobalAveragePooling2D(), layers.Dense(classes), layers.Softmax()],
                [layers.Flatten(), layers.Dense(1, activation="sigmoid")],
                [layers.Conv2D(classes, 1), layers.GlobalAveragePooling2D(), layers.Dropout(0.2)],
            ]
        )


def random_model(seed: int, *, is_smooth: bool = False) -> keras.Model:
    """Build a random model with random weights.

    Args:
        seed: the same seed builds the same model.
        is_smooth: whether every cell is to have a gradient for every pixel that it depends on.
    """
    keras.utils.set_random_seed(seed)
    random = Random(seed)
    builder = Builder(random, is_smooth)
    shape = (random.randint(8, 16), random.randint(8, 16), random.randint(1, 3))
    source = keras.Input(shape)
    x = layers.Conv2D(4, 3, padding="same", activation=builder.activation())(source)
    for _ in range(random.randint(3, 7)):
        x = builder.stage(x)
    if seed % 3 == 0:
        body = keras.Model(source, x)
        head = builder.head()
        model = Subclassed([body], head, layers.Activation(builder.activation()))
        model(np.zeros((1, *shape), np.float32))
    else:
        for layer in builder.head():
            x = layer(x)
        model = keras.Model(source, x)
    randomize(model, seed)
    return model


def randomize(model: keras.Model, seed: int) -> None:
    """Replace zeros and ones, such as of biases, by random weights; variances stay positive."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        value = np.asarray(weight)
        if weight.name in ("gamma", "moving_variance", "alpha"):
            weight.assign(generator.uniform(0.5, 1.5, value.shape))
        elif "kernel" not in weight.name and value.dtype == np.float32:
            weight.assign(generator.normal(0, 0.2, value.shape))
