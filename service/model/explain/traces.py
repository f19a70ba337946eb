"""The explanations: what `explain` returns for each kind of layer.

Every explanation serialises to JSON without conversion: only numbers, strings, None, lists and
dataclasses. Numbers are the float32 values exactly, so that multiplying them again gives the same
products. The first lines of these docstrings are the arithmetic in the table of supported layers.
"""

from dataclasses import dataclass
from typing import Literal

from service.model.explain.cells import Cell, Grid
from service.model.explain.trace import Trace, WindowTrace


@dataclass(frozen=True)
class ChannelTerm:
    """The contribution of one input channel to a convolution.

    Attributes:
        channel: of the layer before.
        patch: its values in the window; padding is 0.
        kernel: the kernel's slice for this channel.
        products: patch × kernel, element by element.
        contribution: the sum of the products.
    """

    channel: int
    patch: Grid
    kernel: Grid
    products: Grid
    contribution: float


@dataclass(frozen=True, kw_only=True)
class ConvolutionTrace(WindowTrace):
    """`pre` = the contributions of `terms` + rest + bias; a contribution is Σ patch × kernel.

    Attributes:
        rows, columns: of the layer before, that the rows and columns of the patches hold; those
            below 0 or beyond the end are padding.
        kernel_rows, kernel_columns: of the whole kernel, that the rows and columns of the terms'
            kernels are.
        terms: of every input channel of the cell's group, in order; with `top`, those with the
            largest |contribution|, largest first.
        count: the number of all input channels.
        rest: the sum of the contributions that `terms` leaves out.
        bias: of the cell's channel; 0 in a layer without biases.
    """

    kind: Literal["Conv2D", "DepthwiseConv2D", "Conv2DTranspose"]
    rows: list[int]
    columns: list[int]
    kernel_rows: list[int]
    kernel_columns: list[int]
    terms: list[ChannelTerm]
    count: int
    rest: float
    bias: float


@dataclass(frozen=True)
class SeparableTerm(ChannelTerm):
    """The contribution of one channel of the depthwise result.

    `contribution` = the sum of the products × `weight`.

    Attributes:
        depthwise_channel: of the depthwise result.
        depthwise: the sum of the products, its value.
        weight: of the pointwise convolution.
    """

    depthwise_channel: int
    depthwise: float
    weight: float


@dataclass(frozen=True, kw_only=True)
class SeparableConvolutionTrace(WindowTrace):
    """`pre` = the contributions of `terms` + rest + bias; each is (Σ patch × kernel) × weight.

    Attributes:
        rows, columns, terms, count, rest, bias: as of a `ConvolutionTrace`; one term for each
            channel of the depthwise result.
    """

    kind: Literal["SeparableConv2D"]
    rows: list[int]
    columns: list[int]
    terms: list[SeparableTerm]
    count: int
    rest: float
    bias: float


@dataclass(frozen=True, kw_only=True)
class MaxPoolingTrace(WindowTrace):
    """`pre` = the largest of `patch`, the values in `window.inside`; `winner` is its first cell."""

    kind: Literal["MaxPooling2D", "GlobalMaxPooling2D"]
    patch: Grid
    winner: Cell


@dataclass(frozen=True, kw_only=True)
class AveragePoolingTrace(WindowTrace):
    """`pre` = the mean of `patch`, the `count` values in `window.inside`; padding is left out."""

    kind: Literal["AveragePooling2D", "GlobalAveragePooling2D"]
    patch: Grid
    count: int


@dataclass(slots=True)
class WeightedCell:
    """The contribution of one cell.

    Attributes:
        source: the cell that holds the value.
        value: of the cell.
        weight: its weight.
        contribution: value × weight.
    """

    source: Cell
    value: float
    weight: float
    contribution: float


@dataclass(slots=True)
class DenseTerm(WeightedCell):
    """The contribution of one input to a unit.

    `source` is the cell that holds the input, seen through layers that only copy it, such as
    Flatten.

    Attributes:
        index: of the input, in the layer before.
    """

    index: int


@dataclass(frozen=True, kw_only=True)
class DenseTrace(Trace):
    """`pre` = the contributions of `terms` + rest + bias; a contribution is value × weight.

    Attributes:
        terms: the inputs with the largest |contribution|, largest first.
        count: the number of all inputs, those in `terms` included.
        rest: the sum of all other contributions.
        bias: of the unit; 0 in a layer without biases.
    """

    kind: Literal["Dense", "Probabilities"]
    terms: list[DenseTerm]
    count: int
    rest: float
    bias: float


@dataclass(frozen=True, kw_only=True)
class UpSamplingTrace(Trace):
    """`pre` = the contributions of `terms`, the nearest cells; a contribution is value × weight."""

    kind: Literal["UpSampling2D"]
    terms: list[WeightedCell]


@dataclass(frozen=True, kw_only=True)
class BatchNormalizationTrace(Trace):
    """`pre` = gamma × (x − mean) / √(variance + epsilon) + beta, with x the value of `source`."""

    kind: Literal["BatchNormalization"]
    source: Cell
    x: float
    mean: float
    variance: float
    epsilon: float
    gamma: float
    beta: float


@dataclass(frozen=True, kw_only=True)
class AffineTrace(Trace):
    """`pre` = x × scale + offset, with x the value of `source`."""

    kind: Literal["Rescaling", "Normalization"]
    source: Cell
    x: float
    scale: float
    offset: float


@dataclass(frozen=True)
class Operand:
    """A value that a merge combines.

    Attributes:
        source: its cell.
        value: of the cell.
    """

    source: Cell
    value: float


@dataclass(frozen=True, kw_only=True)
class MergeTrace(Trace):
    """`pre` = the sum, difference, product, mean, maximum or minimum of the operands' values.

    Attributes:
        operands: one of each input, in order.
        winner: the first operand with the largest (smallest) value; None for other kinds.
    """

    kind: Literal["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]
    operands: list[Operand]
    winner: Cell | None


CopyKind = Literal[
    "Flatten", "Reshape", "Permute", "Concatenate", "ZeroPadding2D", "Cropping2D",
    "Identity", "Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise",
    "ActivityRegularization", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom",
    "RandomContrast", "RandomBrightness",
    "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax",
    "ops>Relu", "ops>Relu6", "ops>LeakyRelu", "ops>Elu", "ops>Selu", "ops>Celu", "ops>Gelu",
    "ops>Silu", "ops>Sigmoid", "ops>LogSigmoid", "ops>HardSigmoid", "ops>HardSilu",
    "ops>HardTanh", "ops>HardShrink", "ops>SoftShrink", "ops>TanhShrink", "ops>Tanh",
    "ops>Softplus", "ops>Softsign",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CopyTrace(Trace):
    """`pre` = the value of the cell `source`; only the activation function, if any, changes it.

    Attributes:
        source: None in the padding, whose value is 0.
    """

    kind: CopyKind
    source: Cell | None


Explanation = (
    ConvolutionTrace
    | SeparableConvolutionTrace
    | MaxPoolingTrace
    | AveragePoolingTrace
    | DenseTrace
    | UpSamplingTrace
    | BatchNormalizationTrace
    | AffineTrace
    | MergeTrace
    | CopyTrace
)
