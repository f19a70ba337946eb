"""The explanation of each kind of layer, as dataclasses: one class per kind in `TRACES`.

The fields are those of the service's JSON; fields that this client does not know are left out.
"""

from dataclasses import dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeAlias, TypeVar, cast, get_args, get_origin, get_type_hints

from convscope_client.errors import UnknownKind

Grid: TypeAlias = list[list[float]]  # rows × columns
T = TypeVar("T")


@dataclass(frozen=True)
class Cell:
    """One value of a layer, or one pixel of the digit.

    Attributes:
        layer: a layer's name, or "digit".
        channel: from 0; the unit's index in a flat layer.
        row: from 0; None in a flat layer.
        column: from 0; None in a flat layer.
    """

    layer: str
    channel: int
    row: int | None
    column: int | None


@dataclass(frozen=True)
class Region:
    """A rectangle of cells, or of pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Window(Region):
    """A rectangle that may extend into padding.

    Attributes:
        inside: its part without padding.
    """

    inside: Region


@dataclass(frozen=True)
class Trace:
    """The fields that the explanations of all kinds of layers have.

    Attributes:
        kind: the layer's kind, such as "Conv2D".
        cell: the explained cell.
        input: name of the layer before, whose values are the terms; "digit" for the first layer.
        receptive_field: the pixels of the digit that the cell depends on.
        pre: the result of the arithmetic, before the activation function.
        value: the value that the service's graph computed.
        difference: |pre − value|, the rounding error of float32.
        activation: name of the activation function; "linear" for none.
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


@dataclass(frozen=True)
class WindowTrace(Trace):
    """The fields that layers with a sliding window add.

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
        products: patch × kernel, elementwise.
        contribution: the sum of the products.
    """

    channel: int
    patch: Grid
    kernel: Grid
    products: Grid
    contribution: float


@dataclass(frozen=True)
class Softmax:
    """The softmax of a layer: post = exponentials[channel] / sum.

    Attributes:
        logits: by channel.
        maximum: the largest logit.
        exponentials: exp(logit − maximum) by channel.
        sum: sum of the exponentials.
    """

    logits: list[float]
    maximum: float
    exponentials: list[float]
    sum: float


@dataclass(frozen=True)
class ConvolutionTrace(WindowTrace):
    """Conv2D: pre = the sum of all contributions + bias."""

    terms: list[ChannelTerm]
    bias: float
    softmax: Softmax | None


@dataclass(frozen=True)
class MaxPoolingTrace(WindowTrace):
    """MaxPooling2D: pre = the largest value of `patch`; `winner` is its first cell."""

    patch: Grid
    winner: Cell


@dataclass(frozen=True)
class AveragePoolingTrace(WindowTrace):
    """AveragePooling2D: pre = the mean of the `count` values of `patch`."""

    patch: Grid
    count: int


@dataclass(frozen=True)
class FlattenTrace(Trace):
    """Flatten: pre = the value of the cell `source`."""

    source: Cell


@dataclass(frozen=True)
class DenseTerm:
    """The contribution of one input to a unit.

    Attributes:
        index: of the input, in the layer before.
        source: the cell that the input is the value of.
        value: the input's value.
        weight: its weight.
        contribution: value × weight.
    """

    index: int
    source: Cell
    value: float
    weight: float
    contribution: float


@dataclass(frozen=True)
class DenseTrace(Trace):
    """Dense: pre = the contributions of `terms` + rest + bias.

    Attributes:
        terms: the inputs, largest |contribution| first.
        count: number of all inputs.
        rest: the sum of the contributions that `terms` leaves out.
        bias: the unit's bias.
        softmax: of the layer; None for another activation function.
    """

    terms: list[DenseTerm]
    count: int
    rest: float
    bias: float
    softmax: Softmax | None


TRACES: dict[str, type[Trace]] = {
    "Conv2D": ConvolutionTrace,
    "MaxPooling2D": MaxPoolingTrace,
    "AveragePooling2D": AveragePoolingTrace,
    "Flatten": FlattenTrace,
    "Dense": DenseTrace,
}


def parse_trace(explanation: dict[str, Any]) -> Trace:
    """Convert the JSON of an explanation to the dataclass of its kind.

    Raises:
        UnknownKind: no class belongs to its kind.
    """
    kind = explanation["kind"]
    if kind not in TRACES:
        raise UnknownKind(
            f"The service explained a layer of the unknown kind {kind!r}; this client knows "
            f"{', '.join(TRACES)}. Install a newer convscope-client."
        )
    return _parse(TRACES[kind], explanation)


def _parse(expected: type[T], value: Any) -> T:
    """Convert JSON to a type: a dataclass, a list, one of these or None, or a plain value."""
    if isinstance(expected, UnionType):
        if value is None:
            return cast(T, None)
        (expected,) = (option for option in get_args(expected) if option is not NoneType)
    if is_dataclass(expected):
        hints = get_type_hints(expected)
        names = [field.name for field in fields(expected)]
        return cast(T, expected(**{name: _parse(hints[name], value[name]) for name in names}))
    if get_origin(expected) is list:
        (item,) = get_args(expected)
        return cast(T, [_parse(item, each) for each in value])
    return cast(T, value)
