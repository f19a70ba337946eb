"""Choose among the candidates of a page, and decide which segments are digits, by the model.

Used by `service.inference`. Does not know images.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import log

from service.images.digit.segmentation import Place, Segment
from service.predictions import Prediction

_LEAST = 1e-6  # probability: smaller ones count as this
_OUTSIDE = 0.2  # factor of the confidence of an image that is unlike the training images
_CERTAIN = 0.98  # confidence from which a low character is a digit


def choose(segments: Sequence[Segment], predictions: Sequence[Prediction]) -> list[Prediction]:
    """Choose the segments of each page and set their places.

    Args:
        segments: of one or several pages; candidates follow one another.
        predictions: for each of them.
    """
    chosen: list[Prediction] = []
    first = 0
    while first < len(segments):
        last = _end_of_group(segments, predictions, first)
        for index in _best(segments[first:last], predictions[first:last]):
            prediction = predictions[first + index]
            is_first = not chosen or chosen[-1].image != prediction.image
            prediction.segment = _place(
                segments[first + index], prediction, 0 if is_first else _index(chosen[-1]) + 1
            )
            chosen.append(prediction)
        first = last
    return chosen


def _index(prediction: Prediction) -> int:
    return prediction.segment.index if isinstance(prediction.segment, Place) else 0


def _place(segment: Segment, prediction: Prediction, index: int) -> Place:
    """Return a segment's final place: its index, and whether it is a digit."""
    is_digit = segment.place.is_digit
    if segment.shape == "either":
        confidence = prediction.confidence or 0.0
        is_digit = prediction.in_distribution is not False and confidence >= _CERTAIN
    return replace(segment.place, index=index, is_digit=is_digit)


def _end_of_group(
    segments: Sequence[Segment], predictions: Sequence[Prediction], first: int
) -> int:
    """Return the index after the last candidate of the component that `first` belongs to."""
    span, last = segments[first].span, first + 1
    while span is not None and last < len(segments):
        other = segments[last].span
        is_same_image = predictions[last].image == predictions[first].image
        if other is None or other.group != span.group or not is_same_image:
            break
        last += 1
    return last


def _evidence(prediction: Prediction) -> float:
    """Return the log probability that the prediction's image is one digit."""
    factor = _OUTSIDE if prediction.in_distribution is False else 1.0
    return log(max((prediction.confidence or 0.0) * factor, _LEAST))


def _best(candidates: Sequence[Segment], predictions: Sequence[Prediction]) -> list[int]:
    """Return the candidates that follow one another and are together the most probable."""
    if len(candidates) == 1:
        return [0]
    spans = [candidate.span for candidate in candidates if candidate.span is not None]
    count = spans[0].count
    best: list[tuple[float, list[int]] | None] = [(0.0, []), *[None] * count]
    for end in range(1, count + 1):
        for index, span in enumerate(spans):
            before = best[span.first] if span.last == end else None
            if before is None:
                continue
            total = before[0] + _evidence(predictions[index])
            if (known := best[end]) is None or total > known[0]:
                best[end] = (total, [*before[1], index])
    final = best[count]
    if final is None:
        raise ValueError("The candidates of a component do not include the component itself.")
    return final[1]
