"""Parse the flag `--input`: what a model's input is, and how an image becomes one."""

from fractions import Fraction
from typing import Any

from service.model.manifest import Colour, DigitPreparation, Input, ResizePreparation
from service.model.normalisation import BYTE

Shape = tuple[int, int, int]

_COLOURS: dict[str, Colour] = {"grey": "grey", "rgb": "rgb", "bgr": "bgr"}
_PRESETS: dict[str, dict[str, Any]] = {
    "bytes": {"scale": 1.0},
    "minus1to1": {"scale": 1 / 127.5, "mean": (1.0,)},
    "imagenet": {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    "caffe": {"scale": 1.0, "mean": (103.939, 116.779, 123.68)},
}
ALLOWED = (
    "a colour (grey, rgb, bgr), a fit (crop, stretch, pad), resize=PIXELS, crop=PIXELS, "
    f"scale=NUMBER, mean=NUMBER, std=NUMBER (or one for each channel, as 0.5:0.5:0.5), a preset "
    f"({', '.join(_PRESETS)}), or digit"
)


def parse_input(text: str, shape: Shape) -> Input:
    """Parse text such as `rgb,resize=256,crop=224,mean=0.5,std=0.5`.

    Args:
        text: words and assignments, separated by commas.
        shape: of the model's input, (H, W, C).

    Raises:
        ValueError: a word is unknown or does not fit the shape; says what is allowed.
    """
    if text == "digit":
        if shape != (28, 28, 1):
            raise ValueError(f"digit is for inputs of 28 × 28 × 1, and the model takes {shape}.")
        return Input(shape, "grey", DigitPreparation())
    source = default_input(shape, takes_bytes=False)
    colour, preparation = source.colour, source.preparation
    if not isinstance(preparation, ResizePreparation):
        raise ValueError(f"images have 1 or 3 channels, and the model takes {shape[2]}.")
    for word in text.split(","):
        key, _, value = word.strip().partition("=")
        if not value and key in _COLOURS:
            colour = _COLOURS[key]
        elif not value and key in _PRESETS:
            preparation = _replaced(preparation, **_PRESETS[key])
            colour = "bgr" if key == "caffe" else colour
        elif not value and key in ("crop", "stretch", "pad"):
            preparation = _replaced(preparation, fit=key)
        elif value:
            preparation = _assigned(preparation, key, value, shape)
        else:
            raise ValueError(f"{word!r} is unknown; give {ALLOWED}.")
    if (colour == "grey") != (shape[2] == 1):
        raise ValueError(f"the colour {colour} does not fit the model's {shape[2]} channels.")
    return Input(shape, colour, preparation)


def default_input(shape: Shape, *, takes_bytes: bool) -> Input:
    """Return the input of a model about which nothing else is known.

    Args:
        shape: of the model's input, (H, W, C).
        takes_bytes: whether the model itself scales bytes 0–255.
    """
    scale = 1.0 if takes_bytes else BYTE
    preparation = ResizePreparation(scale=scale) if shape[2] in (1, 3) else None
    return Input(shape, "grey" if shape[2] == 1 else "rgb", preparation)


def _assigned(
    preparation: ResizePreparation, key: str, value: str, shape: Shape
) -> ResizePreparation:
    try:
        match key:
            case "resize":
                return _replaced(preparation, resize=int(value))
            case "crop" if int(value) not in shape[:2]:
                raise ValueError(f"crop={value} is not the model's {shape[1]} × {shape[0]}.")
            case "crop":
                return _replaced(preparation, fit="crop")
            case "scale":
                return _replaced(preparation, scale=_number(value))
            case "mean" | "std":
                numbers = tuple(map(_number, value.split(":")))
                if len(numbers) not in (1, shape[2]):
                    raise ValueError(f"{key} needs 1 or {shape[2]} numbers, got {len(numbers)}.")
                return _replaced(preparation, **{key: numbers})
    except (ValueError, ZeroDivisionError) as error:
        reason = str(error) if "." in str(error)[-1:] else f"{value!r} is not a number."
        raise ValueError(f"{key}: {reason}") from error
    raise ValueError(f"{key!r} is unknown; give {ALLOWED}.")


def _number(text: str) -> float:
    """Parse a number, or a fraction such as 1/127.5."""
    above, _, below = text.partition("/")
    return float(above) / float(below) if below else float(Fraction(above))


def _replaced(preparation: ResizePreparation, **fields: Any) -> ResizePreparation:
    import msgspec

    return msgspec.structs.replace(preparation, **fields)
