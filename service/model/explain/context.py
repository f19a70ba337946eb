"""A cell with everything that explains it, and the fields that all explanations share."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.model.activations import ELEMENTWISE, SOFTMAX
from service.model.bundle import Bundle
from service.model.exact import weight_owner
from service.model.explain.cells import Cell, Region, Window, cell_at
from service.model.explain.trace import Softmax
from service.model.layer import INPUT, Layer, LayerValues
from service.model.receptive_field import receptive_field


@dataclass(frozen=True)
class CellContext:
    """A cell with everything that explains it.

    Attributes:
        bundle: the model's.
        values: of one image, float32 without a batch axis.
        pixels: that image, float32 (H, W, C), as the graph takes it.
        cell: the cell to explain.
        top: the number of terms to list, those with the largest contributions; None: all.
    """

    bundle: Bundle
    values: LayerValues
    pixels: NDArray[np.float32]
    cell: Cell
    top: int | None = None

    @cached_property
    def layer(self) -> Layer:
        """The cell's layer."""
        return self.bundle.by_name[self.cell.layer]

    @cached_property
    def inputs(self) -> tuple[NDArray[np.float32], ...]:
        """The values of each of the layer's inputs, float32 without a batch axis."""
        return tuple(
            self.pixels if name == INPUT else self.values[name, "post"]
            for name in self.layer.inputs
        )

    @cached_property
    def input_names(self) -> list[str]:
        """The names of the layer's inputs in an explanation."""
        return [_name(self.bundle, name) for name in self.layer.inputs]

    def source(self, index: tuple[Any, ...], number: int = 0) -> Cell:
        """Return the cell at an index of one of the layer's inputs."""
        return cell_at(self.input_names[number], index)

    def value(self, index: tuple[Any, ...], number: int = 0) -> float:
        """Return the value at an index of one of the layer's inputs."""
        return float(self.inputs[number][index])

    def weight(self, name: str, *index: int | slice) -> NDArray[np.float64]:
        """Return a part of one of the layer's weights."""
        return np.asarray(self.bundle.weights[self._key(name)][index], np.float64)

    def weight_shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of one of the layer's weights."""
        return self.bundle.weights[self._key(name)].shape

    def channel_weight(self, name: str, default: float) -> float:
        """Return a weight's number for the cell's channel; the default where there is none."""
        if self._key(name) not in self.bundle.weights:
            return default
        return float(self.weight(name, self.cell.channel))

    def fields(self, pre: float) -> dict[str, Any]:
        """Return the fields of `Trace`.

        Args:
            pre: the result of the layer's arithmetic.
        """
        layer = self.layer
        value = float(self.values[layer.name, "pre"][self.cell.index])
        parameters = self._activation_parameters()
        softmax = self._softmax(pre)
        if softmax:
            post = softmax.exponentials[self.cell.channel] / softmax.sum
        else:
            post = ELEMENTWISE[layer.activation](pre, **parameters)
        return {
            "kind": layer.kind,
            "cell": self.cell,
            "input": self.input_names[0],
            "inputs": self.input_names,
            "receptive_field": self._receptive_field(),
            "pre": pre,
            "value": value,
            "difference": abs(pre - value),
            "activation": layer.activation,
            "activation_parameters": parameters,
            "post": post,
            "softmax": softmax,
        }

    def _key(self, name: str) -> str:
        return f"{weight_owner(self.layer)}/{name}"

    def _activation_parameters(self) -> dict[str, float]:
        parameters = dict(self.layer.config.get("activation_config", {}))
        if self.layer.activation == "prelu":
            # an axis that shares its weights has the length 1
            sides = zip(self.cell.index, self.weight_shape("alpha"), strict=True)
            index = [min(i, side - 1) for i, side in sides]
            parameters["alpha"] = float(self.weight("alpha", *index))
        return parameters

    def _softmax(self, pre: float) -> Softmax | None:
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
        shape = self.bundle.input_shape
        row, column = self.cell.row, self.cell.column
        place = None if row is None or column is None else (row, column)
        box = receptive_field(self.bundle.by_name, self.cell.layer, place, shape)
        inside = Region(box.top, box.left, box.bottom - box.top, box.right - box.left)
        formula = self.layer.receptive_field
        if place is None:
            return Window(0, 0, *shape[:2], inside)
        if formula is None:
            return Window(inside.top, inside.left, inside.height, inside.width, inside)
        top, left = (
            start + index * step
            for start, step, index in zip(formula.start, formula.step, place, strict=True)
        )
        return Window(top, left, *formula.size, inside)


def _name(bundle: Bundle, name: str) -> str:
    return bundle.input_name if name == INPUT else name
