"""Choose among the candidates of a page, and decide which segments are digits, by the model.

Used by `service.inference`. Does not know images.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import log

from service.images.digit.segmentation import Place, Segment
from service.predictions import Prediction

_CERTAIN = 0.98  # confidence from which a low character is a digit
# Weights of a candidate's evidence, fitted on half of 220 touching pairs, 220 single digits and 68
# pages from the training set so that most are read right. Widths and heights are shares of the
# component's height.
_SCORE = 0.38  # of the score's distance from the threshold, within `_MAX_DISTANCE`
_MAX_DISTANCE = 20.0
_LOG_CONFIDENCE = 7.8
_WIDTH, _WIDTH_SQUARED, _HEIGHT_SQUARED = 4.6, -6.2, 6.8
_CUT = -7.6  # of the ink that a cut crosses, as a share of the component's height
# what a piece must have: the less, the wider the component is
_PIECE, _PIECE_WIDTH, _LEAST_PIECE = 13.8, -3.6, 10.4


def choose(
    segments: Sequence[Segment],
    predictions: Sequence[Prediction],
    threshold: float,
    *,
    details: bool = False,
) -> list[Prediction]:
    """Choose the segments of each page and set their places.

    Args:
        segments: of one or several pages; candidates follow one another.
        predictions: for each of them.
        threshold: images with a lower score are out of distribution.
        details: whether to set their digits too.
    """
    chosen: list[Prediction] = []
    first = 0
    while first < len(segments):
        last = _end_of_group(segments, predictions, first)
        for index in _best(segments[first:last], predictions[first:last], threshold):
            prediction, digit = predictions[first + index], segments[first + index].prepared.digit
            is_first = not chosen or chosen[-1].image != prediction.image
            prediction.segment = _place(
                segments[first + index], prediction, 0 if is_first else _index(chosen[-1]) + 1
            )
            if details:
                prediction.digit = digit.tobytes()
            if not digit.any():  # an empty cell
                prediction.label = prediction.confidence = prediction.score = None
                prediction.in_distribution, prediction.probabilities = None, {}
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


def _best(
    candidates: Sequence[Segment], predictions: Sequence[Prediction], threshold: float
) -> list[int]:
    """Return the candidates that follow one another and together have the most evidence."""
    if len(candidates) == 1:
        return [0]
    spans = [candidate.span for candidate in candidates if candidate.span is not None]
    count = spans[0].count
    whole_width, height = predictions[0].preprocessing.bounding_box[2:]
    least = max(_PIECE + _PIECE_WIDTH * whole_width / height, _LEAST_PIECE)
    best: list[tuple[float, list[int]] | None] = [(0.0, []), *[None] * count]
    for end in range(1, count + 1):
        for index, span in enumerate(spans):
            before = best[span.first] if span.last == end else None
            if before is None:
                continue
            is_mark = candidates[index].shape == "mark"  # which says nothing for or against it
            evidence = least if is_mark else _evidence(predictions[index], height, threshold)
            total = before[0] + evidence + _CUT * span.cut - least
            if (known := best[end]) is None or total > known[0]:
                best[end] = (total, [*before[1], index])
    final = best[count]
    if final is None:
        raise ValueError("The candidates of a component do not include the component itself.")
    return final[1]


def _evidence(prediction: Prediction, whole_height: int, threshold: float) -> float:
    """Return the evidence that a candidate is one digit, in natural logarithms."""
    width, height = (side / whole_height for side in prediction.preprocessing.bounding_box[2:])
    evidence = _LOG_CONFIDENCE * log(max(prediction.confidence or 0.0, 1e-6))
    if prediction.score is not None:
        distance = prediction.score - threshold
        evidence += _SCORE * min(max(distance, -_MAX_DISTANCE), _MAX_DISTANCE)
    return evidence + _WIDTH * width + _WIDTH_SQUARED * width**2 + _HEIGHT_SQUARED * height**2
