"""Occlusion: the heat map is what covering and asking again gives, and it lies on the digit."""

import numpy as np
import pytest

from service.errors import MalformedRequest
from service.model import occlusion
from service.model.engine import Engine
from service.model.occlusion import occlude


class CountingEngine(Engine):
    """An engine that notes how many digits it was given at a time."""

    def probabilities(self, digits):
        """The engine's own answer; its batch is noted in `batches`."""
        self.batches = [*getattr(self, "batches", []), len(digits)]
        return super().probabilities(digits)


def starts(side, patch, stride):
    """Every stride-th place, and the last one at the border."""
    return sorted({*range(0, side - patch + 1, stride), side - patch})


@pytest.fixture(params=["mnist_bundle", "tiny_bundle"])
def bundle(request):
    """The lecture's network, and one that is not square, with three input channels."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def engine(bundle):
    """The bundle's engine."""
    return Engine(bundle)


@pytest.fixture
def digit(bundle, mnist):
    """One input of the bundle's own shape, uint8."""
    if bundle.input_shape == (28, 28, 1):
        return mnist.test_images[18, ..., np.newaxis]
    return np.random.default_rng(3).integers(0, 256, bundle.input_shape, np.uint8)


@pytest.mark.parametrize(("patch", "stride", "fill"), [(6, 2, 0), (5, 3, 0), (4, 4, 255)])
def test_the_heat_map_is_what_covering_and_asking_again_gives(engine, digit, patch, stride, fill):
    """Each cell is the drop of the predicted class's probability, asked one cover at a time."""
    found = occlude(engine, digit, patch, stride, fill)
    plain = engine.probabilities(digit[np.newaxis])[0]
    rows, columns = (starts(side, patch, stride) for side in digit.shape[:2])
    assert (list(found.tops), list(found.lefts)) == (rows, columns)
    assert found.heat.shape == (len(rows), len(columns))
    assert found.heat.dtype == found.pixels.dtype == np.float32
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            covered = digit.copy()
            covered[row : row + patch, column : column + patch, :] = fill
            answer = engine.probabilities(covered[np.newaxis])[0]
            drop = plain[plain.argmax()] - answer[plain.argmax()]
            assert found.heat[i, j] == pytest.approx(drop, abs=1e-6)


def test_a_pixel_has_the_mean_drop_of_the_patches_on_it(engine, digit):
    """The map by pixel averages, for each pixel, the cells whose patch covers it; none is bare."""
    found = occlude(engine, digit, patch=5, stride=3)
    for row in range(digit.shape[0]):
        for column in range(digit.shape[1]):
            drops = [
                found.heat[i, j]
                for i, top in enumerate(found.tops)
                for j, left in enumerate(found.lefts)
                if top <= row < top + 5 and left <= column < left + 5
            ]
            assert found.pixels[row, column] == pytest.approx(np.mean(drops), abs=1e-6)


def test_it_says_what_was_watched(engine, digit):
    """The class is the one predicted without cover, with its label, confidence and geometry."""
    found = occlude(engine, digit, patch=4, stride=3, fill=7)
    plain = engine.probabilities(digit[np.newaxis])[0]
    assert found.index == plain.argmax()
    assert found.label == engine.bundle.labels[found.index]
    assert found.confidence == pytest.approx(plain.max())
    assert (found.patch, found.stride, found.fill) == (4, 3, 7)


def test_background_does_not_matter_and_the_digit_does(mnist_bundle, mnist):
    """Covering only background changes nothing; covering a whole digit takes its label away."""
    engine = Engine(mnist_bundle)
    largest = []
    for digit in mnist.test_images[:10, ..., np.newaxis]:
        found = occlude(engine, digit)
        for i, top in enumerate(found.tops):
            for j, left in enumerate(found.lefts):
                if not digit[top : top + found.patch, left : left + found.patch].any():
                    assert abs(found.heat[i, j]) < 1e-6
        largest.append(occlude(engine, digit, patch=20, stride=4).heat.max())
    assert np.mean(np.array(largest) > 0.5) >= 0.8  # a blank picture may look like a 1


def test_the_default_is_one_small_batch(mnist_bundle, mnist):
    """All places and the digit itself go through the engine together, and they are few."""
    engine = CountingEngine(mnist_bundle)
    engine.batches = []
    found = occlude(engine, mnist.test_images[0, ..., np.newaxis])
    assert engine.batches == [1 + found.heat.size]
    assert found.heat.size <= 200  # 60 ms on a core that needs 0.3 ms a digit


def test_the_digit_is_left_as_it_is(engine, digit):
    """Covers are put on copies."""
    before = digit.copy()
    occlude(engine, digit, patch=4, stride=4, fill=255)
    np.testing.assert_array_equal(digit, before)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"patch": 0}, r"patch must be 1 to 28 .*, got 0"),
        ({"patch": 29}, r"patch must be 1 to 28 .*, got 29"),
        ({"stride": 0}, r"stride must be 1 to 6 .*, got 0"),
        ({"patch": 4, "stride": 5}, r"stride must be 1 to 4 .*, got 5"),
        ({"fill": -1}, r"fill must be 0 to 255 .*, got -1"),
        ({"fill": 256}, r"fill must be 0 to 255 .*, got 256"),
    ],
)
def test_parameters_out_of_range_are_refused(mnist_bundle, parameters, said):
    """Patch, stride and fill outside their range: the message names value and range."""
    with pytest.raises(MalformedRequest, match=said):
        occlude(Engine(mnist_bundle), np.zeros((28, 28, 1), np.uint8), **parameters)


def test_the_shorter_side_bounds_the_patch(tiny_bundle):
    """On a digit of 12 × 10 pixels a patch of 10 fits and one of 11 does not."""
    engine, digit = Engine(tiny_bundle), np.zeros((12, 10, 3), np.uint8)
    assert occlude(engine, digit, patch=10).heat.shape == (2, 1)
    with pytest.raises(MalformedRequest, match=r"patch must be 1 to 10 .*, got 11"):
        occlude(engine, digit, patch=11)


def test_too_many_places_are_refused(mnist_bundle, monkeypatch):
    """More places than the most allowed: refused before any is covered, saying both numbers."""
    monkeypatch.setattr(occlusion, "MAX_POSITIONS", 700)
    with pytest.raises(MalformedRequest, match="784 positions; at most 700"):
        occlude(Engine(mnist_bundle), np.zeros((28, 28, 1), np.uint8), patch=1, stride=1)
