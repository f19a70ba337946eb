"""The registry of Keras layer kinds: what is known about each layer class that a bundle can hold.

A kind is added here, as one entry of `KINDS`: `training export`, receptive fields, explanations and
the table of supported layers in the documentation read the registry. Its family names the function
in `service/model/explain/` that explains it. Neighbours with the same explanation are one row of
the table. Imports the standard library alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

INPUT = "input"  # the name of the model's input among a layer's inputs

# How a cell of a layer reads the layer's inputs:
#   cell: the same cell of each; a smaller input is broadcast
#   channels: the same cell, where the configuration's `axis` is the last one; else everything
#   window, transposed_window: the cells that a kernel or pooling window covers
#   padding, cropping, upsampling: one cell, moved or scaled
#   whole: everything
Reading = Literal[
    "cell",
    "channels",
    "window",
    "transposed_window",
    "padding",
    "cropping",
    "upsampling",
    "whole",
]
Family = Literal[
    "convolution",
    "separable_convolution",
    "transposed_convolution",
    "dense",
    "max_pooling",
    "average_pooling",
    "batch_normalisation",
    "affine",
    "copy",
    "upsampling",
    "merge",
]


@dataclass(frozen=True)
class LayerKind:
    """A Keras layer class, or a function of `keras.ops`.

    Attributes:
        name: the class's name, as in the manifest.
        reading: which part of its inputs a cell depends on.
        family: selects the function that explains its values; None: they are not explained.
        window: the Keras attribute that holds the window's size; None for a kind that slides no
            window.
        weights: the names of the weights, or entries of the configuration, that an explanation
            needs.
        inputs: the least and the largest number of inputs.
        rank: the number of axes (without the batch) of the input of an explained layer; None: any.
        configuration: the values with which the layer is explained, by Keras's name; other names
            may have any value.
    """

    name: str
    reading: Reading = "whole"
    family: Family | None = None
    window: str | None = None
    weights: tuple[str, ...] = ()
    inputs: tuple[int, int] = (1, 1)
    rank: int | None = None
    configuration: Mapping[str, tuple[object, ...]] = field(default_factory=dict)


_LAST: dict[str, tuple[object, ...]] = {"data_format": ("channels_last",)}
_ANY_NUMBER = 1_000
_MERGED = (2, _ANY_NUMBER)
_SIZE, _POOL = "kernel_size", "pool_size"

_WINDOWS = (
    *(
        LayerKind(name, "window", "convolution", _SIZE, ("kernel",), rank=3, configuration=_LAST)
        for name in ("Conv2D", "DepthwiseConv2D")
    ),
    LayerKind(
        "Conv2DTranspose",
        "transposed_window",
        "transposed_convolution",
        _SIZE,
        ("kernel",),
        rank=3,
        configuration=_LAST,
    ),
    LayerKind(
        "SeparableConv2D",
        "window",
        "separable_convolution",
        _SIZE,
        ("depthwise_kernel", "pointwise_kernel"),
        rank=3,
        configuration=_LAST,
    ),
    LayerKind("MaxPooling2D", "window", "max_pooling", _POOL, rank=3, configuration=_LAST),
    LayerKind("GlobalMaxPooling2D", family="max_pooling", rank=3, configuration=_LAST),
    LayerKind("AveragePooling2D", "window", "average_pooling", _POOL, rank=3, configuration=_LAST),
    LayerKind("GlobalAveragePooling2D", family="average_pooling", rank=3, configuration=_LAST),
)
_CELLS = (
    # on maps, Keras applies a Dense to each cell
    LayerKind("Dense", "cell", "dense", weights=("kernel",)),
    # the two probabilities of a model that ends in one sigmoid; a Dense whose weights are 1 and −1
    LayerKind("Probabilities", "cell", "dense", weights=("kernel",), rank=1),
    LayerKind(
        "BatchNormalization",
        "channels",
        "batch_normalisation",
        weights=("moving_mean", "moving_variance"),
    ),
    LayerKind(
        "Normalization",
        "cell",
        "affine",
        weights=("mean", "variance"),
        configuration={"invert": (False,)},
    ),
    LayerKind("Rescaling", "cell", "affine"),
)
_MOVES = (
    LayerKind("Flatten", family="copy", configuration=_LAST),
    LayerKind("Reshape", family="copy"),
    LayerKind("Permute", family="copy"),
    LayerKind("Concatenate", "channels", "copy", inputs=(1, _ANY_NUMBER)),
    LayerKind("ZeroPadding2D", "padding", "copy", rank=3, configuration=_LAST),
    LayerKind("Cropping2D", "cropping", "copy", rank=3, configuration=_LAST),
    LayerKind(
        "UpSampling2D",
        "upsampling",
        "upsampling",
        rank=3,
        configuration={**_LAST, "interpolation": ("nearest", "bilinear")},
    ),
)
_MERGES = ("Add", "Multiply", "Average", "Maximum", "Minimum")
# layers and functions that pass a value on, changed by their activation function alone
_ACTIVATION_LAYERS = ("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU")
_ACTIVATION_FUNCTIONS = (
    *("ops>Relu", "ops>Relu6", "ops>LeakyRelu", "ops>Elu", "ops>Selu", "ops>Celu", "ops>Gelu"),
    *("ops>Silu", "ops>Sigmoid", "ops>LogSigmoid", "ops>HardSigmoid", "ops>HardSilu"),
    *("ops>HardTanh", "ops>HardShrink", "ops>SoftShrink", "ops>TanhShrink", "ops>Tanh"),
    *("ops>Softplus", "ops>Softsign"),
)
# what regularises in training, and passes its input on in inference
_PASSING = (
    *("Identity", "Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout"),
    *("GaussianNoise", "ActivityRegularization", "RandomFlip", "RandomRotation"),
    *("RandomTranslation", "RandomZoom", "RandomContrast", "RandomBrightness"),
)
_UNEXPLAINED: dict[Reading, tuple[str, ...]] = {
    "cell": (
        *("ops>Divide", "ops>TrueDivide", "ops>Power", "ops>Square", "ops>Sqrt", "ops>Exp"),
        *("ops>Log", "ops>Negative", "ops>Absolute"),
    ),
    "channels": ("LayerNormalization", "RMSNormalization", "UnitNormalization"),
    "whole": (
        *("GroupNormalization", "SpectralNormalization", "MultiHeadAttention", "Attention"),
        *("GroupQueryAttention", "AdditiveAttention", "EinsumDense", "Embedding", "Resizing"),
    ),
}

KINDS: dict[str, LayerKind] = {
    kind.name: kind
    for kind in (
        *(*_WINDOWS, *_CELLS, *_MOVES),
        *(LayerKind(name, "cell", "merge", inputs=_MERGED) for name in _MERGES),
        LayerKind("Subtract", "cell", "merge", inputs=(2, 2)),
        *(LayerKind(name, "cell", "copy") for name in _ACTIVATION_LAYERS),
        LayerKind("Softmax", "channels", "copy"),
        *(LayerKind(name, "cell", "copy") for name in (*_ACTIVATION_FUNCTIONS, *_PASSING)),
        *(LayerKind(name, reading) for reading, names in _UNEXPLAINED.items() for name in names),
    )
}


def layer_kind(name: str) -> LayerKind:
    """Return the kind of that name; one that reads its whole input where it is not registered."""
    return KINDS.get(name) or LayerKind(name)


def has_kernels(name: str) -> bool:
    """Return whether the values of a kind, known or not, are feature maps computed by kernels."""
    return "Conv" in name
