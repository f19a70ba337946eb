"""Render digits that are unusual themselves: a 1 without margins, a 0 with a dot or a slash.

Each function renders one digit, uint8 (28, 28) with ink 255 on 0, as a grey picture, uint8 (H, W).
Everything random comes from the generator that is passed in.
"""

import numpy as np
from numpy.typing import NDArray

from training.drawing import Cover, Pixels, axes, exposed, inside, line, paint, pasted
from training.renderings import distance_to_background, shape_of


def cropped_to_box(digit: Pixels, rng: np.random.Generator) -> Pixels:
    """Render a 1 cut to its own bounding box, with at most a pixel around it; half are drawn."""
    longer = int(rng.integers(40, 160))
    margin = int(rng.integers(0, 2))
    shape = _stroke(rng, longer) if rng.random() < 0.5 else shape_of(digit, longer)
    shape = np.pad(shape, margin)
    while shape.mean() > 0.75:  # an upright 1 fills its box: nothing would be seen of it
        shape = np.pad(shape, ((0, 0), (1, 1)))
    paper, ink = rng.uniform(175, 255), rng.uniform(0, 80)
    if rng.random() < 0.5:
        paper, ink = ink, paper
    return exposed(paint(np.full(shape.shape, paper, np.float32), shape, ink), rng, 4)


def marked_zero(digit: Pixels, rng: np.random.Generator) -> Pixels:
    """Render a 0 with a dot or a slash inside."""
    longer = int(rng.integers(40, 150))
    size = (int(longer * rng.uniform(1.2, 2.2)), int(longer * rng.uniform(1.2, 2.2)))
    shape = np.pad(shape_of(digit, longer), longer // 4)
    hole = _hole(shape > 0.3)
    depth = distance_to_background(hole)
    row, column = np.unravel_index(np.argmax(depth), depth.shape)
    right, down = axes(shape.shape)
    right = right - right[row, column]
    down = down - down[row, column]
    radius = depth.max()
    if rng.random() < 0.5 and radius > 4:
        mark = inside(max(1.5, radius * rng.uniform(0.25, 0.6)) - np.hypot(right, down))
    else:
        angle = np.radians(rng.uniform(35, 70))
        along = right * np.cos(angle) - down * np.sin(angle)
        across = right * np.sin(angle) + down * np.cos(angle)
        mark = line(across, longer * rng.uniform(0.04, 0.1))
        if rng.random() < 0.5:  # from edge to edge of the hole
            mark = mark * _dilated(hole, longer // 20)
        else:
            reach = np.abs(along[(shape > 0.3) & (np.abs(across) < 2)]).max()
            mark = mark * inside(reach * rng.uniform(1, 1.25) - np.abs(along))
    shape = np.maximum(shape, mark)
    paper, ink = rng.uniform(175, 255), rng.uniform(0, 80)
    # The shape has longer // 4 pixels of margin, which may lie outside the picture.
    top, left = (
        int(rng.uniform(0.03, 0.97) * (length - side + 2 * (longer // 4))) - longer // 4
        for length, side in zip(size, shape.shape, strict=True)
    )
    image = paint(np.full(size, paper, np.float32), pasted(shape, size, top, left), ink)
    picture = exposed(image, rng)
    return 255 - picture if rng.random() < 0.3 else picture


def _stroke(rng: np.random.Generator, longer: int) -> Cover:
    """Draw a 1: a straight stroke with round ends, upright or leaning, some with a flag."""
    lean = rng.uniform(-0.1, 0.5)
    width = longer * rng.uniform(0.07, 0.2)
    size = (longer, int(longer * abs(lean) + width + longer * 0.3) + 2)
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    top = np.array([width / 2, size[1] - width / 2 - 1])
    foot = np.array([longer - width / 2 - 1, top[1] - lean * longer])
    strokes = [(top, foot)]
    if rng.random() < 0.4:
        strokes.append((top, top + longer * np.array([rng.uniform(0.1, 0.2), -0.18])))
    shape = np.zeros(size, np.float32)
    for start, end in strokes:
        step = end - start
        share = ((rows - start[0]) * step[0] + (columns - start[1]) * step[1]) / (step @ step)
        share = np.clip(share, 0, 1)
        distance = np.hypot(rows - start[0] - share * step[0], columns - start[1] - share * step[1])
        shape = np.maximum(shape, inside(width / 2 - distance))
    rows_used, columns_used = np.flatnonzero(shape.any(axis=1)), np.flatnonzero(shape.any(axis=0))
    return shape[rows_used[0] : rows_used[-1] + 1, columns_used[0] : columns_used[-1] + 1]


def _hole(solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the background that the shape encloses; the whole middle if it is open."""
    outside = np.zeros_like(solid)
    outside[0] = outside[-1] = outside[:, 0] = outside[:, -1] = True
    outside &= ~solid
    while True:
        grown = _dilated(outside, 1).astype(bool) & ~solid
        if np.array_equal(grown, outside):
            break
        outside = grown
    hole = ~outside & ~solid
    if hole.sum() < 12:  # not closed, or filled: mark the middle
        rows, columns = (slice(2 * n // 5, 3 * n // 5) for n in solid.shape)
        hole = np.zeros_like(solid)
        hole[rows, columns] = True
    return hole


def _dilated(mask: NDArray[np.bool_], reach: int) -> NDArray[np.float32]:
    """Grow a mask by `reach` pixels in every direction."""
    grown = mask.copy()
    for _ in range(reach):
        padded = np.pad(grown, 1)
        grown = padded[1:-1, 1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1]
        grown |= padded[1:-1, :-2] | padded[1:-1, 2:]
    return grown.astype(np.float32)
