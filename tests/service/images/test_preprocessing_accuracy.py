"""Accuracy of the committed model on drawings, photos, pens and printed digits."""

import numpy as np
import pytest

from service.images.decode import decode
from service.images.digit.preprocessing import prepare
from service.model.engine import Engine
from tests.service.images.test_preprocessing import canvas
from training import renderings

MAX_PIXELS = 10_000_000


@pytest.fixture(scope="module")
def added_errors(digits, mnist_bundle):
    """Return a function that counts the errors that drawing the digits by `draw` adds."""
    images, labels = digits
    engine = Engine(mnist_bundle)

    def errors(prepared):
        return int((engine.probabilities(prepared[..., np.newaxis]).argmax(axis=1) != labels).sum())

    def count(draw):
        prepared = []
        for index, image in enumerate(images):
            drawing = draw(image, np.random.default_rng(index))
            prepared.append(prepare(drawing, "mnist").digit)
        return errors(np.array(prepared)) - errors(images)

    return count


def photo(ink, paper, low=30, noise=8.0):
    """Return a function that draws a digit, photographs it and saves a JPEG of quality 30."""
    drawn = canvas(low, 250, ink=ink, paper=paper)
    return lambda digit, rng: decode(
        renderings.encode(
            renderings.photographed(drawn(digit, rng), rng, noise), "JPEG", "RGB", quality=30
        ),
        MAX_PIXELS,
    )


@pytest.mark.parametrize(
    ("draw", "allowed"),
    [
        pytest.param(canvas(), 1, id="black-on-white"),
        pytest.param(canvas(ink=255, paper=0), 1, id="white-on-black"),
        pytest.param(canvas(60, 590, (600, 600)), 1, id="600-pixels"),
        pytest.param(canvas(20, 170, (180, 420)), 1, id="wide-canvas"),
        pytest.param(canvas(60, 250, ink=100, paper=150), 1, id="faint"),
        pytest.param(photo(0, 255), 2, id="photo"),
        pytest.param(photo(110, 255, low=60), 2, id="photo-of-pencil"),
        pytest.param(photo(235, 20, low=60), 2, id="photo-of-chalk"),
        pytest.param(photo(0, 255, low=80, noise=16.0), 2, id="photo-in-the-dark"),
    ],
)
def test_drawings_and_photos_are_classified(added_errors, draw, allowed):
    """Digits drawn or photographed anywhere, at any size, add almost no errors to MNIST's."""
    assert added_errors(draw) <= allowed


@pytest.mark.parametrize(
    ("pen", "allowed"),
    [
        (1.1, 3),
        pytest.param(1.6, 3, marks=pytest.mark.slow),
        pytest.param(3.4, 3, marks=pytest.mark.slow),
        (4.5, 4),
    ],
)
def test_thin_and_thick_pens_are_classified(added_errors, pen, allowed):
    """Pens of half to double MNIST's width of 2.25 pixels add almost no errors."""

    def draw(digit, rng):
        factor = pen / renderings.pen_width(digit)
        return renderings.on_canvas(renderings.restroke(digit, factor, 200), rng)

    assert added_errors(draw) <= allowed


def test_printed_digits_are_classified(mnist_bundle):
    """At least 80 % of the digits printed in every installed font are classified correctly."""
    engine = Engine(mnist_bundle)
    is_right = []
    for font in renderings.fonts():
        for label in range(10):
            shape = renderings.printed(str(label), 120, font)
            drawing = renderings.on_canvas(shape, np.random.default_rng(label))
            digit = prepare(drawing).digit[np.newaxis, ..., np.newaxis]
            is_right.append(int(engine.probabilities(digit).argmax()) == label)
    assert np.mean(is_right) >= 0.8
