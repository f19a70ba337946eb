"""The explanations: what `explain` returns for each kind of layer.

Every explanation serialises to JSON without conversion: only numbers, strings, None, lists and
dataclasses. Numbers are the float32 values exactly, so that multiplying them again gives the same
products.
"""

from dataclasses import dataclass
from typing import Literal

DIGIT = "digit"  # the name of the first layer's input
Grid = list[list[float]]  # rows × columns


@dataclass(frozen=True)
class Cell:
    """One value of a layer, or one pixel of the digit.

    Attributes:
        layer: a layer's name, or "digit".
        channel: from 0; the unit's index in a layer without rows and columns.
        row, column: from 0; None in a layer without them.
    """

    layer: str
    channel: int
    row: int | None = None
    column: int | None = None

    @property
    def index(self) -> tuple[int, ...]:
        """Return the cell's index in its layer's values."""
        if self.row is None or self.column is None:
            return (self.channel,)
        return (self.row, self.column, self.channel)


@dataclass(frozen=True)
class Region:
    """A rectangle of cells, or of pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Window(Region):
    """A rectangle that may extend into padding: above row 0, left of column 0, or beyond the end.

    Attributes:
        inside: the part that holds cells of the input which can influence the result.
    """

    inside: Region


@dataclass(frozen=True, kw_only=True)
class Trace:
    """The fields that the explanations of all kinds of layer have.

    Attributes:
        kind: the layer's kind; it determines the further fields.
        cell: the cell that is explained.
        input: name of the layer before, whose `post` values are the terms; "digit" for the first.
        receptive_field: the pixels of the digit that the cell depends on; all of them from the
            first Flatten on.
        pre: the result of the arithmetic, before the activation function.
        value: the graph's own value of that cell before the activation function.
        difference: |pre − value|, the rounding error of float32.
        activation: name of the activation function; "linear" where there is none.
        post: the activation function of `pre`.
    """

    kind: str
    cell: Cell
    input: str
    receptive_field: Window
    pre: float
    value: float
    difference: float
    activation: str
    post: float


@dataclass(frozen=True, kw_only=True)
class WindowTrace(Trace):
    """The fields that the explanations of layers with a sliding window add.

    Attributes:
        window: the cells of the layer before that the cell depends on.
        dropped_rows: rows of the layer before that lie beyond the last window, because of the floor
            in O = ⌊(N − F + 2P)/S⌋ + 1.
        dropped_columns: the same for columns.
    """

    window: Window
    dropped_rows: list[int]
    dropped_columns: list[int]


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


@dataclass(frozen=True)
class Softmax:
    """The softmax of a layer's logits: `post` = exponentials[channel] / sum.

    Attributes:
        logits: by channel, the graph's own values; for the cell's own channel, `pre`.
        maximum: the largest logit, subtracted so that no exponential overflows.
        exponentials: exp(logit − maximum) by channel.
        sum: of the exponentials.
    """

    logits: list[float]
    maximum: float
    exponentials: list[float]
    sum: float


@dataclass(frozen=True, kw_only=True)
class ConvolutionTrace(WindowTrace):
    """pre = the sum of all contributions + bias. `terms` holds every input channel, in order."""

    kind: Literal["Conv2D"]
    terms: list[ChannelTerm]
    bias: float
    softmax: Softmax | None


@dataclass(frozen=True, kw_only=True)
class MaxPoolingTrace(WindowTrace):
    """pre = the largest of `patch`, the values in `window.inside`; `winner` its first cell."""

    kind: Literal["MaxPooling2D"]
    patch: Grid
    winner: Cell


@dataclass(frozen=True, kw_only=True)
class AveragePoolingTrace(WindowTrace):
    """pre = the mean of `patch`, the `count` values in `window.inside`."""

    kind: Literal["AveragePooling2D"]
    patch: Grid
    count: int


@dataclass(frozen=True, kw_only=True)
class FlattenTrace(Trace):
    """pre = the value of the cell `source`: Flatten computes nothing."""

    kind: Literal["Flatten"]
    source: Cell


@dataclass(frozen=True)
class DenseTerm:
    """The contribution of one input to a unit.

    Attributes:
        index: of the input, in the layer before.
        source: the cell that holds the input; where the layer before is a Flatten, the cell that
            the Flatten copies.
        value: the input.
        weight: its weight.
        contribution: value × weight.
    """

    index: int
    source: Cell
    value: float
    weight: float
    contribution: float


@dataclass(frozen=True, kw_only=True)
class DenseTrace(Trace):
    """pre = the contributions of `terms` + rest + bias.

    Attributes:
        terms: the inputs with the largest |contribution|, largest first.
        count: the number of all inputs, those in `terms` included.
        rest: the sum of all other contributions.
    """

    kind: Literal["Dense"]
    terms: list[DenseTerm]
    count: int
    rest: float
    bias: float
    softmax: Softmax | None


Explanation = ConvolutionTrace | MaxPoolingTrace | AveragePoolingTrace | FlattenTrace | DenseTrace
