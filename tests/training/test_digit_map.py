"""The map of the test digits: features, layout, outlier scores and thumbnails of a small model."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file

from service.model.bundle import MAP, THUMBNAILS
from training import digit_map
from training.data import Mnist
from training.digit_map import NEIGHBOURS, layout, outlier_scores, quantise, write_map

DIGITS = 120


@pytest.fixture(scope="module")
def some(mnist: Mnist) -> Mnist:
    """Return the first test digits."""
    return Mnist(
        mnist.train_images[:1],
        mnist.train_labels[:1],
        mnist.test_images[:DIGITS],
        mnist.test_labels[:DIGITS],
    )


@pytest.fixture(scope="module")
def model() -> keras.Sequential:
    """Return an untrained network with two Dense layers."""
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(8, activation="relu", name="hidden"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def test_a_map_has_the_models_values_for_each_digit(
    model: keras.Sequential, some: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row has the digit's features, answer and class; its thumbnail has the digit's pixels."""
    monkeypatch.setattr(digit_map, "CHUNK", 50)
    write_map(model, some, tmp_path)

    rows = load_file(tmp_path / MAP)
    with safe_open(tmp_path / MAP, "np") as file:
        assert file.metadata() == {"layer": "hidden", "neighbours": "10", "chunk": "50"}
    pixels = some.test_images[..., np.newaxis] / np.float32(255)
    hidden = keras.Sequential(model.layers[:-1]).predict(pixels, verbose=0)
    probabilities = model.predict(pixels, verbose=0)
    restored = rows["lows"] + rows["features"] * rows["scales"]
    np.testing.assert_allclose(restored, hidden, atol=rows["scales"].max() / 2 + 1e-6)
    np.testing.assert_array_equal(rows["labels"], some.test_labels)
    np.testing.assert_array_equal(rows["predicted"], probabilities.argmax(axis=1))
    np.testing.assert_allclose(rows["confidences"], probabilities.max(axis=1), atol=1e-6)
    assert rows["positions"].dtype == np.uint16
    chunks = [
        np.asarray(Image.open(tmp_path / THUMBNAILS / f"{chunk}.png")).reshape(-1, 28, 28)
        for chunk in range(3)
    ]
    assert [len(chunk) for chunk in chunks] == [50, 50, 20]
    np.testing.assert_array_equal(np.concatenate(chunks)[rows["thumbnails"]], some.test_images)


def test_mistakes_come_first_among_the_thumbnails(
    model: keras.Sequential, some: Mnist, tmp_path: Path
) -> None:
    """The first thumbnails are those of mistakes and outliers, so that one file has them."""
    write_map(model, some, tmp_path)

    rows = load_file(tmp_path / MAP)
    scores = rows["outlier_scores"]
    is_special = (rows["labels"] != rows["predicted"]) | (scores >= np.quantile(scores, 0.99))
    assert set(rows["thumbnails"][is_special]) == set(range(is_special.sum()))


def test_a_layer_that_is_not_flat_has_no_map(some: Mnist, tmp_path: Path) -> None:
    """Nothing is written where the layer before the last one has maps."""
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(10, 28, name="maps"),
            layers.Reshape((10,)),
        ]
    )
    write_map(model, some, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_values_are_quantised_within_half_a_step() -> None:
    """Each unit has a scale of its own; one that is the same everywhere has a step of 1."""
    values = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    values[:, 1] *= 1000
    values[:, 2] = 7

    features, lows, scales = quantise(values)

    assert features.min(axis=0).tolist() == [0, 0, 0, 0]
    assert features.max(axis=0).tolist() == [255, 255, 0, 255]
    assert (np.abs(lows + features * scales - values) <= scales / 2 * 1.001).all()
    assert (lows[2], scales[2]) == (7, 1)


def test_the_layout_keeps_groups_together() -> None:
    """Two groups of vectors lie apart, and the same vectors always have the same places."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, 5)).astype(np.float32)
    values[30:] += 20

    places = layout(values).astype(float)

    first, second = places[:30].mean(axis=0), places[30:].mean(axis=0)
    to_own = np.linalg.norm(places[:30] - first, axis=1)
    to_other = np.linalg.norm(places[:30] - second, axis=1)
    assert (to_own < to_other).all()
    assert (places.min(), places.max()) == (0, 65_535)
    np.testing.assert_array_equal(layout(values), places)


def test_an_outlier_score_is_the_mean_distance_to_the_neighbours() -> None:
    """The digit itself is no neighbour; distances are exact."""
    values = np.random.default_rng(0).normal(size=(600, 6)).astype(np.float32)

    scores = outlier_scores(values)

    distances = np.linalg.norm(values[:, np.newaxis] - values, axis=2)
    nearest = np.sort(distances, axis=1)[:, 1 : NEIGHBOURS + 1]
    np.testing.assert_allclose(scores, nearest.mean(axis=1), atol=1e-3)
