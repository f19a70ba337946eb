"""Arrange the components of a page into rows of characters, in reading order. Does not know digits.

A character is a group of components such as the bar and the bowl of a 5, or the bars of "=".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.images.digit.components import Components

_TALL = 0.4  # share of the page's typical height from which a component defines a row
_SLOPES = np.linspace(-0.16, 0.16, 65)  # of the rows, that are tried
_NEXT_ROW = 0.6  # of the height: components whose middles differ by more are in different rows
_IN_ROW = 0.9  # of the height, between the row's middle and that of a small component
_MIN_OVERLAP = 0.5  # horizontal, of the narrower of two components that form one character
_MAX_GAP = 0.2  # vertical, between components that form one digit, as a share of the height
_MAX_MARK_GAP = 0.6  # the same between the small components of a mark such as ":"
_STANDS_ALONE = 0.65  # share of the height: two components as tall beside each other are two digits
_DOT = 0.3  # share of the height: longer side of a dot
_NEAR_DOT = 0.1  # share of the height: a dot at such a distance belongs to a stroke
_SMALLEST = 0.06  # share of the height: a smaller component is a speck


@dataclass(frozen=True)
class Row:
    """A row of characters.

    Attributes:
        height: of its digits, pixels.
        middle: its row of pixels at column 0.
        slope: rows per column.
        characters: from left to right, the components of each.
    """

    height: float
    middle: float
    slope: float
    characters: list[list[int]]


def find_rows(components: Components, strokes: NDArray[np.int64]) -> list[Row]:
    """Arrange components into rows from top to bottom.

    Args:
        components: of the page, without lines.
        strokes: int64 (n,), which of them are strokes; the others are specks. At least one.
    """
    height = (components.bottom - components.top)[strokes]
    tall_from = _TALL * _typical_height(height)
    tall, small = strokes[height >= tall_from], strokes[height < tall_from]
    x, y = _middles(components, tall)
    slope = _slope(components, tall)
    level = y - slope * x
    rows = []
    for members in _levels(level, (components.bottom - components.top)[tall]):
        rows.append(
            Row(
                height=_row_height((components.bottom - components.top)[tall[members]]),
                middle=float(np.median(level[members])),
                slope=slope,
                characters=[[int(stroke)] for stroke in tall[members]],
            )
        )
    by_row = _assign(components, small, rows)
    return [_with_small(components, row, each) for row, each in zip(rows, by_row, strict=True)]


def _typical_height(height: NDArray[np.int64]) -> float:
    """Return the median of the heights, weighted so that few digits outweigh many dots."""
    order = np.sort(height)
    weight = np.cumsum(order.astype(np.float64) ** 2)
    return float(order[np.searchsorted(weight, weight[-1] / 2)])


def _row_height(height: NDArray[np.int64]) -> float:
    """Return the height of a row's digits: the median without lower characters."""
    return float(np.median(height[height >= 0.7 * np.quantile(height, 0.8)]))


def _middles(
    components: Components, chosen: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x = (components.left[chosen] + components.right[chosen]) / 2
    return x, (components.top[chosen] + components.bottom[chosen]) / 2


def _slope(components: Components, tall: NDArray[np.int64]) -> float:
    """Return the slope at which the components' rows overlap most."""
    x, _ = _middles(components, tall)
    top, bottom = components.top[tall], components.bottom[tall]
    unit = max(float(np.median(bottom - top)) / 12, 1.0)
    shift = _SLOPES[:, np.newaxis] * x  # (slopes, components)
    start = np.rint((top - shift) / unit).astype(np.int64)
    end = np.maximum(np.rint((bottom - shift) / unit).astype(np.int64), start + 1)
    low = int(start.min())
    changes = np.zeros((len(_SLOPES), int(end.max()) - low + 2))
    line = np.broadcast_to(np.arange(len(_SLOPES))[:, np.newaxis], start.shape)
    np.add.at(changes, (line, start - low), 1)
    np.add.at(changes, (line, end - low), -1)
    overlap = (np.cumsum(changes, axis=1) ** 2).sum(axis=1)
    # among equals the most level one
    return float(_SLOPES[np.argmax(overlap * (1 - 0.2 * np.abs(_SLOPES)))])


def _levels(level: NDArray[np.float64], height: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Cluster components by their level; return the members of each cluster from top to bottom."""
    clusters: list[list[int]] = []
    for index in np.argsort(level, kind="stable").tolist():
        if clusters:
            members = clusters[-1]
            typical = float(np.median(height[members]))
            distance = level[index] - float(np.median(level[members]))
            if distance <= _NEXT_ROW * max(typical, float(height[index])):
                members.append(index)
                continue
        clusters.append([index])
    return [np.array(members) for members in clusters]


def _assign(components: Components, small: NDArray[np.int64], rows: list[Row]) -> list[list[int]]:
    """Return the small components of each row; those far from every row are in none."""
    assigned: list[list[int]] = [[] for _ in rows]
    x, y = _middles(components, small)
    for stroke, column, middle in zip(small.tolist(), x, y, strict=True):
        distance = [abs(middle - row.slope * column - row.middle) / row.height for row in rows]
        nearest = int(np.argmin(distance))
        row = rows[nearest]
        longer = max(
            components.bottom[stroke] - components.top[stroke],
            components.right[stroke] - components.left[stroke],
        )
        if distance[nearest] <= _IN_ROW and longer >= _SMALLEST * row.height:
            assigned[nearest].append(stroke)
    return assigned


def _with_small(components: Components, row: Row, small: list[int]) -> Row:
    """Group a row's components into characters, and order these from left to right."""
    characters: list[list[int]] = []
    for stroke in sorted((each[0] for each in row.characters), key=components.left.__getitem__):
        for character in characters:
            if _is_broken(components, character, stroke, row.height):
                character.append(stroke)
                break
        else:
            characters.append([stroke])
    marks: list[list[int]] = []
    for stroke in sorted(small, key=components.left.__getitem__):
        owner = next(
            (each for each in characters if _belongs(components, each, stroke, row.height)), None
        )
        if owner is not None:
            owner.append(stroke)
        elif not any(_encloses(components, each, stroke, row.height) for each in characters):
            mark = next((m for m in marks if _is_one_mark(components, m, stroke, row.height)), None)
            if mark is None:
                marks.append([stroke])
            else:
                mark.append(stroke)
    characters += marks
    characters.sort(key=lambda each: int(components.left[each].min() + components.right[each].max()))
    return Row(row.height, row.middle, row.slope, characters)


def _box(components: Components, character: list[int]) -> tuple[int, int, int, int]:
    """Return top, left, bottom and right of a character."""
    return (
        int(components.top[character].min()),
        int(components.left[character].min()),
        int(components.bottom[character].max()),
        int(components.right[character].max()),
    )


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    """Return the horizontal overlap of two boxes, as a share of the narrower one."""
    shared = min(one[3], other[3]) - max(one[1], other[1])
    return shared / max(min(one[3] - one[1], other[3] - other[1]), 1)


def _gap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> int:
    """Return the rows between two boxes; negative where they overlap."""
    return max(one[0], other[0]) - min(one[2], other[2])


def _is_broken(components: Components, character: list[int], stroke: int, height: float) -> bool:
    """Return whether two tall components are the parts of one digit, above each other."""
    one, other = _box(components, character), _box(components, [stroke])
    if _overlap(one, other) <= _MIN_OVERLAP or _gap(one, other) >= _MAX_GAP * height:
        return False
    shorter = min(one[2] - one[0], other[2] - other[0])
    return not (shorter >= _STANDS_ALONE * height and -_gap(one, other) > 0.5 * shorter)


def _belongs(components: Components, character: list[int], stroke: int, height: float) -> bool:
    """Return whether a small component is a part of a digit, such as the bar of a 5."""
    one, other = _box(components, character), _box(components, [stroke])
    if max(other[2] - other[0], other[3] - other[1]) < _DOT * height:
        near = int(_NEAR_DOT * height)
        rows = slice(max(other[0] - near, 0), other[2] + near)
        columns = slice(max(other[1] - near, 0), other[3] + near)
        around = components.labels[rows, columns]
        return any(bool((around == part).any()) for part in character)
    return _overlap(one, other) > _MIN_OVERLAP and _gap(one, other) < _MAX_GAP * height


def _encloses(components: Components, character: list[int], stroke: int, height: float) -> bool:
    """Return whether a component lies within a digit, such as the dot in a 0."""
    one, other = _box(components, character), _box(components, [stroke])
    above_base = other[2] < one[2] - 0.12 * height
    return one[1] <= other[1] and other[3] <= one[3] and one[0] <= other[0] and above_base


def _is_one_mark(components: Components, mark: list[int], stroke: int, height: float) -> bool:
    one, other = _box(components, mark), _box(components, [stroke])
    return _overlap(one, other) > _MIN_OVERLAP and _gap(one, other) < _MAX_MARK_GAP * height
