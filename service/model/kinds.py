"""The registry of Keras layer kinds: what a bundle can hold, and what is known about each kind.

A kind is added here, as one entry of `KINDS` or `OTHER_KINDS`: `training export`, receptive fields
and explanations read the registry. Only a kind that can be explained also needs a family, with its
function in `service/model/explain/`. Imports the standard library alone.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Padding = Literal["valid", "same"]
Family = Literal["convolution", "max_pooling", "average_pooling", "flatten", "dense"]
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

# Softmax is the only activation function that also needs the other channels.
SOFTMAX = "softmax"
ELEMENTWISE_ACTIVATIONS: dict[str, Callable[[float], float]] = {
    "linear": lambda x: x,
    "relu": lambda x: max(x, 0.0),
    "tanh": math.tanh,
    "sigmoid": lambda x: (1 + math.tanh(x / 2)) / 2,  # 1 / (1 + exp(-x)) overflows far below 0
}
ACTIVATIONS = (*ELEMENTWISE_ACTIVATIONS, SOFTMAX)


class UnknownKind(ValueError):
    """A layer kind is not in the registry; the message names it and the known kinds."""


@dataclass(frozen=True)
class LayerKind:
    """A Keras layer class.

    Attributes:
        name: the class's name, as in the manifest.
        reading: which part of its inputs a cell depends on.
        window: the Keras attribute that holds the window's size; None for a kind that slides no
            window.
    """

    name: str
    reading: Reading = "whole"
    window: str | None = None


@dataclass(frozen=True)
class Kind(LayerKind):
    """A Keras layer class whose values can be explained.

    Attributes:
        family: selects the function that explains the layer's values.
        input_rank: the number of input axes (without the batch) that `export` accepts; None: any.
        configuration: the values that `export` accepts, by Keras's name; other names may have any
            value.
    """

    family: Family = "dense"
    input_rank: int | None = None
    configuration: Mapping[str, object] = field(default_factory=dict)


_CHANNELS_LAST: dict[str, object] = {"data_format": "channels_last"}

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "Conv2D",
            "window",
            "kernel_size",
            "convolution",
            configuration={**_CHANNELS_LAST, "dilation_rate": (1, 1), "groups": 1},
        ),
        Kind("MaxPooling2D", "window", "pool_size", "max_pooling", configuration=_CHANNELS_LAST),
        Kind(
            "AveragePooling2D",
            "window",
            "pool_size",
            "average_pooling",
            configuration=_CHANNELS_LAST,
        ),
        Kind("Flatten", family="flatten", configuration=_CHANNELS_LAST),
        # on maps, Keras applies a Dense to each cell
        Kind("Dense", "cell", family="dense", input_rank=1),
    )
}

_NAMES: dict[Reading, tuple[str, ...]] = {
    "cell": (
        *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU"),
        *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"),
        *("BatchNormalization", "Normalization", "Rescaling"),
        # what regularises in training, and passes its input on in inference
        *("Identity", "Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout"),
        *("GaussianNoise", "ActivityRegularization", "RandomFlip", "RandomRotation"),
        *("RandomTranslation", "RandomZoom", "RandomContrast", "RandomBrightness"),
        # functions of keras.ops in a functional model
        *("ops>Relu", "ops>Relu6", "ops>LeakyRelu", "ops>Elu", "ops>Selu", "ops>Celu"),
        *("ops>Gelu", "ops>Silu", "ops>Sigmoid", "ops>HardSigmoid", "ops>HardSilu", "ops>Tanh"),
        *("ops>Softplus", "ops>Softsign", "ops>Divide", "ops>TrueDivide", "ops>Power"),
        *("ops>Square", "ops>Sqrt", "ops>Exp", "ops>Log", "ops>Negative", "ops>Absolute"),
    ),
    "channels": (
        *("Concatenate", "Softmax"),
        *("LayerNormalization", "RMSNormalization", "UnitNormalization"),
    ),
    "padding": ("ZeroPadding2D",),
    "cropping": ("Cropping2D",),
    "upsampling": ("UpSampling2D",),
}
# The kinds that have no explanation yet. A layer of a kind in neither table reads everything.
OTHER_KINDS: dict[str, LayerKind] = {
    kind.name: kind
    for kind in (
        LayerKind("DepthwiseConv2D", "window", "kernel_size"),
        LayerKind("SeparableConv2D", "window", "kernel_size"),
        LayerKind("Conv2DTranspose", "transposed_window", "kernel_size"),
        *(LayerKind(name, reading) for reading, names in _NAMES.items() for name in names),
    )
}


def layer_kind(name: str) -> LayerKind:
    """Return the kind of that name; one that reads its whole input where it is not registered."""
    return KINDS.get(name) or OTHER_KINDS.get(name) or LayerKind(name)


def kind_of(name: str) -> Kind:
    """Return the kind of that name, whose values can be explained.

    Raises:
        UnknownKind: the registry has no such kind.
    """
    try:
        return KINDS[name]
    except KeyError:
        raise UnknownKind(
            f"unknown layer kind {name!r}; the known kinds are {', '.join(KINDS)}"
        ) from None


def has_kernels(name: str) -> bool:
    """Return whether the values of a kind, known or not, are feature maps computed by kernels."""
    return "Conv" in name


@dataclass(frozen=True)
class SlidingWindow:
    """A layer's window along one axis of its input (rows or columns).

    Attributes:
        size: the number of cells that it covers.
        stride: the distance between neighbouring positions.
        padding: the number of padding cells before the first cell.
    """

    size: int
    stride: int
    padding: int

    def input_range(self, start: int, stop: int) -> tuple[int, int]:
        """Return the range of input cells that a range of output cells depends on.

        Args:
            start: the first output cell.
            stop: one after the last output cell.

        Returns:
            The first input cell and one after the last. Cells below 0 and beyond the input's
            length are padding.
        """
        first = start * self.stride - self.padding
        last = (stop - 1) * self.stride - self.padding
        return first, last + self.size


def sliding_windows(
    size: Sequence[int],
    strides: Sequence[int],
    padding: Padding,
    input_shape: Sequence[int],
    output_shape: Sequence[int],
) -> tuple[SlidingWindow, SlidingWindow]:
    """Return a layer's window along rows and along columns.

    Args:
        size: height and width of the window.
        strides: along rows and along columns.
        padding: Keras's name of the padding rule.
        input_shape: (H, W, C).
        output_shape: (H, W, C).

    Raises:
        ValueError: the padding rule is neither "valid" nor "same".
    """
    rows, columns = (
        SlidingWindow(
            size[axis],
            strides[axis],
            _padding(padding, size[axis], strides[axis], input_shape[axis], output_shape[axis]),
        )
        for axis in (0, 1)
    )
    return rows, columns


def _padding(rule: Padding, size: int, stride: int, inputs: int, outputs: int) -> int:
    """Return the number of padding cells before the first of `inputs` cells."""
    match rule:
        case "valid":
            return 0
        case "same":
            # Keras pads as little as the number of outputs needs, and puts an odd cell at the end.
            covered = (outputs - 1) * stride + size
            return max(covered - inputs, 0) // 2
    raise ValueError(f"unknown padding {rule!r}; the known ones are 'valid' and 'same'")


@dataclass(frozen=True)
class ReceptiveField:
    """The part of the input that one cell depends on, in input pixels, per axis (rows, columns).

    Cell i of an axis depends on `size` pixels, the first of which is `start + i * step`. Pixels
    below 0 or beyond the input are padding. (Araujo et al., Distill 2019.)
    """

    size: tuple[int, int]
    step: tuple[int, int]
    start: tuple[int, int]

    def through(self, windows: tuple[SlidingWindow, SlidingWindow]) -> "ReceptiveField":
        """Return the receptive field after one more layer with these windows."""
        axes = [
            (
                size + (window.size - 1) * step,
                step * window.stride,
                start - window.padding * step,
            )
            for size, step, start, window in zip(
                self.size, self.step, self.start, windows, strict=True
            )
        ]
        (height, row_step, top), (width, column_step, left) = axes
        return ReceptiveField((height, width), (row_step, column_step), (top, left))


PIXEL = ReceptiveField(size=(1, 1), step=(1, 1), start=(0, 0))  # of the input itself
