"""Where a window that slides over a map begins and ends: pads, strides and dilations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from training.onnx_import.node import Node

Margins = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Axis:
    """A window along one axis of a map.

    Attributes:
        length: of the input.
        size: of the window, with the gaps of its dilation.
        stride: between neighbouring positions.
        before: cells of padding before the first.
        after: cells of padding after the last, as the file states them.
        outputs: number of positions.
    """

    length: int
    size: int
    stride: int
    before: int
    after: int
    outputs: int

    @property
    def end(self) -> int:
        """Return the number of padding cells after the last that a window covers."""
        covered = (self.outputs - 1) * self.stride + self.size
        return max(covered - self.length - self.before, 0)

    @property
    def is_same(self) -> bool:
        """Return whether the padding is what Keras calls "same"."""
        total = _same_total(self.length, self.size, self.stride)
        pads = (total // 2, total - total // 2)
        is_whole = self.outputs == -(-self.length // self.stride)
        return is_whole and (self.before, self.end) == pads

    @property
    def is_valid(self) -> bool:
        """Return whether no window covers padding."""
        return not self.before and not self.end

    def at_every_cell(self) -> "Axis":
        """Return the window with a stride of 1 and the same padding."""
        outputs = self.length + self.before + self.after - self.size + 1
        return replace(self, stride=1, outputs=outputs)


def read_axes(
    node: Node,
    lengths: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    is_ceil: bool = False,
) -> list[Axis]:
    """Read a node's pads and return its window along rows and along columns.

    Args:
        node: a convolution or pooling.
        lengths: height and width of the input.
        kernel: height and width of the window.
        strides: along rows and columns.
        dilations: along rows and columns.
        is_ceil: whether a last window that reaches beyond the padding counts.
    """
    pads = node.integers("pads", [0, 0, 0, 0], low=0)
    rule = node.text("auto_pad", "NOTSET")
    if rule not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER") or (
        rule != "NOTSET" and any(pads)
    ):
        raise node.error(f"it has auto_pad {rule[:80]!r} and pads {pads}", "one of both")
    axes = []
    for axis, (length, cells, stride, dilation) in enumerate(
        zip(lengths, kernel, strides, dilations, strict=True)
    ):
        size = (cells - 1) * dilation + 1
        before, after = pads[axis], pads[axis + 2]
        if rule.startswith("SAME"):
            total = _same_total(length, size, stride)
            before = total // 2 if rule == "SAME_UPPER" else total - total // 2
            after = total - before
        if length + before + after < size:
            raise node.error(
                f"a window of {size} on a length of {length} with pads {before} and {after}",
                "a window within the padded map",
            )
        outputs = (length + before + after - size + (stride - 1) * is_ceil) // stride + 1
        if (outputs - 1) * stride >= length + before and is_ceil:  # it would begin in the padding
            outputs -= 1
        axes.append(Axis(length, size, stride, before, after, outputs))
    return axes


def _same_total(length: int, size: int, stride: int) -> int:
    return max((-(-length // stride) - 1) * stride + size - length, 0)
