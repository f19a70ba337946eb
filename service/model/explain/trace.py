"""What the explanations of all kinds of layer have in common."""

from dataclasses import dataclass

from service.model.explain.cells import Cell, Window


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
class Trace:
    """The fields that the explanations of all kinds of layer have.

    Attributes:
        kind: the layer's kind; it determines the further fields.
        cell: the cell that is explained.
        input: the first of `inputs`.
        inputs: names of the layers whose `post` values are the terms.
        receptive_field: the pixels of the model's input that the cell depends on.
        pre: the result of the arithmetic, before the activation function.
        value: the graph's own value of that cell before the activation function.
        difference: |pre − value|, the rounding error of float32.
        activation: name of the activation function; "linear" where there is none.
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
    """The fields that the explanations of layers with a window add.

    Attributes:
        window: the cells of the layer before that the cell depends on.
        dropped_rows: rows of the layer before that lie beyond the last window, because of the floor
            in O = ⌊(N − F + 2P)/S⌋ + 1.
        dropped_columns: the same for columns.
    """

    window: Window
    dropped_rows: list[int]
    dropped_columns: list[int]
