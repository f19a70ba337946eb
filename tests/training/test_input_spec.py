"""The flag `--input` of `python -m training export`."""

import numpy as np
import pytest

from service.images.resize import Resize
from service.model.normalisation import Normalisation
from training.input_spec import PRESETS, default_input, parse

COLOUR, SQUARE, DIGITS = (224, 224, 3), (32, 32, 3), (28, 28, 1)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.mark.parametrize(
    ("text", "shape", "resize", "normalisation"),
    [
        (
            "rgb,resize=256,crop=224,mean=0.485:0.456:0.406,std=0.229:0.224:0.225",
            COLOUR,
            Resize(224, 224, "rgb", "crop", 256),
            Normalisation(1 / 255, MEAN, STD),
        ),
        ("grey,stretch", DIGITS, Resize(28, 28, "grey", "stretch"), Normalisation()),
        ("rgb,pad,scale=1", SQUARE, Resize(32, 32, "rgb", "pad"), Normalisation(1.0)),
        (
            "bgr , crop, scale = 1/128",
            SQUARE,
            Resize(32, 32, "bgr", "crop"),
            Normalisation(1 / 128),
        ),
        ("rgb", (20, 30, 3), Resize(20, 30, "rgb", "crop"), Normalisation()),
        ("stretch", (20, 30, 1), Resize(20, 30, "grey", "stretch"), Normalisation()),
        ("imagenet,resize=256", COLOUR, Resize(224, 224, "rgb", "crop", 256), PRESETS["imagenet"]),
        ("bgr,imagenet", SQUARE, Resize(32, 32, "bgr", "crop"), Normalisation(1 / 255, MEAN, STD)),
        ("caffe", SQUARE, Resize(32, 32, "bgr", "crop"), PRESETS["caffe"]),
        ("grey,minus1to1", DIGITS, Resize(28, 28, "grey", "crop"), Normalisation(1 / 127.5, (1,))),
        ("rgb,bytes", SQUARE, Resize(32, 32, "rgb", "crop"), Normalisation(1.0)),
        ("rgb,mean=-0.5,std=2e-1", SQUARE, Resize(32, 32, "rgb", "crop"), None),
        ("digit", DIGITS, None, Normalisation()),
        ("digit,minus1to1", DIGITS, None, PRESETS["minus1to1"]),
    ],
)
def test_the_flag_is_parsed(text, shape, resize, normalisation):
    """Words give the preparation and the normalisation; missing words have their defaults."""
    expected = normalisation or Normalisation(1 / 255, (-0.5,), (0.2,))
    assert parse(text, shape) == (resize, expected)


def test_the_scale_is_1_where_the_model_rescales():
    """A model with a Rescaling layer takes bytes, unless the flag states a scale."""
    assert parse("rgb", SQUARE, takes_bytes=True)[1] == Normalisation(1.0)
    assert parse("rgb,scale=1/255", SQUARE, takes_bytes=True)[1] == Normalisation()


@pytest.mark.parametrize(
    ("preset", "black", "white"),
    [
        ("imagenet", [-2.1179, -2.0357, -1.8044], [2.2489, 2.4286, 2.64]),
        ("minus1to1", [-1] * 3, [1] * 3),
        ("caffe", [-103.939, -116.779, -123.68], [151.061, 138.221, 131.32]),
        ("bytes", [0] * 3, [255] * 3),
    ],
)
def test_a_preset_gives_its_frameworks_range(preset, black, white):
    """Black and white become the numbers that models of that framework take."""
    normalisation = PRESETS[preset]
    for byte, expected in ((0, black), (255, white)):
        pixels = np.full((1, 1, 3), byte, np.uint8)
        assert np.allclose(normalisation.apply(pixels)[0, 0], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("shape", "takes_bytes", "expected"),
    [
        (SQUARE, False, (Resize(32, 32, "rgb", "crop"), Normalisation())),
        (SQUARE, True, (Resize(32, 32, "rgb", "crop"), Normalisation(1.0))),
        (DIGITS, False, (Resize(28, 28, "grey", "crop"), Normalisation())),
    ],
)
def test_without_the_flag_the_model_decides(shape, takes_bytes, expected):
    """The channels decide the colour, the model's own rescaling the scale."""
    assert default_input(shape, takes_bytes) == expected


def test_pictures_need_one_or_three_channels():
    """No picture has two or four channels."""
    for channels in (2, 4):
        with pytest.raises(ValueError, match=rf"{channels} channels.*1 \(grey\) or 3"):
            default_input((8, 8, channels), takes_bytes=False)
