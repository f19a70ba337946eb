"""Train, evaluate and export an example: the steps that do not depend on its data or network."""

import logging
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from examples.data import Data, Images
from service.model.normalisation import as_floats
from training.device import keep_freed_memory
from training.evaluate import Report, metrics
from training.export import Wanted, export_model
from training.plots import draw_confusion

log = logging.getLogger(__name__)

SAMPLE = "sample.png"  # a test image beside the bundle, to try the service with
_FIT_IMAGES = 2_000  # training images that the score of unfamiliar images is fitted on
_WORST = 3  # confusions that the summary names
_BATCH_SIZE = 500  # of predictions


@dataclass(frozen=True)
class Example:
    """What the training of an example needs besides its data and network.

    Attributes:
        name: of the model.
        labels: of the classes, in order.
        input: how an image becomes the model's input (see `training.input_spec`).
        epochs: of the training.
        batch_size: images per step.
        peak_learning_rate: AdamW's, after a warm-up of one epoch; cosine decay to zero follows.
        shift: largest translation of a training image along each axis, pixels.
    """

    name: str
    labels: Sequence[str]
    input: str
    epochs: int
    batch_size: int = 128
    peak_learning_rate: float = 4e-3
    shift: int = 2


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # keras ships no types
    """Endless batches of images, mirrored and shifted at random; each depends on the seed alone."""

    def __init__(self, images: Images, example: Example, seed: int) -> None:
        super().__init__(workers=1)
        self.images, self.example, self.seed = images, example, seed
        self.steps_per_epoch = max(len(images.labels) // example.batch_size, 1)

    @property
    def num_batches(self) -> None:
        """Return None: the batches are endless, so `index` continues from epoch to epoch."""
        return None

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return images, float32 (batch, H, W, C) in 0–1, and their classes, one-hot."""
        epoch, step = divmod(index, self.steps_per_epoch)
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.images.labels))
        size = self.example.batch_size
        chosen = order[step * size : (step + 1) * size]
        rng = np.random.default_rng((self.seed, epoch, step))
        pixels = _mirror_and_shift(self.images.pixels[chosen], self.example.shift, rng)
        return as_floats(pixels), _one_hot(self.images.labels[chosen], self.example)


def train(model: keras.Model, data: Data, example: Example, seed: int) -> None:
    """Fit a model to the training images, with a line of progress for each epoch.

    Args:
        model: from float32 (N, H, W, C) in 0–1 to probabilities; it is changed.
        data: its test images are not used.
        example: the numbers of the training.
        seed: of the order and the augmentation.
    """
    keep_freed_memory()
    batches = Batches(data.training, example, seed)
    steps = batches.steps_per_epoch
    learning_rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max((example.epochs - 1) * steps, 1),
        warmup_target=example.peak_learning_rate,
        warmup_steps=steps,
    )
    model.compile(
        optimizer=keras.optimizers.AdamW(learning_rate, weight_decay=1e-2),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.05),
        metrics=["accuracy"],
    )
    validation = data.validation
    model.fit(
        batches,
        epochs=example.epochs,
        steps_per_epoch=steps,
        shuffle=False,  # the batches shuffle the images themselves
        validation_data=(as_floats(validation.pixels), _one_hot(validation.labels, example)),
        validation_batch_size=_BATCH_SIZE,
        verbose=1 if sys.stdout.isatty() else 2,  # a bar would fill a file
    )


def evaluate(model: keras.Model, images: Images) -> Report:
    """Predict images and measure the predictions."""
    probabilities = model.predict(as_floats(images.pixels), batch_size=_BATCH_SIZE, verbose=0)
    return metrics(probabilities, images.labels)


def train_and_export(
    network: Callable[[], keras.Model], data: Data, example: Example, models: Path, seed: int
) -> None:
    """Train a model, measure it on the test images, export it, and print a summary.

    Args:
        network: returns an untrained model, from float32 (N, H, W, C) in 0–1 to probabilities.
        data: of the example.
        example: its name, labels and numbers.
        models: the folder of all bundles.
        seed: of the initial weights, the order and the augmentation.

    Raises:
        ExportError: the model cannot be exported; no bundle is written.
    """
    start = time.monotonic()
    keras.utils.set_random_seed(seed)
    model = network()
    model.summary(print_fn=log.info)
    train(model, data, example, seed)
    seconds = time.monotonic() - start
    report = evaluate(model, data.test)
    bundle, agreement = _export(model, data, example, models)
    draw_confusion(bundle / "confusion.png", report, example.labels)
    _save(data.test.pixels[0], bundle / SAMPLE)
    log.info(
        f"\nTest accuracy {report.accuracy:.4f} on {report.digits:,} images; "
        f"{example.epochs} epochs in {seconds:.0f} s.\n"
        f"Most frequent errors: {'; '.join(worst_confusions(report, example.labels))}.\n"
        f"{agreement}\n"
        f"The bundle is {bundle}, with its confusion matrix.\n\n"
        f"Try it:\n  make serve\n"
        f"  curl --data-binary @{bundle / SAMPLE} "
        f"'localhost:8000/predict?model={example.name}&top_k=3'\n"
        f"  http://localhost:8000/?model={example.name} shows every layer"
    )


def worst_confusions(report: Report, labels: Sequence[str]) -> list[str]:
    """Return the most frequent errors as texts such as "101 × Shirt as Coat"."""
    errors = np.array(report.confusion)
    np.fill_diagonal(errors, 0)
    most = np.argsort(-errors, axis=None, kind="stable")[:_WORST]
    pairs = [np.unravel_index(index, errors.shape) for index in most]
    return [
        f"{errors[label, predicted]} × {labels[label]} as {labels[predicted]}"
        for label, predicted in pairs
        if errors[label, predicted]
    ]


def _export(model: keras.Model, data: Data, example: Example, models: Path) -> tuple[Path, str]:
    """Export the model with a score of unfamiliar images; return the bundle and a summary."""
    with tempfile.TemporaryDirectory() as folder:
        saved, pictures = Path(folder) / "model.keras", Path(folder) / "pictures"
        model.save(saved)
        pictures.mkdir()
        for index, pixels in enumerate(data.training.pixels[:_FIT_IMAGES]):
            _save(pixels, pictures / f"{index}.png")
        wanted = Wanted(example.name, example.labels, example.input, fit_images=pictures)
        bundle, summary = export_model(saved, models, wanted)
    return bundle, str(summary)


def _mirror_and_shift(
    pixels: NDArray[np.uint8], shift: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Mirror half of the images, and translate each; what enters repeats the edge."""
    count, height, width, _ = pixels.shape
    mirrored = np.where(rng.random((count, 1, 1, 1)) < 0.5, pixels[:, :, ::-1], pixels)
    around = ((0, 0), (shift, shift), (shift, shift), (0, 0))
    wide = np.pad(mirrored, around, mode="edge")
    corners = rng.integers(0, 2 * shift + 1, (count, 2))
    shifted: NDArray[np.uint8] = np.stack(
        [
            each[row : row + height, column : column + width]
            for each, (row, column) in zip(wide, corners, strict=True)
        ]
    )
    return shifted


def _one_hot(labels: NDArray[np.uint8], example: Example) -> NDArray[np.float32]:
    return np.eye(len(example.labels), dtype=np.float32)[labels]


def _save(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write an image, uint8 (H, W, 1) or (H, W, 3)."""
    Image.fromarray(pixels.squeeze()).save(path)
