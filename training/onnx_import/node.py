"""What an operator's function works with: a node's inputs and attributes, and calls of layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, prod
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.errors import ExportError
from training.onnx_import.naming import UniqueNames
from training.onnx_import.reading import GraphNode
from training.onnx_import.tensors import Array

MAX_VALUES = 50_000_000  # of one tensor for one image
MAX_INTEGER = 100_000  # of pads, strides and sizes of windows


@dataclass(frozen=True)
class Tensor:
    """A value that depends on the image.

    Attributes:
        value: Keras's symbolic tensor; one of four axes is in channels-last layout.
        is_nonnegative: whether no number in it can be below 0.
    """

    value: Any
    is_nonnegative: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape in the file, without the batch: (C, H, W) for maps."""
        shape = tuple(self.value.shape[1:])
        return (shape[2], *shape[:2]) if self.is_map else shape

    @property
    def is_map(self) -> bool:
        """Return whether the tensor has four axes, with the batch."""
        return len(self.value.shape) == 4


class Node:
    """A node with its inputs.

    Attributes:
        source: the node of the file.
        opset: version of the operators.
        batch: number of images that the file states; None for any.
    """

    def __init__(
        self,
        source: GraphNode,
        inputs: Sequence[Tensor | Array | None],
        name: str,
        names: UniqueNames,
        opset: int,
        batch: int | None,
    ) -> None:
        self.source = source
        self.opset = opset
        self.batch = batch
        self.parameters = 0  # of the layers that were called
        self._inputs = inputs
        self._attributes = dict(source.attributes)
        self._name = name
        self._names = names

    def error(self, problem: str, supported: str) -> ExportError:
        """Return the error of something that is not supported in the node."""
        return ExportError(
            f"{self.source.operator} node {self.source.name[:80]!r}: {problem}; supported is "
            f"{supported}. Change the model, and export it again."
        )

    def call(
        self,
        layer: type[keras.Layer],
        value: Any,
        suffix: str = "",
        weights: Sequence[Array] = (),
        **options: Any,
    ) -> Any:
        """Call a new layer.

        Args:
            layer: its class.
            value: Keras's symbolic tensor, or a list of them.
            suffix: of the layer's name.
            weights: in the order of the layer's.
            options: of the layer.

        Returns:
            Keras's symbolic tensor.
        """
        called = layer(name=self._names.unique(self._name + suffix), **options)
        result = called(value)
        if (size := prod(result.shape[1:])) > MAX_VALUES:
            raise self.error(f"its output has {size} numbers an image", f"at most {MAX_VALUES}")
        if weights:
            called.set_weights(list(weights))
            self.parameters += sum(array.size for array in weights)
        return result

    def tensors(self) -> list[Tensor]:
        """Return all inputs, which depend on the image."""
        return [self.tensor(index) for index in range(len(self._inputs))]

    def tensor(self, index: int) -> Tensor:
        """Return an input that depends on the image."""
        value = self.input(index)
        if not isinstance(value, Tensor):
            raise self.error(f"its input {index} is missing or constant", "a value of the image")
        return value

    def map(self, index: int = 0) -> Tensor:
        """Return an input that depends on the image and has the shape (N, C, H, W)."""
        tensor = self.tensor(index)
        if not tensor.is_map:
            raise self.error(f"its input has the shape {tensor.shape}", "(channels, height, width)")
        return tensor

    def input(self, index: int) -> Tensor | Array | None:
        """Return an input; None for an omitted one."""
        return self._inputs[index] if index < len(self._inputs) else None

    def constant(self, index: int) -> Array | None:
        """Return a constant input; None for an omitted one."""
        value = self.input(index)
        if isinstance(value, Tensor):
            raise self.error(f"its input {index} is computed from the image", "a constant")
        return value

    def weights(self, index: int, shape: Sequence[int | None]) -> NDArray[np.float32]:
        """Return a constant input of finite numbers; a length None may be any."""
        value = self.constant(index)
        if value is None or value.dtype != np.float32 or not np.isfinite(value).all():
            raise self.error(f"its input {index} has no finite numbers", "finite float32 weights")
        lengths = zip(value.shape, shape, strict=False)
        if value.ndim != len(shape) or any(n not in (own, None) for own, n in lengths):
            wanted = " × ".join("any" if n is None else str(n) for n in shape)
            raise self.error(f"its input {index} has the shape {value.shape}", f"shape {wanted}")
        return value

    def whole_numbers(self, name: str, index: int) -> list[int] | None:
        """Return the integers of a constant input, or of an attribute in older opsets."""
        if name in self._attributes:
            return self.integers(name, [])
        value = self.constant(index)
        if value is None:
            return None
        if value.dtype != np.int64 or value.ndim > 1 or value.size > 8:
            raise self.error(f"its {name} has the shape {value.shape}", "a short list of integers")
        return [int(number) for number in value.ravel()]

    def scalar(self, name: str, index: int) -> float | None:
        """Return the number of a constant input, or of an attribute in older opsets."""
        if name in self._attributes:
            return self.number(name, 0)
        value = self.constant(index)
        if value is None:
            return None
        if value.size != 1 or value.dtype != np.float32 or np.isnan(value).any():
            raise self.error(f"its {name} has the shape {value.shape}", "one number")
        return float(value.ravel()[0])

    def integer(self, name: str, default: int) -> int:
        """Return an attribute."""
        value = self._attributes.pop(name, default)
        if not isinstance(value, int):
            raise self.error(f"its attribute {name!r} is not an integer", "an integer")
        return value

    def integers(self, name: str, default: list[int], low: int = -MAX_INTEGER) -> list[int]:
        """Return an attribute of at least `low`, of the default's length where that has one."""
        value = self._attributes.pop(name, default)
        is_list = isinstance(value, list) and all(isinstance(n, int) for n in value)
        if not is_list or not all(low <= n <= MAX_INTEGER for n in value):
            limits = f"integers from {low} to {MAX_INTEGER}"
            raise self.error(f"its attribute {name!r} is {str(value)[:80]}", limits)
        if default and len(value) != len(default):
            raise self.error(f"its {name!r} has {len(value)} numbers", str(len(default)))
        return list(value)

    def number(self, name: str, default: float) -> float:
        """Return a finite attribute."""
        value = self._attributes.pop(name, default)
        if not isinstance(value, int | float) or not isfinite(value):
            raise self.error(f"its attribute {name!r} is {str(value)[:80]}", "a finite number")
        return value

    def text(self, name: str, default: str) -> str:
        """Return an attribute."""
        value = self._attributes.pop(name, default)
        if not isinstance(value, str):
            raise self.error(f"its attribute {name!r} is not a text", "a text")
        return value

    def check_attributes(self) -> None:
        """Raise an ExportError where the operator's function has not read an attribute."""
        for name in self._attributes:
            raise self.error(f"it has the attribute {name[:80]!r}", "the operator without it")
