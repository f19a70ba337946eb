"""The explanations of cells, as dataclasses with the fields of the service's JSON.

`kinds.py` states which class belongs to which kind of layer.
"""

from dataclasses import dataclass

from convscope_client.cells import Cell, Grid, Window


@dataclass(frozen=True)
class Softmax:
    """The softmax of a layer's logits: post = exponentials[channel] / sum.

    Attributes:
        logits: by channel.
        maximum: the largest logit.
        exponentials: exp(logit − maximum) by channel.
        sum: of the exponentials.
    """

    logits: list[float]
    maximum: float
    exponentials: list[float]
    sum: float


@dataclass(frozen=True, kw_only=True)
class Trace:
    """The fields that the explanations of all kinds of layer have.

    Attributes:
        kind: the layer's kind, such as "Conv2D".
        cell: the explained cell.
        input: the first of `inputs`.
        inputs: names of the layers whose `post` values are the terms; "digit" or "input" for the
            model's input.
        receptive_field: the pixels of the model's input that the cell depends on.
        pre: the result of the arithmetic, before the activation function.
        value: the value that the service's graph computed.
        difference: |pre − value|, the rounding error of float32.
        activation: name of the activation function; "linear" for none.
        activation_parameters: of the activation function, by Keras's names; those that it has by
            default are left out.
        post: the activation function of `pre`.
        softmax: of the layer's channels at the cell's place; None for another activation function.
    """

    kind: str
    cell: Cell
    input: str
    inputs: list[str]
    receptive_field: Window
    pre: float
    value: float
    difference: float
    activation: str
    activation_parameters: dict[str, float]
    post: float
    softmax: Softmax | None


@dataclass(frozen=True, kw_only=True)
class WindowTrace(Trace):
    """The fields that layers with a window add.

    Attributes:
        window: the cells of the layer before that the cell depends on.
        dropped_rows: rows of the layer before that lie beyond the last window.
        dropped_columns: columns of the layer before that lie beyond the last window.
    """

    window: Window
    dropped_rows: list[int]
    dropped_columns: list[int]


@dataclass(frozen=True)
class ChannelTerm:
    """The contribution of one input channel to a convolution.

    Attributes:
        channel: index in the layer before.
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
        rows: of the layer before, that the rows of the patches hold; those below 0 or beyond the
            end are padding.
        columns: the same for columns.
        kernel_rows: of the whole kernel, that the rows of the terms' kernels are.
        kernel_columns: the same for columns.
        terms: of every input channel of the cell's group, in order; with `top`, those with the
            largest |contribution|, largest first.
        count: the number of all input channels.
        rest: the sum of the contributions that `terms` leaves out.
        bias: of the cell's channel; 0 in a layer without biases.
    """

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
    """The contribution of one channel of the depthwise result: the sum of products × weight.

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
    """`pre` = the contributions of `terms` + rest + bias; the fields are those of a convolution."""

    rows: list[int]
    columns: list[int]
    terms: list[SeparableTerm]
    count: int
    rest: float
    bias: float


@dataclass(frozen=True, kw_only=True)
class MaxPoolingTrace(WindowTrace):
    """`pre` = the largest of `patch`, the values in `window.inside`; `winner` is its first cell."""

    patch: Grid
    winner: Cell


@dataclass(frozen=True, kw_only=True)
class AveragePoolingTrace(WindowTrace):
    """`pre` = the mean of `patch`, the `count` values in `window.inside`; padding is left out."""

    patch: Grid
    count: int


@dataclass(frozen=True)
class WeightedCell:
    """The contribution of one cell: value × weight.

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


@dataclass(frozen=True)
class DenseTerm(WeightedCell):
    """The contribution of one input to a unit.

    Attributes:
        index: of the input, in the layer before.
    """

    index: int


@dataclass(frozen=True, kw_only=True)
class DenseTrace(Trace):
    """`pre` = the contributions of `terms` + rest + bias; a contribution is value × weight.

    Attributes:
        terms: the inputs with the largest |contribution|, largest first.
        count: the number of all inputs.
        rest: the sum of the contributions that `terms` leaves out.
        bias: of the unit; 0 in a layer without biases.
    """

    terms: list[DenseTerm]
    count: int
    rest: float
    bias: float


@dataclass(frozen=True, kw_only=True)
class UpSamplingTrace(Trace):
    """`pre` = the contributions of `terms`, the nearest cells; a contribution is value × weight."""

    terms: list[WeightedCell]


@dataclass(frozen=True, kw_only=True)
class BatchNormalizationTrace(Trace):
    """`pre` = gamma × (x − mean) / √(variance + epsilon) + beta, with x the value of `source`."""

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

    source: Cell
    x: float
    scale: float
    offset: float


@dataclass(frozen=True)
class Operand:
    """A value that a merge combines, and its cell."""

    source: Cell
    value: float


@dataclass(frozen=True, kw_only=True)
class MergeTrace(Trace):
    """`pre` = the sum, difference, product, mean, maximum or minimum of the operands' values.

    Attributes:
        operands: one of each input, in order.
        winner: the first operand with the largest (smallest) value; None for other kinds.
    """

    operands: list[Operand]
    winner: Cell | None


@dataclass(frozen=True, kw_only=True)
class CopyTrace(Trace):
    """`pre` = the value of the cell `source`; only the activation function, if any, changes it.

    Attributes:
        source: None in the padding, whose value is 0.
    """

    source: Cell | None


FlattenTrace = CopyTrace  # its name in version 0.1.0
