"""Draw a model's values as PNG images: contact sheets of feature maps, occlusion heat maps.

Runs no model. Text uses Pillow's own font, which has ASCII, "·" and few other characters: hence
the "x" in shapes.
"""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from service.model.activations import SOFTMAX
from service.model.colours import colours
from service.model.layer import Layer, Stage
from service.model.normalisation import as_floats
from service.model.occlusion import Occlusion

Shown = tuple[Layer, Stage, NDArray[np.float32]]
Picture = Image.Image

# all in pixels
TILE, TILE_GAP, TILES_A_ROW = 78, 18, 12  # a tile is as large as a whole factor allows up to TILE
CELL, CELL_GAP, CELLS_A_ROW = 32, 2, 32
MARGIN = 24
WIDTH = 2 * MARGIN + TILES_A_ROW * (TILE + TILE_GAP) - TILE_GAP
PANEL = 392  # the largest side of an enlarged digit
CAPTION = 28  # from a tile's lower edge to the next tile
HEADING = 70
BAR = (180, 12)  # the legend's colour bar

INK, GREY, RULE, DIMMED, MARK = "#1f2328", "#57606a", "#d0d7de", "#eaeaea", "#e08214"
TEXT, SMALL, TITLE = (ImageFont.load_default(size=size) for size in (14, 12, 22))
SMALLEST_HEAT_SCALE = 0.05  # keeps drops of a few hundredths pale


def contact_sheet(
    layers: Sequence[Shown],
    digit: NDArray[np.uint8],
    per_map: bool = False,
    labels: Sequence[str] = (),
    channels: Sequence[int] | None = None,
) -> bytes:
    """Draw every feature map as a tile, every unit of a flat layer as a cell, with legends.

    Args:
        layers: (layer, stage, values) in drawing order; values float32 (H, W, C) or (U,).
        digit: uint8 (H, W, C), the model's input.
        per_map: scale the colours to each map's own largest value instead of the layer's.
        labels: the classes, written under the units of a softmax layer.
        channels: the number of each map or unit, where the values hold a selection of a layer's
            channels. None numbers them from 0.

    Returns:
        A PNG, WIDTH pixels wide; its height depends on the layers.
    """
    blocks = [_header(digit, per_map)]
    for layer, stage, values in layers:
        diverging = bool(values.min(initial=0) < 0) or (stage == "pre" and layer.pre != layer.post)
        limit = _limit(layer, stage, values)
        own = per_map and values.ndim == 3
        blocks.append(_heading(layer, stage, values, diverging, None if own else limit))
        numbers = range(values.shape[-1]) if channels is None else channels
        if values.ndim == 3:
            blocks.append(_maps(values, numbers, None if own else limit))
        elif layer.activation == SOFTMAX and labels:
            selected = [labels[number] for number in numbers]
            blocks.append(_labelled_units(values, selected, limit, percent=stage == "post"))
        else:
            blocks.append(_units(values, numbers, limit))
    return _png(_stack(blocks))


def sheet_pixels(sides: Sequence[int], channels: int) -> int:
    """Return about how many pixels a contact sheet has for a layer.

    Args:
        sides: rows and columns of its maps; empty for a flat layer.
        channels: the number of its channels.
    """
    if not sides:
        return channels * (CELL + CELL_GAP) ** 2
    height, width = (max(TILE, side) for side in sides)
    return channels * (height + CAPTION) * (width + TILE_GAP)


def occlusion_overlay(
    image: NDArray[np.uint8], occlusion: Occlusion, *, is_digit: bool = True
) -> bytes:
    """Draw the model's input, alone and with the heat map of `occlusion.pixels` over it.

    Args:
        image: uint8 (H, W, C); three channels are red, green, blue.
        occlusion: of that image.
        is_digit: whether bright pixels are ink, which darkens the colours; else dark pixels do.

    Returns:
        A PNG. Covering orange pixels lowers the confidence, covering blue ones raises it. A square
        on the input alone marks the patch with the largest drop.
    """
    limit = max(float(np.abs(occlusion.pixels).max()), SMALLEST_HEAT_SCALE)
    marked, most = _marked(image, occlusion)
    ink = as_floats(as_rgb(image if is_digit else 255 - image)).mean(axis=-1, keepdims=True)
    shaded = colours(occlusion.pixels, limit) * (1 - 0.5 * ink)  # (H, W, 3)
    heat = _fitted(shaded.round().astype(np.uint8))
    right, top = 2 * MARGIN + max(heat.width, PANEL), 84
    bottom = top + heat.height
    page = Image.new("RGB", (2 * right - MARGIN, bottom + 70), "white")
    draw = ImageDraw.Draw(page)
    for left, picture in ((MARGIN, marked), (right, heat)):
        page.paste(picture, (left, top))
        draw.rectangle((left - 1, top - 1, left + heat.width, bottom), outline=RULE)
    prediction = f'"{occlusion.label[:40]}" with {occlusion.confidence:.1%} confidence'
    patch = f"{occlusion.patch} x {occlusion.patch} patch, stride {occlusion.stride}"
    draw.text((MARGIN, 20), "Occlusion map", INK, TITLE)
    draw.text((MARGIN, 54), prediction, GREY, TEXT)
    draw.text((right, 54), "Mean drop when a pixel is covered, percentage points", GREY, TEXT)
    draw.text((MARGIN, bottom + 10), most, GREY, TEXT)
    draw.text((MARGIN, bottom + 32), f"{patch}, filled with {occlusion.fill}", GREY, TEXT)
    _bar(page, (right, bottom + 14), True, [f"{100 * v:+.3g}" for v in (-limit, limit)])
    return _png(page)


def _marked(image: NDArray[np.uint8], occlusion: Occlusion) -> tuple[Picture, str]:
    """Return the input with a square around the patch with the largest drop, and a caption."""
    cell_row, cell_column = np.unravel_index(occlusion.heat.argmax(), occlusion.heat.shape)
    row, column = occlusion.tops[cell_row], occlusion.lefts[cell_column]
    picture = _fitted(as_rgb(image))
    scale = picture.width / image.shape[1]
    x, y, side = (round(scale * each) for each in (column, row, occlusion.patch))
    square = (x, y, x + max(side, 1) - 1, y + max(side, 1) - 1)
    ImageDraw.Draw(picture).rectangle(square, outline=MARK, width=2)
    drop = f"Largest drop: {100 * occlusion.heat.max():.1f}"
    return picture, f"{drop} points, patch at row {row}, column {column}"


def _limit(layer: Layer, stage: Stage, values: NDArray[np.float32]) -> float:
    """Return the value of the darkest colour; 1 for probabilities, so that they compare."""
    if layer.activation == SOFTMAX and stage == "post":
        return 1.0
    return _largest(values)


def _largest(values: NDArray[np.float32]) -> float:
    """Return the largest magnitude; 1 where all values are 0, because a scale cannot be empty."""
    return float(np.abs(values).max(initial=0)) or 1.0


def _header(digit: NDArray[np.uint8], per_map: bool) -> Picture:
    picture = _enlarge(as_rgb(digit), max(1, 84 // max(digit.shape[:2])))
    block = Image.new("RGB", (WIDTH, picture.height + 2 * MARGIN), "white")
    block.paste(picture, (MARGIN, MARGIN))
    draw = ImageDraw.Draw(block)
    left = 2 * MARGIN + picture.width
    scale = "One colour scale per layer, shown at the right of its name."
    if per_map:
        scale = "One colour scale per map: the number at its lower right is its largest magnitude."
    draw.text((left, MARGIN), "Layer values for this digit", INK, TITLE)
    draw.text((left, MARGIN + 36), f"{scale} Orange is above 0, blue below.", GREY, TEXT)
    dead = "The number below a map is its channel. A dead map is 0 everywhere for this digit."
    draw.text((left, MARGIN + 58), dead, GREY, TEXT)
    return block


def _heading(
    layer: Layer,
    stage: Stage,
    values: NDArray[np.float32],
    diverging: bool,
    limit: float | None,
) -> Picture:
    """Draw a layer's name and properties, and its legend at the right (limit None: per map)."""
    block = Image.new("RGB", (WIDTH, HEADING), "white")
    draw = ImageDraw.Draw(block)
    draw.line((MARGIN, 0, WIDTH - MARGIN, 0), fill=RULE)
    draw.text((MARGIN, 10), layer.name, INK, TITLE)
    facts = [layer.kind, " x ".join(map(str, layer.output_shape)), stage]
    if layer.pre != layer.post:
        facts[-1] += f" ({'after' if stage == 'post' else 'before'} {layer.activation})"
    zero = int(np.count_nonzero(~values.any(axis=tuple(range(values.ndim - 1)))))
    if zero:
        count = f"{zero} of {values.shape[-1]}"
        facts.append(f"{count} dead for this digit" if values.ndim == 3 else f"{count} are 0")
    draw.text((MARGIN, 40), "   ·   ".join(facts), GREY, TEXT)
    ends = ["-max", "max"] if limit is None else [f"{-limit:.3g}", f"{limit:.3g}"]
    _bar(block, (WIDTH - MARGIN - BAR[0], 14), diverging, ends)
    return block


def _bar(page: Picture, corner: tuple[int, int], diverging: bool, ends: list[str]) -> None:
    """Draw the colour bar with its numbers: 0 in the middle, or at the left if not diverging."""
    left, top = corner
    ramp = np.linspace(-1 if diverging else 0, 1, BAR[0], dtype=np.float32)
    page.paste(Image.fromarray(np.tile(colours(ramp, 1), (BAR[1], 1, 1))), corner)
    draw = ImageDraw.Draw(page)
    draw.rectangle((left - 1, top - 1, left + BAR[0], top + BAR[1]), outline=RULE)
    marks = [(ends[0], 0), ("0", BAR[0] // 2)] if diverging else [("0", 0)]
    for text, at in [*marks, (ends[1], BAR[0])]:
        anchor = "la" if at == 0 else "ra" if at == BAR[0] else "ma"
        draw.text((left + at, top + BAR[1] + 6), text, GREY, SMALL, anchor=anchor)


def _maps(values: NDArray[np.float32], numbers: Sequence[int], limit: float | None) -> Picture:
    """Draw a tile per channel, enlarged by a whole factor; limit None: a scale per map."""
    factor = max(1, TILE // max(values.shape[:2]))
    height, width = (factor * side for side in values.shape[:2])
    pitch = max(TILE, width) + TILE_GAP
    across = max(1, (WIDTH - 2 * MARGIN + TILE_GAP) // pitch)  # fewer than TILES_A_ROW if larger
    down = -(-values.shape[-1] // across)
    block = Image.new("RGB", (WIDTH, down * (height + CAPTION) + MARGIN), "white")
    draw = ImageDraw.Draw(block)
    for index, number in enumerate(numbers):
        row, column = divmod(index, across)
        left, top = MARGIN + column * pitch, row * (height + CAPTION) + 1
        channel = values[..., index]
        box = (left - 1, top - 1, left + width, top + height)
        below = top + height + 4
        draw.text((left, below), str(number), GREY, SMALL)
        if not channel.any():
            draw.rectangle(box, DIMMED, RULE)
            draw.text((left + width // 2, top + height // 2), "dead", GREY, SMALL, anchor="mm")
            continue
        tile = colours(channel, limit or _largest(channel))
        draw.rectangle(box, outline=RULE)
        block.paste(_enlarge(tile, factor), (left, top))
        if limit is None:
            draw.text((left + width, below), f"{_largest(channel):.3g}", GREY, SMALL, anchor="ra")
    return block


def _units(values: NDArray[np.float32], numbers: Sequence[int], limit: float) -> Picture:
    """Draw a cell per unit, CELLS_A_ROW per row, after the number of the row's first unit."""
    pitch = CELL + CELL_GAP
    left = WIDTH - MARGIN - CELLS_A_ROW * pitch + CELL_GAP
    down = -(-len(values) // CELLS_A_ROW)
    block = Image.new("RGB", (WIDTH, down * pitch + MARGIN), "white")
    draw = ImageDraw.Draw(block)
    for index, colour in enumerate(colours(values, limit)):
        row, column = divmod(index, CELLS_A_ROW)
        x, y = left + column * pitch, row * pitch
        draw.rectangle((x, y, x + CELL - 1, y + CELL - 1), tuple(colour.tolist()), RULE)
        if column == 0:
            draw.text((MARGIN, y + CELL // 2), str(numbers[index]), GREY, SMALL, anchor="lm")
    return block


def _labelled_units(
    values: NDArray[np.float32], labels: Sequence[str], limit: float, percent: bool
) -> Picture:
    """Draw a cell per class, with its label and its value below."""
    pitch = TILE + TILE_GAP
    down = -(-len(values) // TILES_A_ROW)
    block = Image.new("RGB", (WIDTH, down * (CELL + 52) + MARGIN), "white")
    draw = ImageDraw.Draw(block)
    for index, colour in enumerate(colours(values, limit)):
        row, column = divmod(index, TILES_A_ROW)
        x, y = MARGIN + column * pitch, row * (CELL + 52)
        draw.rectangle((x, y, x + TILE - 1, y + CELL - 1), tuple(colour.tolist()), RULE)
        value = f"{values[index]:.1%}" if percent else f"{values[index]:.2f}"
        draw.text((x, y + CELL + 6), labels[index], INK, TEXT)
        draw.text((x + TILE, y + CELL + 7), value, GREY, SMALL, anchor="ra")
    return block


def as_rgb(digit: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return uint8 (H, W, 3): unchanged with three channels, else the mean of all as grey."""
    if digit.shape[-1] == 3:
        return digit
    grey = digit.mean(axis=-1, keepdims=True).round().astype(np.uint8)
    return np.repeat(grey, 3, axis=-1)


def _fitted(pixels: NDArray[np.uint8]) -> Picture:
    """Return pixels (H, W, 3) with a longer side of about PANEL; few pixels stay squares."""
    longer = max(pixels.shape)
    if 2 * longer <= PANEL:
        return _enlarge(pixels, PANEL // longer)
    height, width = (max(1, round(side * PANEL / longer)) for side in pixels.shape[:2])
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)


def _enlarge(pixels: NDArray[np.uint8], factor: int) -> Picture:
    """Draw every pixel as a square of side `factor`."""
    return Image.fromarray(pixels.repeat(factor, axis=0).repeat(factor, axis=1))


def _stack(blocks: Sequence[Picture]) -> Picture:
    page = Image.new("RGB", (WIDTH, sum(block.height for block in blocks)), "white")
    top = 0
    for block in blocks:
        page.paste(block, (0, top))
        top += block.height
    return page


def _png(page: Picture) -> bytes:
    out = io.BytesIO()
    page.save(out, "PNG", compress_level=1)  # a third of the default's time, a quarter more bytes
    return out.getvalue()
