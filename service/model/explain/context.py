"""A cell with everything that explains it, and the fields that all explanations share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.model.bundle import Bundle
from service.model.explain.traces import DIGIT, Cell, Region, Softmax, Window
from service.model.explain.windows import window_of
from service.model.kinds import ELEMENTWISE_ACTIVATIONS, SOFTMAX, kind_of
from service.model.layer import Layer, LayerValues


@dataclass(frozen=True)
class CellContext:
    """A cell with everything that explains it.

    Attributes:
        bundle: the model's.
        values: of one digit, float32 without a batch axis.
        cell: the cell to explain.
        path: the layers from the first to the cell's own.
        inputs: the input of the cell's layer, float64.
        top: the number of terms of a Dense layer to list; None: all.
    """

    bundle: Bundle
    values: LayerValues
    cell: Cell
    path: tuple[Layer, ...]
    inputs: NDArray[np.float64]
    top: int | None

    @property
    def layer(self) -> Layer:
        """Return the cell's layer."""
        return self.path[-1]

    @property
    def kernel(self) -> NDArray[np.float64]:
        """Return the channel's weights: (rows, columns, input channels) or (inputs,)."""
        kernels = self.bundle.weights[f"{self.cell.layer}/kernel"]
        return kernels[..., self.cell.channel].astype(np.float64)

    @property
    def bias(self) -> float:
        """Return the bias of the cell's channel; 0 in a layer without biases."""
        biases = self.bundle.weights.get(f"{self.cell.layer}/bias")
        return 0.0 if biases is None else float(biases[self.cell.channel])

    def fields(self, pre: float, softmax: Softmax | None = None) -> dict[str, Any]:
        """Return the fields of `Trace`.

        Args:
            pre: the result of the layer's arithmetic.
            softmax: the layer's, where its activation function is softmax.
        """
        layer = self.layer
        value = float(self.values[layer.name, "pre"][self.cell.index])
        if softmax:
            post = softmax.exponentials[self.cell.channel] / softmax.sum
        else:
            post = ELEMENTWISE_ACTIVATIONS[layer.activation](pre)
        return {
            "kind": layer.kind,
            "cell": self.cell,
            "input": input_name(self.path),
            "receptive_field": self._receptive_field(),
            "pre": pre,
            "value": value,
            "difference": abs(pre - value),
            "activation": layer.activation,
            "post": post,
        }

    def softmax(self, pre: float) -> Softmax | None:
        """Return the softmax of the layer's logits; None for another activation function.

        Args:
            pre: the logit of the cell's channel.
        """
        if self.layer.activation != SOFTMAX:
            return None
        channels = self.values[self.layer.name, "pre"][self.cell.index[:-1]]
        logits = channels.astype(np.float64)
        logits[self.cell.channel] = pre
        exponentials = np.exp(logits - logits.max())
        return Softmax(
            logits.tolist(), float(logits.max()), exponentials.tolist(), float(exponentials.sum())
        )

    def _receptive_field(self) -> Window:
        if self.cell.row is None:
            height, width, _ = self.bundle.input_shape
            return Window(0, 0, height, width, Region(0, 0, height, width))
        return window_of(self.path, self.cell)


def input_name(path: Sequence[Layer]) -> str:
    """Return the name of the layer before the path's last; "digit" where it is the first."""
    return path[-2].name if len(path) > 1 else DIGIT


def source(path: Sequence[Layer], index: int) -> Cell:
    """Return the cell that is an input of the path's last layer, seen through a Flatten before it.

    Args:
        path: the layers from the first on.
        index: of the input, row-major.
    """
    *before, layer = path
    if before and kind_of(before[-1].kind).family == "flatten":
        return source(before, index)
    if len(layer.input_shape) == 1:
        return Cell(input_name(path), index)
    row, column, channel = (int(i) for i in np.unravel_index(index, layer.input_shape))
    return Cell(input_name(path), channel, row, column)
