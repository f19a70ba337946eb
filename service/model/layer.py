"""A layer of a model, as the manifest describes it, and the values that it computes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from service.model.kinds import INPUT as INPUT
from service.model.kinds import has_kernels, layer_kind
from service.model.windows import Window, windows_of

Stage = Literal["pre", "post"]
Pair = tuple[str, Stage]  # a layer's name and a stage of its values
# float32, (N, …) for a batch, without N for one image
LayerValues = Mapping[Pair, NDArray[np.float32]]


@dataclass(frozen=True)
class ReceptiveField:
    """The part of the input that one cell depends on, in input pixels, per axis (rows, columns).

    Cell i of an axis depends on `size` pixels, the first of which is `start + i * step`. Pixels
    below 0 or beyond the input are padding. (Araujo et al., Distill 2019.)
    """

    size: tuple[int, int]
    step: tuple[int, int]
    start: tuple[int, int]


@dataclass(frozen=True)
class Layer:
    """One layer of the manifest. Shapes are without the batch axis, channels last.

    Attributes:
        name: unique within the model; a layer that is called again has its own name.
        kind: the Keras class.
        activation: name of the activation function; "linear" where there is none.
        parameters: the number of its weights.
        pre: index of the graph's output that holds the values before the activation function.
        post: index of the graph's output after it; the same as `pre` where there is none.
        inputs: names of the layers whose `post` values it takes, `INPUT` for the model's input.
        block: path of the model or layer that contains it; None where it is in none.
        config: what else its arithmetic depends on, by Keras's names.
        is_exact: whether the value of each cell can be explained by its exact arithmetic.
        receptive_field: in closed form; None where there is none, and where it is the whole input
            (Flatten, Dense).
    """

    name: str
    kind: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    activation: str
    parameters: int
    pre: int
    post: int
    inputs: tuple[str, ...] = (INPUT,)
    block: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    is_exact: bool = True
    receptive_field: ReceptiveField | None = None

    @property
    def is_convolution(self) -> bool:
        """Return whether its values are feature maps computed by kernels."""
        return self.is_map and has_kernels(self.kind)

    @property
    def is_map(self) -> bool:
        """Return whether its values have rows, columns and channels."""
        return len(self.output_shape) == 3

    @cached_property
    def windows(self) -> tuple[Window, Window]:
        """The window along rows and along columns."""
        return self.windows_over(self.input_shape)

    def windows_over(self, shape: Sequence[int]) -> tuple[Window, Window]:
        """Return the window along rows and along columns, over an input of that shape.

        Raises:
            ValueError: the layer slides no window.
        """
        kind = layer_kind(self.kind)
        if kind.window is None:
            raise ValueError(f"Layer {self.name!r} ({self.kind}) slides no window")
        return windows_of(
            self.config,
            kind.window,
            shape,
            self.output_shape,
            is_transposed=kind.reading == "transposed_window",
        )


def pair_of(key: str) -> Pair:
    """Parse a key such as `conv2d/pre` into the pair ("conv2d", "pre").

    Raises:
        ValueError: the key does not end in a stage.
    """
    name, _, stage = key.rpartition("/")
    if stage == "pre":
        return name, "pre"
    if stage == "post":
        return name, "post"
    raise ValueError(f"{key!r} does not end in /pre or /post")
