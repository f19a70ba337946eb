"""Parse the flag `--input` of `python -m training export`: how a picture becomes the model's input.

The flag is a list of words separated by commas, such as `rgb,resize=256,crop,imagenet`:

- the colour first: `rgb`, `bgr` or `grey`; without one, the number of channels decides;
- how the picture fits: `crop` (the default; `crop=224` to confirm the size) with an optional
  `resize=256`, `stretch`, or `pad`;
- how bytes become numbers, (byte · scale − mean) / std: `scale=1/127.5`, `mean=0.485:0.456:0.406`
  and `std=…`, one number or one per channel; or a preset: `imagenet`, `minus1to1`, `caffe`,
  `bytes`.

`digit` instead of the colour and the fit selects the preparation of digits.
"""

import math

from service.images.digit.preprocessing import SIZE
from service.images.resize import Colour, Fit, Resize
from service.model.normalisation import Normalisation

Shape = tuple[int, int, int]  # height, width, channels of the model's input

DIGIT = "digit"
_COLOURS: dict[str, Colour] = {"rgb": "rgb", "bgr": "bgr", "grey": "grey"}
_FITS: dict[str, Fit] = {"crop": "crop", "stretch": "stretch", "pad": "pad"}
_NUMBERS = ("scale", "mean", "std")
PRESETS = {
    "imagenet": Normalisation(1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "minus1to1": Normalisation(1 / 127.5, (1.0,)),
    "caffe": Normalisation(1.0, (103.939, 116.779, 123.68)),
    "bytes": Normalisation(1.0),
}
_ALLOWED = (
    f"a colour ({', '.join(_COLOURS)}) or {DIGIT} first, then crop, stretch, pad, resize=, scale=, "
    f"mean=, std= or a preset ({', '.join(PRESETS)})"
)


def parse(
    text: str, shape: Shape, *, takes_bytes: bool = False
) -> tuple[Resize | None, Normalisation]:
    """Parse the value of `--input`.

    Args:
        text: the value, as the module's docstring describes it.
        shape: of the model's input.
        takes_bytes: whether the model rescales its input itself; the scale is then 1 by default.

    Returns:
        The preparation, None for that of digits, and the normalisation.

    Raises:
        ValueError: a word is unknown, or does not fit the others or the shape.
    """
    options = _options(text)
    numbers = _normalisation(options, shape, takes_bytes)
    if DIGIT in options:
        _check_digit(options, shape)
        return None, numbers
    return _resize(options, shape), numbers


def default_input(shape: Shape, takes_bytes: bool) -> tuple[Resize, Normalisation]:
    """Return the input of a model whose export has no `--input`.

    Args:
        shape: of the model's input.
        takes_bytes: whether the model rescales its input itself.

    Returns:
        Grey or RGB by the number of channels, cropped; in 0–1, or in 0–255 for a model that
        rescales.

    Raises:
        ValueError: the model's input has neither 1 nor 3 channels.
    """
    return _resize({}, shape), _default_normalisation(takes_bytes)


def _options(text: str) -> dict[str, str]:
    """Return the value of each word; the value is empty where the word has none."""
    options: dict[str, str] = {}
    for position, part in enumerate(text.split(",")):
        word, equals, value = (piece.strip() for piece in part.partition("="))
        takes_value = word in ("crop", "resize", *_NUMBERS)
        needs_value = takes_value and word != "crop"
        if not takes_value and word not in (DIGIT, *_COLOURS, *_FITS, *PRESETS):
            raise ValueError(f"--input has {word!r}; allowed is {_ALLOWED}.")
        if position and word in (DIGIT, *_COLOURS):
            raise ValueError(f"--input has {word} at position {position + 1}; write it first.")
        if word in options:
            raise ValueError(f"--input has {word} twice; write it once.")
        if (equals and not takes_value) or (equals and not value) or (needs_value and not value):
            example = f"{word}=…" if needs_value else f"{word} or crop=N"
            raise ValueError(
                f"--input has {part.strip()!r}; write {example if takes_value else word}."
            )
        options[word] = value
    return options


def _resize(options: dict[str, str], shape: Shape) -> Resize:
    height, width, channels = shape
    if channels not in (1, 3):
        raise ValueError(
            f"The model's input has {channels} channels; pictures need 1 (grey) or 3 (rgb, bgr)."
        )
    by_channels: Colour = "bgr" if "caffe" in options else "rgb"
    default = "grey" if channels == 1 else by_channels
    colour = next((_COLOURS[word] for word in _COLOURS if word in options), default)
    if (colour == "grey") != (channels == 1):
        allowed = "grey" if channels == 1 else "rgb or bgr"
        raise ValueError(
            f"--input has {colour}, but the model's input has {channels} "
            f"channel{'s' if channels > 1 else ''}; write {allowed}."
        )
    if "caffe" in options and colour != "bgr":
        raise ValueError(f"--input has {colour} and caffe, whose means are in BGR; write bgr.")
    fits = [word for word in options if word in _FITS]
    if len(fits) > 1:
        raise ValueError(f"--input has {' and '.join(fits)}; write one of {', '.join(_FITS)}.")
    if (crop := options.get("crop")) and not _whole(crop, "crop") == height == width:
        raise ValueError(
            f"--input has crop={crop}, but the model's input is {height} × {width}; write crop."
        )
    fit = _FITS[fits[0]] if fits else "crop"
    shorter = _whole(options["resize"], "resize") if "resize" in options else None
    return Resize(height, width, colour, fit, shorter)


def _normalisation(options: dict[str, str], shape: Shape, takes_bytes: bool) -> Normalisation:
    """Return the preset, or the numbers that the options state."""
    presets = [word for word in options if word in PRESETS]
    numbers = [word for word in options if word in _NUMBERS]
    if len(presets) > 1 or (presets and numbers):
        raise ValueError(
            f"--input has {' and '.join(presets + numbers)}; write one preset, or numbers alone."
        )
    if presets:
        normalisation = PRESETS[presets[0]]
    else:
        default = _default_normalisation(takes_bytes)
        normalisation = Normalisation(
            _number(options["scale"], "scale") if "scale" in options else default.scale,
            _numbers(options, "mean"),
            _numbers(options, "std"),
        )
    try:
        normalisation.check(shape[2])
    except ValueError as error:
        source = f" (of {presets[0]})" if presets else ""
        raise ValueError(f"--input does not fit the model's channels{source}: {error}") from None
    return normalisation


def _default_normalisation(takes_bytes: bool) -> Normalisation:
    return Normalisation(1.0) if takes_bytes else Normalisation()


def _check_digit(options: dict[str, str], shape: Shape) -> None:
    if shape != (SIZE, SIZE, 1):
        raise ValueError(
            f"--input has {DIGIT}, which is for inputs of shape {(SIZE, SIZE, 1)}; the model's is "
            f"{shape}, so write a colour."
        )
    if others := [word for word in options if word in (*_FITS, "resize")]:
        raise ValueError(
            f"--input has {others[0]} with {DIGIT}, which has a fit of its own; "
            f"write grey,{others[0]} or {DIGIT} alone."
        )


def _numbers(options: dict[str, str], word: str) -> tuple[float, ...]:
    """Return the numbers of an option, separated by colons; none where it is missing."""
    if word not in options:
        return ()
    return tuple(_number(text, word) for text in options[word].split(":"))


def _number(text: str, word: str) -> float:
    """Parse a number or a fraction such as 1/255."""
    numerator, slash, denominator = text.partition("/")
    try:
        number = float(numerator) / float(denominator if slash else 1)
    except (ValueError, ZeroDivisionError):
        number = math.nan
    if not math.isfinite(number) or (word != "mean" and number <= 0):
        kind = "a number" if word == "mean" else "a number above 0"
        raise ValueError(f"{word} must be {kind} such as 0.5 or 1/255, got {text!r}.")
    return number


def _whole(text: str, word: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{word} must be a whole number such as 256, got {text!r}.")
    return int(text)
