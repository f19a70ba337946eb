"""The compiled graph gives what Keras gives, and what plain arithmetic gives."""

import threading

import keras
import numpy as np
import pytest

from service.model.engine import Engine
from service.model.manifest import MODEL
from tests.oracles import forward


def every_value(bundle):
    """Every (layer, stage) of a bundle."""
    return [(layer.name, stage) for layer in bundle.layers for stage in ("pre", "post")]


@pytest.fixture(params=["mnist_bundle", "tiny_bundle"])
def bundle(request):
    """The lecture's network, and one with other names, sizes, strides, padding and channels."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def digits(bundle, mnist):
    """A few inputs of the bundle's own shape, uint8."""
    if bundle.input_shape == (28, 28, 1):
        return mnist.test_images[:5, ..., np.newaxis]
    return np.random.default_rng(3).integers(0, 256, (5, *bundle.input_shape), np.uint8)


def test_every_layer_equals_plain_arithmetic(bundle, digits):
    """Each layer's values, before and after activation, are what the definition computes."""
    found = Engine(bundle).run(digits, every_value(bundle))
    for index, digit in enumerate(digits):
        expected = forward(bundle, digit / np.float64(255))
        for pair, value in expected.items():
            np.testing.assert_allclose(found[pair][index], value, atol=1e-4, err_msg=str(pair))


def test_every_layer_equals_keras(mnist_bundle, mnist):
    """On 100 test digits no layer's output differs from the saved model's by more than 1e-4."""
    model = keras.models.load_model(mnist_bundle.path / MODEL, compile=False)
    probe = keras.Model(model.inputs, [layer.output for layer in model.layers])
    digits = mnist.test_images[:100, ..., np.newaxis]
    expected = probe.predict(digits / np.float32(255), verbose=0)
    found = Engine(mnist_bundle).run(digits, [(layer.name, "post") for layer in model.layers])
    for layer, values in zip(model.layers, expected, strict=True):
        np.testing.assert_allclose(found[layer.name, "post"], values, rtol=0, atol=1e-4)


def test_accuracy_is_what_the_manifest_states(mnist_bundle, mnist):
    """All 10,000 test digits: exactly the manifest's accuracy."""
    probabilities = Engine(mnist_bundle).probabilities(mnist.test_images[..., np.newaxis])
    accuracy = float(np.mean(probabilities.argmax(axis=1) == mnist.test_labels))
    assert accuracy == pytest.approx(mnist_bundle.manifest["metrics"]["accuracy"], abs=1e-9)


def test_bytes_and_floats_are_the_same_pixels(bundle, digits):
    """uint8 in 0–255 and float32 in 0–1 give the same answer, bit for bit."""
    engine = Engine(bundle)
    floats = digits / np.float32(255)
    np.testing.assert_array_equal(engine.probabilities(digits), engine.probabilities(floats))


def test_a_batch_is_its_digits_one_by_one(bundle, digits):
    """No digit's answer depends on the others in its batch."""
    engine = Engine(bundle)
    together = engine.run(digits, every_value(bundle))
    for index in range(len(digits)):
        alone = engine.run(digits[index : index + 1], every_value(bundle))
        for pair, values in alone.items():
            np.testing.assert_array_equal(values[0], together[pair][index])


def test_answers_stay_when_the_engine_runs_again(bundle, digits):
    """What was returned is the caller's: the next run does not write into it."""
    engine = Engine(bundle)
    first = engine.run(digits[:1], every_value(bundle))
    kept = {pair: values.copy() for pair, values in first.items()}
    engine.run(digits[1:], every_value(bundle))
    for pair, values in kept.items():
        np.testing.assert_array_equal(first[pair], values)


def test_threads_do_not_disturb_each_other(mnist_bundle, mnist):
    """Eight threads on one engine each get the answers to their own digits."""
    engine = Engine(mnist_bundle)
    digits = mnist.test_images[:400, ..., np.newaxis]
    expected = engine.probabilities(digits)
    answers = {}

    def work(number):
        answers[number] = engine.probabilities(digits[number::8])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, answer in answers.items():
        np.testing.assert_array_equal(answer, expected[number::8])


def test_no_digits_give_no_answers(mnist_bundle):
    """An empty batch is not an error."""
    empty = np.empty((0, 28, 28, 1), np.uint8)
    assert Engine(mnist_bundle).probabilities(empty).shape == (0, 10)
