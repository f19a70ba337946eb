"""The occlusion map equals predictions of covered digits, and its cells align with the digit."""

import numpy as np
import pytest

from service.errors import MalformedRequest
from service.model import occlusion
from service.model.engine import Engine
from service.model.occlusion import occlude


class CountingEngine(Engine):
    """An engine that records its batch sizes."""

    def probabilities(self, digits):
        """Predict, and append the batch size to `batches`."""
        self.batches = [*getattr(self, "batches", []), len(digits)]
        return super().probabilities(digits)


def starts(side, patch, stride):
    """Return every stride-th position, and the last one at the border."""
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
def test_the_heat_map_equals_predictions_of_covered_digits(engine, digit, patch, stride, fill):
    """Each cell is the drop of the predicted class's probability, computed one at a time."""
    result = occlude(engine, digit, patch, stride, fill)
    uncovered = engine.probabilities(digit[np.newaxis])[0]
    rows, columns = (starts(side, patch, stride) for side in digit.shape[:2])
    assert (list(result.tops), list(result.lefts)) == (rows, columns)
    assert result.heat.shape == (len(rows), len(columns))
    assert result.heat.dtype == result.pixels.dtype == np.float32
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            covered = digit.copy()
            covered[row : row + patch, column : column + patch, :] = fill
            covered_probabilities = engine.probabilities(covered[np.newaxis])[0]
            drop = uncovered[uncovered.argmax()] - covered_probabilities[uncovered.argmax()]
            assert result.heat[i, j] == pytest.approx(drop, abs=1e-6)


def test_a_pixel_has_the_mean_drop_of_the_patches_on_it(engine, digit):
    """The map by pixel averages the cells whose patch covers the pixel; every pixel has one."""
    result = occlude(engine, digit, patch=5, stride=3)
    for row in range(digit.shape[0]):
        for column in range(digit.shape[1]):
            drops = [
                result.heat[i, j]
                for i, top in enumerate(result.tops)
                for j, left in enumerate(result.lefts)
                if top <= row < top + 5 and left <= column < left + 5
            ]
            assert result.pixels[row, column] == pytest.approx(np.mean(drops), abs=1e-6)


def test_class_and_geometry_are_returned(engine, digit):
    """The class is the one predicted for the uncovered digit, with label and confidence."""
    result = occlude(engine, digit, patch=4, stride=3, fill=7)
    uncovered = engine.probabilities(digit[np.newaxis])[0]
    assert result.index == uncovered.argmax()
    assert result.label == engine.bundle.labels[result.index]
    assert result.confidence == pytest.approx(uncovered.max())
    assert (result.patch, result.stride, result.fill) == (4, 3, 7)


def test_background_does_not_matter_and_the_digit_does(mnist_bundle, mnist):
    """Covering only background changes nothing; covering a whole digit takes its label away."""
    engine = Engine(mnist_bundle)
    largest = []
    for digit in mnist.test_images[:10, ..., np.newaxis]:
        result = occlude(engine, digit)
        for i, top in enumerate(result.tops):
            for j, left in enumerate(result.lefts):
                if not digit[top : top + result.patch, left : left + result.patch].any():
                    assert abs(result.heat[i, j]) < 1e-6
        largest.append(occlude(engine, digit, patch=20, stride=4).heat.max())
    assert np.mean(np.array(largest) > 0.5) >= 0.8  # a blank picture may look like a 1


def test_the_default_is_one_small_batch(mnist_bundle, mnist):
    """All positions and the digit itself are one batch of at most 200 images."""
    engine = CountingEngine(mnist_bundle)
    engine.batches = []
    result = occlude(engine, mnist.test_images[0, ..., np.newaxis])
    assert engine.batches == [1 + result.heat.size]
    assert result.heat.size <= 200  # 60 ms on a core that needs 0.3 ms a digit


def test_the_digit_stays_unchanged(engine, digit):
    """Patches are drawn on copies."""
    before = digit.copy()
    occlude(engine, digit, patch=4, stride=4, fill=255)
    np.testing.assert_array_equal(digit, before)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"patch": 0}, "patch must be 1 to 28 .*got 0"),
        ({"patch": 29}, "patch must be 1 to 28 .*got 29"),
        ({"stride": 0}, "stride must be 1 to 6 .*got 0"),
        ({"patch": 4, "stride": 5}, "stride must be 1 to 4 .*got 5"),
        ({"fill": -1}, "fill must be 0 to 255 .*got -1"),
        ({"fill": 256}, "fill must be 0 to 255 .*got 256"),
    ],
)
def test_parameters_out_of_range_are_rejected(mnist_bundle, parameters, message):
    """Patch, stride and fill outside their range: the message names value and range."""
    with pytest.raises(MalformedRequest, match=message):
        occlude(Engine(mnist_bundle), np.zeros((28, 28, 1), np.uint8), **parameters)


def test_the_shorter_side_bounds_the_patch(tiny_bundle):
    """On a digit of 12 × 10 pixels a patch of 10 fits and one of 11 does not."""
    engine, digit = Engine(tiny_bundle), np.zeros((12, 10, 3), np.uint8)
    assert occlude(engine, digit, patch=10).heat.shape == (2, 1)
    with pytest.raises(MalformedRequest, match=r"patch must be 1 to 10 .*got 11"):
        occlude(engine, digit, patch=11)


def test_too_many_positions_are_rejected(mnist_bundle, monkeypatch):
    """More positions than allowed are rejected, with both numbers in the message."""
    monkeypatch.setattr(occlusion, "MAX_POSITIONS", 700)
    with pytest.raises(MalformedRequest, match="784 positions; at most 700"):
        occlude(Engine(mnist_bundle), np.zeros((28, 28, 1), np.uint8), patch=1, stride=1)
