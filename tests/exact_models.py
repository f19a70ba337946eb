"""Models with every explained kind of layer, and bundles of them without compiled graphs."""

from dataclasses import dataclass
from pathlib import Path

import keras
import msgspec
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from service.model.bundle import Bundle
from service.model.explain.cells import cell_at
from service.model.explain.explain import explain
from service.model.explain.traces import Explanation
from service.model.layer import INPUT, Layer, LayerValues
from service.model.manifest import GRAPH, Graph, Graphs, Input, Output
from tests.exact_oracle import Float64Layers
from tests.training.random_models import randomize
from training.bundling import weights_of
from training.layers import described, output_of
from training.tracing import Trace, trace

SHAPE = (9, 8, 4)
LAYERS = {
    "conv": lambda: layers.Conv2D(3, (3, 2), activation="relu"),
    "conv_same": lambda: layers.Conv2D(3, 4, strides=(2, 3), padding="same", activation="gelu"),
    "conv_dilated": lambda: layers.Conv2D(
        4, (3, 2), dilation_rate=(2, 3), padding="same", groups=2, activation="softmax"
    ),
    "conv_leaky": lambda: layers.Conv2D(2, 1, activation=layers.LeakyReLU(0.3), use_bias=False),
    "depthwise": lambda: layers.DepthwiseConv2D(3, strides=2, padding="same", activation="silu"),
    "depthwise_twice": lambda: layers.DepthwiseConv2D(3, dilation_rate=2, depth_multiplier=2),
    "separable": lambda: layers.SeparableConv2D(5, 3, strides=2, padding="same"),
    "separable_twice": lambda: layers.SeparableConv2D(
        2, 3, depth_multiplier=2, activation="elu", use_bias=False
    ),
    "transpose": lambda: layers.Conv2DTranspose(2, 3, strides=2, activation="tanh"),
    "transpose_same": lambda: layers.Conv2DTranspose(2, (4, 2), strides=(2, 3), padding="same"),
    "transpose_gaps": lambda: layers.Conv2DTranspose(2, 2, strides=3, use_bias=False),
    "transpose_longer": lambda: layers.Conv2DTranspose(2, 3, strides=2, output_padding=1),
    "max": lambda: layers.MaxPooling2D((3, 2), strides=2, padding="same"),
    "average": lambda: layers.AveragePooling2D(3, strides=2, padding="same"),
    "global_max": lambda: layers.GlobalMaxPooling2D(),
    "global_average": lambda: layers.GlobalAveragePooling2D(keepdims=True),
    "dense_on_maps": lambda: layers.Dense(3, activation="softplus"),
    "batch": lambda: layers.BatchNormalization(epsilon=0.01),
    "batch_plain": lambda: layers.BatchNormalization(center=False, scale=False),
    "rescaling": lambda: layers.Rescaling([1.0, 2.0, 3.0, 4.0], -0.5),
    "normalization": lambda: layers.Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[1, 2, 3, 4]),
    "pad": lambda: layers.ZeroPadding2D(((1, 2), (0, 3))),
    "crop": lambda: layers.Cropping2D(((1, 2), (0, 3))),
    "reshape": lambda: layers.Reshape((8, 9, 4)),
    "reshape_rows": lambda: layers.Reshape((24, 12)),
    "permute": lambda: layers.Permute((3, 1, 2)),
    "flatten": lambda: layers.Flatten(),
    "nearest": lambda: layers.UpSampling2D((2, 3)),
    "bilinear": lambda: layers.UpSampling2D((2, 3), interpolation="bilinear"),
    "softmax": lambda: layers.Softmax(),
    "relu6": lambda: layers.ReLU(6, negative_slope=0.1, threshold=0.2),
    "prelu": lambda: layers.PReLU(shared_axes=[1, 2]),
    "leaky": lambda: layers.LeakyReLU(0.4),
    "elu_layer": lambda: layers.ELU(0.7),
    "dropout": lambda: layers.Dropout(0.5),
    "identity": lambda: layers.Identity(),
    **{
        name: lambda name=name: layers.Activation(name)
        for name in (
            *("relu", "relu6", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "mish"),
            *("sigmoid", "log_sigmoid", "hard_sigmoid", "hard_silu", "tanh", "hard_tanh"),
            *("tanh_shrink", "hard_shrink", "soft_shrink", "softplus", "softsign", "exponential"),
        )
    },
}
MERGES = {
    "add": layers.Add, "subtract": layers.Subtract, "multiply": layers.Multiply,
    "mean": layers.Average, "largest": layers.Maximum, "smallest": layers.Minimum,
}  # fmt: skip


def model_of_every_kind() -> keras.Model:
    """Build a model whose layers all take the same maps; those of LAYERS have these names."""
    keras.utils.set_random_seed(5)
    image = keras.Input(SHAPE)
    # negative values too, for the activation functions
    x = layers.Conv2D(4, 3, padding="same", activation=None, name="maps")(image)
    other = layers.Conv2D(4, 3, padding="same", name="other")(image)
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="gate")(x)
    outputs = []
    for name, build in LAYERS.items():
        layer = build()
        layer.name = f"{name}_"
        outputs.append(layer(x))
    for name, kind in MERGES.items():
        outputs.append(kind(name=name)([x, other]))
        outputs.append(kind(name=f"{name}_gate")([gate, x]))
    shared = layers.Conv2D(4, 3, name="shared")
    outputs.append(shared(shared(x)))
    outputs += [
        layers.Add(name="three")([x, other, x]),
        layers.Concatenate(name="channels")([x, other, x]),
        layers.Concatenate(axis=1, name="rows")([x, other]),
        layers.Concatenate(axis=-2, name="columns")([x, other]),
        ops.relu6(x),
        ops.leaky_relu(x, 0.3),
        ops.hard_shrink(x, 0.2),
        ops.minimum(x, ops.maximum(x, other)),
    ]
    flat = [layers.Flatten()(output) for output in outputs]
    y = layers.Concatenate(name="everything")(flat)
    model = keras.Model(image, layers.Dense(3, activation="softmax", name="classes")(y))
    randomize(model, 5)
    return model


@dataclass
class Explained:
    """A model, a bundle of it, and the values of one image, float32 without a batch axis.

    Attributes:
        trace: of the model.
        bundle: with its layers and weights, and without graphs.
        pixels: the image.
        values: TensorFlow's.
        oracle: the model's layers in float64.
    """

    trace: Trace
    bundle: Bundle
    pixels: NDArray[np.float32]
    values: LayerValues
    oracle: Float64Layers

    def explain(self, layer: Layer, index: tuple[int, ...], top: int | None = None) -> Explanation:
        """Explain the cell at an index of a layer's values."""
        return explain(self.bundle, self.values, self.pixels, cell_at(layer.name, index), top)

    def expected(self, layer: Layer) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return a layer's values before and after its activation, computed in float64."""
        inputs = [
            self.pixels if name == INPUT else self.values[name, "post"] for name in layer.inputs
        ]
        return self.oracle.pre_and_post(layer.name, [each.astype(np.float64) for each in inputs])


def explained(model: keras.Model, folder: Path, seed: int = 1) -> Explained:
    """Return a model with a bundle of its layers and weights, and the values of an image.

    Args:
        model: built.
        folder: of the bundle.
        seed: of the image, of any numbers from -1 to 1.
    """
    traced = trace(model)
    weights = weights_of(traced)
    objects = described(traced, tuple(range(len(traced.shapes))), weights.keys())
    pixels = np.random.default_rng(seed).uniform(-1, 1, traced.input_shape).astype(np.float32)
    computed = [np.asarray(value)[0] for value in traced.function(pixels[np.newaxis])]
    manifest_layers = tuple(msgspec.convert(msgspec.to_builtins(objects), list[Layer]))
    bundle = Bundle(
        path=folder,
        manifest={},
        name="model",
        version=1,
        sha256="",
        labels=(),
        input=Input(traced.input_shape, "grey", None),
        output=Output(output_of(traced), "softmax"),
        graphs=Graphs("", Graph(GRAPH)),
        layers=manifest_layers,
        golden=(),
        distribution=None,
        features=None,
        weights=weights,
    )
    values = {
        (layer.name, stage): computed[layer.pre if stage == "pre" else layer.post]
        for layer in manifest_layers
        for stage in ("pre", "post")
    }
    return Explained(traced, bundle, pixels, values, Float64Layers(traced))
