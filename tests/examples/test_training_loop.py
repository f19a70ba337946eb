"""The networks of the examples learn, and their training depends on the seed alone."""

import itertools
from collections.abc import Callable

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from examples.data import Data, Images
from examples.fashion.model import fashion_cnn
from examples.shapes.data import LABELS, draw_images
from examples.shapes.model import shapes_resnet
from examples.training_loop import Batches, Example, evaluate, train, worst_confusions
from training.evaluate import metrics


@pytest.fixture(scope="module")
def drawings() -> Images:
    """Draw 40 shapes."""
    return draw_images(40, (5,))


def example(**numbers: int) -> Example:
    """Return an example with small numbers."""
    return Example("shapes", LABELS, "rgb,stretch", **{"epochs": 1, "batch_size": 8, **numbers})


def grey(images: Images) -> Images:
    """Return the images in the format of Fashion-MNIST, uint8 (N, 28, 28, 1)."""
    return Images(images.pixels[:, 2:58:2, 2:58:2, 1:2], images.labels)


@pytest.mark.parametrize(
    ("network", "convert"),
    [
        pytest.param(shapes_resnet, lambda images: images, marks=pytest.mark.slow),
        (fashion_cnn, grey),
    ],
)
def test_a_few_steps_reduce_the_loss(
    network: Callable[[], keras.Model], convert: Callable[[Images], Images], drawings: Images
) -> None:
    """After a few epochs on 40 images, their loss is well below that of guessing."""
    keras.utils.set_random_seed(1)
    model, images = network(), convert(drawings)
    train(model, Data(images, images, images), example(epochs=6, shift=0), seed=1)
    # of the training: batch normalization has seen too few batches for its moving means
    losses = model.history.history["loss"]
    assert losses[-1] < 0.75 * losses[0]


def test_the_residual_network_has_branches() -> None:
    """Each block adds its input, or a strided convolution of it, to two convolutions."""
    network = shapes_resnet()
    for name in ("block1", "block2", "block3"):
        block = network.get_layer(name)
        inputs = {layer.name: _inputs(layer) for layer in block.layers}
        start = block.layers[0].name
        assert inputs["conv1"] == [start]
        if name == "block1":
            assert inputs["add"] == [start, "conv2_norm"]
        else:
            assert inputs["add"] == ["shortcut_norm", "conv2_norm"]
            assert inputs["shortcut"] == [start]
            shortcut = block.get_layer("shortcut")
            assert (shortcut.kernel_size, shortcut.strides) == ((1, 1), (2, 2))
            assert block.get_layer("conv1").strides == (2, 2)


def test_batches_depend_on_seed_and_index_alone(drawings: Images) -> None:
    """An epoch has every image once; batches repeat with the seed and change with the epoch."""
    plain = Images(np.arange(40, dtype=np.uint8).reshape(-1, 1, 1, 1), drawings.labels)
    batches = Batches(plain, example(shift=0), seed=1)
    epochs = [[_numbers(batches[5 * epoch + step]) for step in range(5)] for epoch in range(2)]
    assert [sorted(itertools.chain(*epoch)) for epoch in epochs] == [list(range(40))] * 2
    assert epochs[0] != epochs[1]

    one, same, other = (Batches(drawings, example(), seed=seed)[3][0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_images_are_mirrored_and_shifted_with_their_labels(drawings: Images) -> None:
    """A training image is one of the mirrored and shifted forms of an image of its class."""
    forms = {}
    for index, pixels in enumerate(drawings.pixels):
        for mirrored in (pixels, pixels[:, ::-1]):
            wide = np.pad(mirrored, ((1, 1), (1, 1), (0, 0)), mode="edge")
            for row in range(3):
                for column in range(3):
                    forms[wide[row : row + 64, column : column + 64].tobytes()] = index
    batches = Batches(drawings, example(shift=1), seed=4)
    seen = set()
    for step in range(5):
        pixels, targets = batches[step]
        for each, target in zip(pixels, targets, strict=True):
            index = forms[np.rint(each * 255).astype(np.uint8).tobytes()]
            assert target.argmax() == drawings.labels[index]
            seen.add(index)
    assert seen == set(range(40))


def test_the_most_frequent_errors_are_named() -> None:
    """The summary names label and prediction of the largest counts, and none that is 0."""
    labels = np.array([0, 0, 0, 1, 2], np.uint8)
    probabilities = np.eye(3)[[1, 1, 0, 1, 0]]
    assert worst_confusions(metrics(probabilities, labels), ("cat", "dog", "fox")) == [
        "2 × cat as dog",
        "1 × fox as cat",
    ]


def test_the_evaluation_predicts_every_image(drawings: Images) -> None:
    """An untrained network is measured on all images, with a loss near that of guessing."""
    keras.utils.set_random_seed(1)
    report = evaluate(shapes_resnet(), drawings)
    assert report.digits == 40
    assert 1.5 < report.loss < 3.5


def _numbers(batch: tuple[NDArray[np.float32], NDArray[np.float32]]) -> list[int]:
    """Return the value of each image of one pixel."""
    return np.rint(batch[0].ravel() * 255).astype(int).tolist()


def _inputs(layer: keras.layers.Layer) -> list[str]:
    """Return the names of the layers that a layer of a functional model reads."""
    tensors = layer.input if isinstance(layer.input, list) else [layer.input]
    return [tensor._keras_history.operation.name for tensor in tensors]
