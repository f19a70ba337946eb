"""The results of predictions, explanations and occlusion maps, parsed from the service's JSON."""

from dataclasses import dataclass, field, fields
from typing import Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from convscope_client.kinds import parse_trace
from convscope_client.traces import Trace

Label = TypeVar("Label", str, str | None)
Confidence = TypeVar("Confidence", float, float | None)


@dataclass(frozen=True, kw_only=True)
class _Result(Generic[Label, Confidence]):
    """What predictions and segments have in common.

    Attributes:
        label: of the most probable class.
        confidence: its probability.
        probabilities: by label, highest first.
        preprocessing: how the image was preprocessed, as the service's JSON has it.
        in_distribution: whether the image is like the training images; None where the model has no
            threshold.
        score: compared with the threshold; higher is more like a training image.
        model: name, version and sha256 of the model.
        extra: fields of the response that this client does not know.
    """

    label: Label
    confidence: Confidence
    probabilities: dict[str, float]
    preprocessing: dict[str, Any]
    in_distribution: bool | None = None
    score: float | None = None
    model: dict[str, Any] = field(repr=False)
    extra: dict[str, Any] = field(repr=False)

    @property
    def bounding_box(self) -> tuple[int, int, int, int]:
        """Return the digit's left, top, width and height in pixels of the image."""
        left, top, width, height = self.preprocessing["bounding_box"]
        return left, top, width, height

    @property
    def removed(self) -> tuple[str, ...]:
        """Return what surrounded the digit and was removed, such as "box" and "lines"."""
        return tuple(self.preprocessing["removed"])

    @classmethod
    def parse_all(cls, response: dict[str, Any]) -> list[Self]:
        """Convert the JSON of a response to its predictions."""
        names = {each.name for each in fields(cls)}
        results = []
        for prediction in response["predictions"]:
            values = {**prediction, **prediction.get("segment", {})}
            values.pop("segment", None)
            extra = {name: value for name, value in values.items() if name not in names}
            known = {name: value for name, value in values.items() if name in names}
            results.append(cls(**known, model=response["model"], extra=extra))
        return results


@dataclass(frozen=True, kw_only=True)
class Prediction(_Result[str, float]):
    """The prediction for one image."""


@dataclass(frozen=True, kw_only=True)
class Segment(_Result[str | None, float | None]):
    """The prediction for one segment of an image: a digit, another sign, or a cell of a grid.

    `label` and `confidence` are None for an empty cell.

    Attributes:
        index: in reading order, from 0.
        row: of the page or grid, from 0 at the top.
        column: of the grid, from 0 at the left; None where no grid was asked for.
        is_digit: False for operators, separators and empty cells.
        touching: whether the digit looked as if it touched its neighbour.
    """

    index: int
    row: int
    column: int | None
    is_digit: bool
    touching: bool


@dataclass(frozen=True)
class Explanation:
    """The arithmetic behind one cell, and the prediction for the image.

    Attributes:
        prediction: for the image.
        trace: the arithmetic, of the class that belongs to the layer's kind.
    """

    prediction: Prediction
    trace: Trace

    @classmethod
    def parse(cls, response: dict[str, Any]) -> Self:
        """Convert the JSON of a response of /explain.

        Raises:
            UnknownKind: this client does not know the kind of the layer.
        """
        (prediction,) = Prediction.parse_all(response)
        return cls(prediction, parse_trace(response["explanation"]))


@dataclass(frozen=True)
class Occlusion:
    """How much the confidence in the predicted class drops when each patch is covered.

    Attributes:
        index: of the class that is predicted for the whole image.
        label: of that class.
        confidence: its probability for the whole image.
        heat: the drop for each position of the patch, float32 (rows, columns).
        pixels: for each pixel of the model's input, the mean drop of the patches on it, float32
            (H, W).
        patch: side of the covering square in pixels of the model's input.
        stride: step between positions.
        fill: value of the covered pixels.
        tops: top row of the patch, for each row of `heat`.
        lefts: left column of the patch, for each column of `heat`.
        model: name, version and sha256 of the model.
    """

    index: int
    label: str
    confidence: float
    heat: NDArray[np.float32] = field(repr=False)
    pixels: NDArray[np.float32] = field(repr=False)
    patch: int
    stride: int
    fill: int
    tops: list[int]
    lefts: list[int]
    model: dict[str, Any] = field(repr=False)

    @classmethod
    def parse(cls, response: dict[str, Any]) -> Self:
        """Convert the JSON of a response of /occlusion; fields that are not known are left out."""
        values = {**response["occlusion"], "model": response["model"]}
        values |= {name: np.array(values[name], np.float32) for name in ("heat", "pixels")}
        return cls(**{each.name: values[each.name] for each in fields(cls)})
