"""Which cells of its input a cell of a layer reads through a window, along rows and columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Padding = Literal["valid", "same"]
Tap = tuple[int, int]  # a cell of the input, and the kernel's cell that it is multiplied by


@dataclass(frozen=True)
class SlidingWindow:
    """A layer's window along one axis of its input (rows or columns).

    Attributes:
        count: the number of cells that it reads.
        stride: the distance between neighbouring positions.
        padding: the number of padding cells before the first cell.
        dilation: the distance between the cells that it reads.
    """

    count: int
    stride: int
    padding: int
    dilation: int = 1

    @property
    def size(self) -> int:
        """Return the number of cells that it covers, those between the read ones included."""
        return (self.count - 1) * self.dilation + 1

    @property
    def is_dense(self) -> bool:
        """Return whether neighbouring positions together leave out no cell."""
        return self.dilation == 1 and self.stride <= self.count

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

    def taps(self, index: int) -> list[Tap]:
        """Return what an output cell reads, padding included."""
        first = index * self.stride - self.padding
        return [(first + tap * self.dilation, tap) for tap in range(self.count)]


@dataclass(frozen=True)
class TransposedWindow:
    """The kernel of a transposed convolution along one axis: each input cell adds to several.

    Attributes:
        count, stride, dilation: as of a `SlidingWindow` over the output.
        cut: the number of cells that are cut off before the first output cell.
        inputs: the number of input cells.
    """

    count: int
    stride: int
    cut: int
    dilation: int
    inputs: int

    def taps(self, index: int) -> list[Tap]:
        """Return the input cells that add to an output cell; none are padding."""
        positions = [(index + self.cut - tap * self.dilation, tap) for tap in range(self.count)]
        return sorted(
            (position // self.stride, tap)
            for position, tap in positions
            if position % self.stride == 0 and 0 <= position // self.stride < self.inputs
        )


Window = SlidingWindow | TransposedWindow


def windows_of(
    config: Mapping[str, Any],
    size_key: str,
    input_shape: Sequence[int],
    output_shape: Sequence[int],
    *,
    is_transposed: bool = False,
) -> tuple[Window, Window]:
    """Return a layer's window along rows and along columns.

    Args:
        config: the layer's configuration, by Keras's names.
        size_key: the entry with the window's height and width.
        input_shape: (H, W, C).
        output_shape: (H, W, C).
        is_transposed: whether the window slides over the output.

    Raises:
        ValueError: the padding rule is neither "valid" nor "same".
    """
    counts, strides = pair(config, size_key), pair(config, "strides")
    dilations = pair(config, "dilation_rate")
    padding = config.get("padding", "valid")
    if is_transposed:
        rows, columns = (
            _transposed(
                padding,
                counts[axis],
                strides[axis],
                dilations[axis],
                input_shape[axis],
                output_shape[axis],
            )
            for axis in (0, 1)
        )
        return rows, columns
    return sliding_windows(counts, strides, padding, input_shape, output_shape, dilations)


def sliding_windows(
    size: Sequence[int],
    strides: Sequence[int],
    padding: Padding,
    input_shape: Sequence[int],
    output_shape: Sequence[int],
    dilations: Sequence[int] = (1, 1),
) -> tuple[SlidingWindow, SlidingWindow]:
    """Return the windows that slide over an input, along rows and along columns.

    Args:
        size: the number of cells that the window reads, along rows and along columns.
        strides: along rows and along columns.
        padding: Keras's name of the padding rule.
        input_shape: (H, W, C).
        output_shape: (H, W, C).
        dilations: the distance between the cells that are read.

    Raises:
        ValueError: the padding rule is neither "valid" nor "same".
    """
    rows, columns = (
        SlidingWindow(
            size[axis],
            strides[axis],
            _padding(
                padding,
                (size[axis] - 1) * dilations[axis] + 1,
                strides[axis],
                input_shape[axis],
                output_shape[axis],
            ),
            dilations[axis],
        )
        for axis in (0, 1)
    )
    return rows, columns


def pair(config: Mapping[str, Any], key: str, default: int = 1) -> tuple[int, int]:
    """Return an entry of a configuration that is one number, or one for each axis."""
    value = config.get(key, default)
    if isinstance(value, int):
        return value, value
    rows, columns = value
    return rows, columns


def margins(config: Mapping[str, Any], key: str) -> tuple[int, int]:
    """Return the rows and columns that a padding or cropping has before the first cell."""
    value = config[key]
    if isinstance(value, int):
        return value, value
    rows, columns = (side if isinstance(side, int) else side[0] for side in value)
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


def _transposed(
    rule: Padding, count: int, stride: int, dilation: int, inputs: int, outputs: int
) -> TransposedWindow:
    """Return the window that slides over the output, with the input's padding rule."""
    cut = _padding(rule, (count - 1) * dilation + 1, stride, outputs, inputs)
    return TransposedWindow(count, stride, cut, dilation, inputs)
