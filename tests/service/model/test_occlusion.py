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


def test_the_defaults_for_a_digit_are_a_small_black_patch(mnist_bundle, mnist):
    """Patch 6, stride 2 and fill 0; another patch has the same stride unless it is smaller."""
    engine, digit = Engine(mnist_bundle), mnist.test_images[0, ..., np.newaxis]
    default, same = occlude(engine, digit), occlude(engine, digit, 6, 2, 0)
    assert (default.patch, default.stride, default.fill) == (6, 2, 0)
    assert default.heat.shape == (12, 12)
    np.testing.assert_array_equal(default.heat, same.heat)
    assert [occlude(engine, digit, patch).stride for patch in (9, 1)] == [2, 1]


def test_images_are_computed_in_blocks_that_change_no_value(bundle, digit):
    """No batch is larger than a block, and one batch of all positions gives the same heat."""
    engine = CountingEngine(bundle)
    engine.block = 7
    blocks = occlude(engine, digit, 4, 2)
    assert max(engine.batches) == 7
    assert sum(engine.batches) == 1 + blocks.heat.size
    engine.block = 1000
    one = occlude(engine, digit, 4, 2)
    assert engine.batches[-1] == one.heat.size
    np.testing.assert_array_equal(blocks.heat, one.heat)


@pytest.mark.parametrize(
    ("shape", "patch", "stride", "count"),
    [
        ((28, 28), 6, 2, 144),
        ((32, 32), 7, 3, 100),
        ((224, 224), 48, 16, 144),
        ((299, 299), 64, 22, 144),
        ((300, 224), 48, 16, 204),
        ((300, 40), 9, 8, 190),
        ((3, 3), 1, 1, 9),
    ],
)
def test_the_default_patch_is_a_share_of_the_shorter_side(
    mnist_bundle, monkeypatch, shape, patch, stride, count
):
    """Whatever the size, at most 256 positions; a long input has a larger stride."""
    engine = Engine(mnist_bundle)
    monkeypatch.setattr(engine, "probabilities", lambda images: np.ones((len(images), 10)))
    result = occlude(engine, np.zeros((*shape, 1), np.uint8))
    assert (result.patch, result.stride, result.heat.size) == (patch, stride, count)


def test_an_image_that_is_no_digit_is_covered_with_grey(tiny_bundle):
    """Mid grey is the default where black would be an object of its own."""
    engine, image = Engine(tiny_bundle), np.zeros((12, 10, 3), np.uint8)
    default = occlude(engine, image)
    assert default.fill == 128
    np.testing.assert_array_equal(default.heat, occlude(engine, image, fill=128).heat)
    assert (default.heat != 0).any()


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
    assert occlude(engine, digit, patch=10, stride=2).heat.shape == (2, 1)
    with pytest.raises(MalformedRequest, match=r"patch must be 1 to 10 .*got 11"):
        occlude(engine, digit, patch=11)


def test_too_many_positions_are_rejected(mnist_bundle, monkeypatch):
    """The message has both numbers, and parameters that are allowed."""
    monkeypatch.setattr(occlusion, "MAX_POSITIONS", 700)
    engine, digit = Engine(mnist_bundle), np.zeros((28, 28, 1), np.uint8)
    with pytest.raises(
        MalformedRequest,
        match="784 positions; at most 700 are allowed: use at least patch=2 with stride=2",
    ):
        occlude(engine, digit, patch=1, stride=1)
    assert occlude(engine, digit, patch=2, stride=2).heat.size == 196


def test_a_slow_model_has_fewer_positions(mnist_bundle, monkeypatch):
    """A map takes 20 s at most, unless even the default takes longer, which is always allowed."""
    engine, digit = Engine(mnist_bundle), np.zeros((28, 28, 1), np.uint8)
    monkeypatch.setattr(engine, "seconds", lambda: 0.1)
    with pytest.raises(
        MalformedRequest,
        match="625 positions; at most 200 are allowed for a model of 100 ms an image: "
        "use at least patch=4 with stride=2",
    ):
        occlude(engine, digit, patch=4, stride=1)
    assert occlude(engine, digit, patch=4, stride=2).heat.size == 169
    monkeypatch.setattr(engine, "seconds", lambda: 60.0)
    assert occlude(engine, digit).heat.size == 144
    with pytest.raises(MalformedRequest, match="169 positions; at most 144"):
        occlude(engine, digit, patch=4, stride=2)
