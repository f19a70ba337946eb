"""Turn images into rows of the output: the same work for every process, local or on Ray."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
from msgspec import UNSET

from service.bulk.job import SEGMENT, Job
from service.bulk.shards import Batch
from service.errors import MalformedRequest, RequestError
from service.inference import in_distribution, outcome, predictions, scores
from service.inputs import Inputs
from service.model.engine import Engine, Pixels
from service.model.layer import LayerValues
from service.predictions import Prediction
from service.preparation import Errors, as_batch, from_batch, from_images

Columns = dict[str, pa.Array]
_BYTES = 2**25  # of layers' values that are in memory at once


class Labeller:
    """A model that turns batches of images into tables.

    Attributes:
        schema: of the tables.
    """

    def __init__(self, engine: Engine, job: Job) -> None:
        """Prepare the columns.

        Raises:
            BulkError: the model lacks a layer of the job.
        """
        self._engine, self._job = engine, job
        self._bundle = engine.bundle
        self.schema = job.schema(self._bundle)
        self._layers = job.pairs(self._bundle)
        self._selection = list(dict.fromkeys([*outcome(self._bundle), *self._layers]))
        shapes = [layer.output_shape for layer in self._bundle.layers if layer.name in job.layers]
        row = 4 * sum(map(prod, shapes))  # bytes of the layers' values
        self._together = max(_BYTES // max(row, 1), 1)

    def tables(self, batch: Batch) -> Iterator[pa.Table]:
        """Yield a row for each image in their order; with segments, for each of its digits.

        Args:
            batch: the images. One that cannot be read, decoded or prepared gets a row with its
                error.
        """
        for first in range(0, len(batch.keys), self._together):
            some = slice(first, first + self._together)
            yield self._table(Batch(batch.keys[some], batch.images[some]))

    def _table(self, batch: Batch) -> pa.Table:
        inputs, errors = self._inputs(batch)
        values = self._engine.run(inputs.pixels, self._selection)
        if self._job.segmentation is None:
            images, columns = list(inputs.images), self._outcomes(inputs, values)
        else:
            chosen = predictions(self._bundle, values, inputs, details=True)
            images, columns = [each.image for each in chosen], self._segments(chosen)
        if errors:
            rows = [
                *((image, row) for row, image in enumerate(images)),
                *((i, None) for i in errors),
            ]
            rows.sort(key=lambda pair: pair[0])  # stable: the digits of an image keep their order
            images = [image for image, _ in rows]
            places = pa.array([row for _, row in rows], pa.int64())
            columns = {name: column.take(places) for name, column in columns.items()}
        columns["key"] = pa.array([batch.keys[image] for image in images], pa.string())
        messages = [str(errors[image]) if image in errors else None for image in images]
        columns["error"] = pa.array(messages, pa.string())
        return pa.table([columns[name] for name in self.schema.names], schema=self.schema)

    def _inputs(self, batch: Batch) -> tuple[Inputs, Errors]:
        """Prepare the images; return with them the errors of those that have one."""
        if isinstance(batch.images, np.ndarray):
            if self._job.segmentation:
                raise MalformedRequest("--segment takes images, not arrays. Omit it.")
            return self._array_inputs(batch.images)
        errors: Errors = {}
        files: dict[int, bytes] = {}
        for index, image in enumerate(batch.images):
            if isinstance(image, RequestError):
                errors[index] = image
            else:
                files[index] = image
        readable, failed, job = list(files), Errors(), self._job
        inputs = from_images(
            *(list(files.values()), job.mode, self._bundle, job.max_pixels),
            segmentation=job.segmentation,
            errors=failed,
        )
        errors |= {readable[index]: error for index, error in failed.items()}
        return replace(inputs, images=[readable[index] for index in inputs.images]), errors

    def _array_inputs(self, pixels: Pixels) -> tuple[Inputs, Errors]:
        """Check the rows of an array; where the whole array has an error, each row on its own."""
        try:
            return from_batch(as_batch(pixels, self._bundle), "none", self._bundle), {}
        except RequestError as error:
            if len(pixels) == 1:
                nothing = np.empty((0, *self._bundle.input_shape), np.uint8)
                return Inputs(nothing, [], [], []), {0: error}
        each = [self._array_inputs(pixels[i : i + 1]) for i in range(len(pixels))]
        errors = {index: failed[0] for index, (_, failed) in enumerate(each) if failed}
        good = [index for index in range(len(each)) if index not in errors]
        rows = as_batch(pixels[good], self._bundle) if good else each[0][0].pixels
        applied = [applied for inputs, _ in each for applied in inputs.applied]
        return Inputs(rows, applied, good, []), errors

    def _outcomes(self, inputs: Inputs, values: LayerValues) -> Columns:
        probabilities = values[self._bundle.probabilities]  # (N, classes)
        best = probabilities.argmax(axis=1)
        similar = in_distribution(self._bundle, scores(self._bundle, values), inputs)
        count = len(best)
        return {
            "label": pa.array([self._bundle.labels[index] for index in best.tolist()]),
            "confidence": pa.array(probabilities[np.arange(count), best]),
            "probabilities": pa.FixedSizeListArray.from_arrays(
                pa.array(probabilities.ravel()), probabilities.shape[1]
            ),
            "in_distribution": pa.nulls(count, pa.bool_())
            if similar is None
            else pa.array(similar),
            **self._features(values),
        }

    def _segments(self, chosen: Sequence[Prediction]) -> Columns:
        labels = self._bundle.labels
        rows = [
            [of[label] for label in labels] if (of := each.probabilities) else None
            for each in chosen
        ]
        digits = np.array([np.frombuffer(each.digit, np.uint8) for each in chosen if each.digit])
        pixels = digits.reshape(-1, *self._bundle.input_shape)
        values = self._engine.run(pixels, self._layers) if self._layers else {}
        return {
            "segment": pa.array([_place(each) for each in chosen], SEGMENT),
            "label": pa.array([each.label for each in chosen], pa.string()),
            "confidence": pa.array([each.confidence for each in chosen], pa.float32()),
            "probabilities": pa.array(rows, self.schema.field("probabilities").type),
            "in_distribution": pa.array([each.in_distribution for each in chosen], pa.bool_()),
            **self._features(values),
        }

    def _features(self, values: LayerValues) -> Columns:
        """Return a column of each layer's values."""
        columns: Columns = {}
        for pair in self._layers:
            kind = self.schema.field(pair[0]).type
            flat = values[pair].reshape(-1).astype(kind.value_type.to_pandas_dtype(), copy=False)
            size = kind.storage_type.list_size
            storage = pa.FixedSizeListArray.from_arrays(pa.array(flat), size)
            columns[pair[0]] = pa.ExtensionArray.from_storage(kind, storage)
        return columns


def _place(prediction: Prediction) -> dict[str, Any]:
    left, top, width, height = prediction.preprocessing.bounding_box
    box = {"left": left, "top": top, "width": width, "height": height}
    place = prediction.segment
    if place is UNSET:
        raise TypeError("A prediction of a segmented image has a place.")
    return {"index": place.index, "row": place.row, "is_digit": place.is_digit, **box}
