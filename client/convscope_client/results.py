"""The results of predictions and explanations, parsed from the service's JSON."""

from dataclasses import dataclass, field
from typing import Any, Self

from convscope_client.traces import Trace, parse_trace


@dataclass(frozen=True)
class Prediction:
    """The prediction for one image.

    Attributes:
        label: of the most probable class.
        confidence: its probability.
        probabilities: by label, highest first.
        preprocessing: the preprocessing of the image.
        in_distribution: whether the image is like the training images; None where the model has no
            threshold.
        score: compared with the threshold; higher is more like a training image.
        model: name, version and sha256 of the model.
        extra: fields of the response that this client does not know.
    """

    label: str
    confidence: float
    probabilities: dict[str, float]
    preprocessing: dict[str, Any]
    in_distribution: bool | None
    score: float | None
    model: dict[str, Any] = field(repr=False)
    extra: dict[str, Any] = field(repr=False)

    @classmethod
    def parse_all(cls, response: dict[str, Any]) -> list[Self]:
        """Convert the JSON of a response to its predictions."""
        return [cls._parse(each, response["model"]) for each in response["predictions"]]

    @classmethod
    def _parse(cls, prediction: dict[str, Any], model: dict[str, Any]) -> Self:
        extra = dict(prediction)
        return cls(
            label=extra.pop("label"),
            confidence=extra.pop("confidence"),
            probabilities=extra.pop("probabilities"),
            preprocessing=extra.pop("preprocessing"),
            in_distribution=extra.pop("in_distribution", None),
            score=extra.pop("score", None),
            model=model,
            extra=extra,
        )


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
