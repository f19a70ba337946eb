"""The network that the page computes itself has the service's values, and Keras's when changed."""

import dataclasses
import json
import operator
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from service.model.bundle import Bundle
from service.model.engine import Engine
from service.model.explain.cells import Cell, cell_at
from service.model.explain.explain import explain, needed
from service.model.layer import Layer, Stage
from tests.networks import compiled, noise, odd_cnn
from training.data import Mnist

SCRIPT = Path(__file__).parent / "compute.js"
DIGITS, CHANGES = 200, 50
STAGES: tuple[Stage, ...] = ("pre", "post")
Change = dict[str, Any]
Values = dict[tuple[str, Stage], NDArray[np.float32]]


def computed(
    bundle: Bundle, pixels: NDArray[np.float32], changes: list[list[Change]], folder: Path
) -> tuple[list[Values], NDArray[np.float32]]:
    """Return the page's values of each image, and the gradients of one logit each."""
    for name in ("manifest.json", "weights.safetensors"):
        shutil.copy(bundle.path / name, folder)
    (folder / "changes.json").write_text(json.dumps(changes))
    pixels.tofile(folder / "pixels.f32")
    subprocess.run(["node", SCRIPT, folder], check=True)  # noqa: S607
    flat = np.fromfile(folder / "values.f32", np.float32).reshape(len(pixels), -1)
    gradients = np.fromfile(folder / "gradients.f32", np.float32).reshape(pixels.shape)
    return [dict(split(bundle.layers, row)) for row in flat], gradients


def split(
    layers: tuple[Layer, ...], row: NDArray[np.float32]
) -> Iterator[tuple[tuple[str, Stage], NDArray[np.float32]]]:
    """Yield the values of each layer and stage from one row of numbers."""
    first = 0
    for layer in layers:
        for stage in STAGES:
            size = int(np.prod(layer.output_shape))
            yield (layer.name, stage), row[first : first + size].reshape(layer.output_shape)
            first += size
    assert first == len(row)


def test_every_value_is_the_services(mnist: Mnist, mnist_bundle: Bundle, tmp_path: Path) -> None:
    """For 200 test digits every value of every layer is the service's within 1e-4."""
    pixels = np.float32(mnist.test_images[:DIGITS, ..., np.newaxis] / np.float32(255))
    found, _ = computed(mnist_bundle, pixels, [[]] * DIGITS, tmp_path)
    pairs = [(layer.name, stage) for layer in mnist_bundle.layers for stage in STAGES]
    expected = Engine(mnist_bundle).run(pixels, pairs)
    for index, values in enumerate(found):
        for pair in pairs:
            np.testing.assert_allclose(values[pair], expected[pair][index], rtol=0, atol=1e-4)


def random_cells(bundle: Bundle, count: int) -> Iterator[Cell]:
    """Yield cells of all layers in turn, the same in every run."""
    rng = np.random.default_rng(6)
    for i in range(count):
        layer = bundle.layers[i % len(bundle.layers)]
        yield cell_at(layer.name, [int(rng.integers(side)) for side in layer.output_shape])


def plain(value: Any) -> Any:
    """Return a value of an explanation as JSON has it, without empty fields."""
    if dataclasses.is_dataclass(value):
        value = dataclasses.asdict(value)
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(each) for each in value]
    return float(value) if isinstance(value, float | np.floating) else value


def assert_agrees(found: Any, expected: Any, where: str) -> None:
    """Assert that the page's explanation has the service's fields, numbers within 1e-4."""
    if isinstance(found, dict):
        for key, value in found.items():
            assert_agrees(value, expected[key], f"{where}.{key}")
    elif isinstance(found, list):
        assert len(found) == len(expected), where
        for i, value in enumerate(found):
            assert_agrees(value, expected[i], f"{where}[{i}]")
    elif isinstance(found, float | int):
        assert found == pytest.approx(expected, abs=1e-4), where
    else:
        assert found == expected, where


@pytest.mark.parametrize("name", ["mnist", "odd"])
def test_explanations_are_the_services(
    name: str, mnist: Mnist, mnist_bundle: Bundle, odd: Bundle, tmp_path: Path
) -> None:
    """The page explains cells of all layers by the terms that the service names."""
    bundle = {"mnist": mnist_bundle, "odd": odd}[name]
    count = 4 * len(bundle.layers)
    digits = (
        mnist.test_images[:count, ..., None] if name == "mnist" else noise(count, odd.input_shape)
    )
    pixels = np.float32(digits / np.float32(255))
    cells = list(random_cells(bundle, count))
    (tmp_path / "cells.json").write_text(json.dumps([plain(cell) for cell in cells]))
    computed(bundle, pixels, [[]] * count, tmp_path)
    explanations = json.loads((tmp_path / "explanations.json").read_text())
    for i, (cell, found) in enumerate(zip(cells, explanations, strict=True)):
        pairs = needed(bundle, cell)
        values = Engine(bundle).run(pixels[i : i + 1], pairs)
        one = {pair: array[0] for pair, array in values.items()}
        expected = plain(explain(bundle, one, pixels[i], cell))
        found = plain(found)
        for terms in (found, expected):  # Equal contributions may be in another order.
            if terms["kind"] == "Dense":
                terms["terms"].sort(key=operator.itemgetter("index"))
        assert_agrees(found, expected, found["kind"])


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A network with strides, padding, both poolings and tanh, and an input of several channels."""
    return compiled(odd_cnn(), tmp_path_factory.mktemp("odd"))


def test_windows_and_poolings_are_keras(odd: Bundle, tmp_path: Path) -> None:
    """Strides, `same` padding, average pooling and tanh give the service's values too."""
    pixels = np.float32(noise(5, odd.input_shape) / np.float32(255))
    found, _ = computed(odd, pixels, [[]] * len(pixels), tmp_path)
    pairs = [(layer.name, stage) for layer in odd.layers for stage in STAGES]
    expected = Engine(odd).run(pixels, pairs)
    for index, values in enumerate(found):
        for pair in pairs:
            np.testing.assert_allclose(values[pair], expected[pair][index], rtol=0, atol=1e-5)


def random_changes(bundle: Bundle, rng: np.random.Generator) -> list[Change]:
    """Return one to four changes of random kinds."""
    weights = bundle.weights
    weighted = [layer for layer in bundle.layers if f"{layer.name}/kernel" in weights]
    # the last layer's values are probabilities: scaling them has no meaning
    hidden = bundle.layers[:-1]
    changes: list[Change] = []
    for kind in rng.choice(["silence", "scale", "weight", "bias", "pixel"], rng.integers(1, 5)):
        each, inner = (pool[rng.integers(len(pool))] for pool in (weighted, hidden))
        channel = int(rng.integers(each.output_shape[-1]))
        match kind:
            case "silence":
                channel = int(rng.integers(inner.output_shape[-1]))
                changes.append({"kind": kind, "layer": inner.name, "channel": channel})
            case "scale":
                factor = float(rng.uniform(0, 3))
                changes.append({"kind": kind, "layer": inner.name, "factor": factor})
            case "weight":
                index = int(rng.integers(weights[f"{each.name}/kernel"].size))
                value = float(rng.normal())
                change = {"kind": kind, "layer": each.name, "index": index, "value": value}
                changes.append(change)
            case "bias":
                value = float(rng.normal())
                changes.append(
                    {"kind": kind, "layer": each.name, "channel": channel, "value": value}
                )
            case "pixel":
                index = int(rng.integers(np.prod(bundle.input_shape)))
                changes.append({"kind": kind, "index": index, "value": float(rng.random())})
    return [change | {"kind": str(change["kind"])} for change in changes]


def changed_values(
    model: keras.Model, image: Any, changes: list[Change]
) -> tuple[dict[str, NDArray[np.float32]], Any]:
    """Return the output of each layer of a changed model, as Keras computes it, and the logits."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for change in changes:
        if change["kind"] in ("weight", "bias"):
            layer = copy.get_layer(change["layer"])
            weight = layer.kernel if change["kind"] == "weight" else layer.bias
            array = np.array(weight)
            array.reshape(-1)[change.get("index", change.get("channel"))] = change["value"]
            weight.assign(array)
    x, values = image, {}
    for layer in copy.layers:
        if layer is copy.layers[-1]:
            layer.activation = keras.activations.linear
        x = layer(x)
        factor = np.ones(x.shape[-1], np.float32)
        for change in changes:
            if change.get("layer") == layer.name and change["kind"] == "scale":
                factor[:] = change["factor"]  # the last one counts
        for change in changes:
            if change.get("layer") == layer.name and change["kind"] == "silence":
                factor[change["channel"]] = 0
        x = x * factor
        values[layer.name] = np.asarray(x[0])
    return values, x


def test_changes_have_the_effect_that_they_have_in_keras(
    mnist: Mnist, mnist_bundle: Bundle, tmp_path: Path
) -> None:
    """With 50 random changes, values and gradients are those of a Keras model changed likewise."""
    rng = np.random.default_rng(3)
    model = keras.models.load_model(mnist_bundle.path / "model.keras", compile=False)
    changes = [random_changes(mnist_bundle, rng) for _ in range(CHANGES)]
    pixels = np.float32(mnist.test_images[:CHANGES, ..., np.newaxis] / np.float32(255))
    found, gradients = computed(mnist_bundle, pixels, changes, tmp_path)
    *hidden, last = (layer.name for layer in mnist_bundle.layers)
    for index, values in enumerate(found):
        image = pixels[index].copy()
        for change in changes[index]:
            if change["kind"] == "pixel":
                image.reshape(-1)[change["index"]] = change["value"]
        tensor = tf.constant(image[np.newaxis])
        with tf.GradientTape() as tape:
            tape.watch(tensor)
            expected, logits = changed_values(model, tensor, changes[index])
            target = logits[0, index % 10]
        for name in hidden:
            close(values[name, "post"], expected[name])
        close(values[last, "pre"], expected[last])
        close(gradients[index], np.asarray(tape.gradient(target, tensor))[0])


def close(found: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    """Compare values within 1e-4; larger ones, relative to the largest."""
    atol = 1e-4 * max(1, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


def test_an_unknown_change_is_an_error() -> None:
    """A kind of change that the page does not know raises; it is not left out."""
    code = (
        "import { Edits } from './service/web/compute/edits.js';"
        "try { new Edits([{kind: 'paint'}]); } catch (error) { console.log(error.message); }"
    )
    command = ["node", "--input-type=module", "-e", code]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=SCRIPT.parents[2]
    )
    assert done.stdout.strip() == 'Unknown kind of change "paint".'
