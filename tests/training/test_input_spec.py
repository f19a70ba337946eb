"""The flag `--input` of `python -m training export`."""

import numpy as np
import pytest

from service.images.resize import Resize
from service.model.normalisation import KEYS, Normalisation
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


def test_both_parts_survive_one_object_of_the_manifest():
    """The object of a manifest holds the keys of both, which do not overlap."""
    resize, normalisation = parse("rgb,resize=256,crop,imagenet", COLOUR)
    entry = {**resize.to_json(), **normalisation.to_json()}
    numbers = {key: entry.pop(key) for key in KEYS}
    assert Resize.from_json(entry, COLOUR) == resize
    assert Normalisation.from_json(numbers, 3) == normalisation


@pytest.mark.parametrize(
    ("text", "shape", "message"),
    [
        ("", SQUARE, "has ''; allowed is a colour"),
        ("rgb,", SQUARE, "has ''"),
        ("rgba", SQUARE, "has 'rgba'; allowed is a colour"),
        ("rgb,zoom=3", SQUARE, "has 'zoom'"),
        ("stretch,rgb", SQUARE, "rgb at position 2; write it first"),
        ("rgb,bgr", SQUARE, "bgr at position 2"),
        ("rgb,pad,pad", SQUARE, "pad twice"),
        ("rgb,crop,stretch", SQUARE, "crop and stretch; write one"),
        ("rgb,pad=3", SQUARE, "'pad=3'; write pad"),
        ("rgb,resize", SQUARE, "'resize'; write resize="),
        ("rgb,mean=", SQUARE, "'mean='; write mean="),
        ("rgb,crop=", SQUARE, "'crop='; write crop"),
        ("rgb=1", SQUARE, "'rgb=1'; write rgb"),
        ("grey", SQUARE, "has grey, but the model's input has 3 channels; write rgb or bgr"),
        ("rgb", DIGITS, "has rgb, but the model's input has 1 channel; write grey"),
        ("rgb,crop=224", SQUARE, "crop=224, but the model's input is 32 × 32"),
        ("rgb,crop=20", (20, 30, 3), "input is 20 × 30"),
        ("rgb,crop=x", SQUARE, "crop must be a whole number"),
        ("rgb,resize=1e3", SQUARE, "resize must be a whole number"),
        ("rgb,resize=20", SQUARE, "resize must be at least 32"),
        ("rgb,pad,resize=64", SQUARE, "goes with the fit crop"),
        ("rgb,scale=1/0", SQUARE, "scale must be a number above 0"),
        ("rgb,scale=-1", SQUARE, "scale must be a number above 0"),
        ("rgb,scale=a", SQUARE, "got 'a'"),
        ("rgb,mean=nan", SQUARE, "mean must be a number"),
        ("rgb,mean=1:2", SQUARE, "mean must have one number or 3, got 2"),
        ("rgb,std=1:0:1", SQUARE, "std must be a number above 0"),
        ("rgb,caffe", SQUARE, "write bgr"),
        ("rgb,imagenet,bytes", SQUARE, "imagenet and bytes; write one preset"),
        ("rgb,imagenet,mean=0", SQUARE, "imagenet and mean"),
        ("grey,imagenet", DIGITS, r"\(of imagenet\): mean must have one number, got 3"),
        ("digit", (32, 32, 1), r"digit, which is for inputs of shape \(28, 28, 1\)"),
        ("digit,pad", DIGITS, "write grey,pad or digit alone"),
        ("rgb,crop", (8, 8, 4), "4 channels"),
    ],
)
def test_a_flag_that_cannot_work_is_an_error(text, shape, message):
    """One sentence says what is wrong and what is allowed."""
    with pytest.raises(ValueError, match=message):
        parse(text, shape)
