"""Write a traced model as a bundle: compile its graphs, compare them with Keras, write all files.

`service/model/manifest.py` documents the manifest, and the service reads it.
"""

import base64
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version as library_version
from pathlib import Path
from time import perf_counter
from typing import Any

import keras
import msgspec
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from safetensors.numpy import save

from service.model.checksums import sha256, write_manifest
from service.model.manifest import (
    GRAPH,
    MODEL,
    PREDICT,
    WEIGHTS,
    Input,
)
from service.model.session import open_interpreter
from training.conversion import Comparison, compare, convert, positions_in
from training.layers import added_weights, described, features_of, output_of
from training.tracing import Trace

log = logging.getLogger(__name__)

RATIO = 1.4  # time of the graph with all values, of the one for predictions; up to it one is enough
LARGE = 4_000_000  # values; of so many, an interpreter keeps 16 MB, and each thread has its own
_RUNS = 12  # of which the fastest counts
_SMALL = 784  # values of the largest golden image that is stored as it is
_PATTERN = 8  # pixels a side of the pattern that stands for a larger one

Pixels = NDArray[np.uint8]


@dataclass
class Contents:
    """What a bundle holds besides its graphs.

    Attributes:
        name: the model's.
        version: of it.
        labels: of the classes.
        input: how images become the model's input.
        images: uint8 (N, H, W, C), on which graphs and model are compared.
        golden: uint8 (G, H, W, C), whose values are recorded in the manifest.
        entries: further entries of the manifest (training, metrics …).
    """

    name: str
    version: int
    labels: list[str]
    input: Input
    images: Pixels
    golden: Pixels
    entries: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """What was measured while a bundle was written.

    Attributes:
        comparison: with Keras.
        milliseconds: of each graph for one image, by its file.
        bytes: of each graph, by its file.
    """

    comparison: Comparison
    milliseconds: dict[str, float]
    bytes: dict[str, int]

    def __str__(self) -> str:
        """Return how exact the graphs are, and their times and sizes, in a few lines."""
        agreement, images = self.comparison.agreement, self.comparison.images
        return "\n".join(
            [
                f"Every value agrees with Keras within {self.comparison.largest:.1g}, and the "
                f"class for {agreement:.0%} of {images} images.",
                *(
                    f"  {file:<15} {milliseconds:9.3f} ms an image {self.bytes[file] / 1e6:9.2f} MB"
                    for file, milliseconds in self.milliseconds.items()
                ),
            ]
        )


def patterns(shape: tuple[int, int, int], count: int, seed: int = 0) -> Pixels:
    """Return random images of few large squares, uint8 (count, H, W, C)."""
    small = np.random.default_rng(seed).integers(0, 256, (count, *_pattern(shape)), np.uint8)
    return np.stack([_enlarged(one, shape) for one in small])


def write_bundle(
    model: keras.Model, trace: Trace, folder: Path, contents: Contents
) -> tuple[dict[str, Any], Summary]:
    """Write the model, its graphs, its weights and the manifest into a folder.

    Args:
        model: in float32.
        trace: of the model.
        folder: empty, except for the files of the score and the snapshots, if the model has them.
        contents: what the manifest says besides.

    Returns:
        The manifest, and what was measured.

    Raises:
        ExportError: a graph cannot be compiled, or differs from Keras.
    """
    log.info("Saving the model …")
    model.save(folder / MODEL)
    log.info("Compiling the graph with every value of %d layers …", len(trace.layers))
    graph = convert(trace)
    (folder / GRAPH).write_bytes(graph)
    log.info("Comparing it with Keras …")
    normalise = contents.input.normalisation.apply
    comparison = compare(graph, trace, normalise(contents.images), model)
    weights = weights_of(trace)
    (folder / WEIGHTS).write_bytes(save(weights))
    layers = described(trace, comparison.positions, weights.keys())
    summary, predict = _write_predict(trace, folder, graph, comparison)
    manifest = {
        "manifest": 2,
        "name": contents.name,
        "version": contents.version,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "labels": contents.labels,
        "input": _input(contents.input),
        "output": {"layer": output_of(trace), "activation": trace.output.kind},
        "parameters": model.count_params(),
        "graphs": {
            "made_from": sha256(folder / MODEL),
            "values": {"file": GRAPH},
            "predict": predict,
            "milliseconds": summary.milliseconds,
            "largest_difference": comparison.largest,
        },
        "layers": layers,
        "golden": list(_golden(trace, layers, comparison.positions, contents)),
        "libraries": {
            library: library_version(library) for library in ("keras", "tensorflow", "numpy")
        },
        **contents.entries,
    }
    write_manifest(folder, manifest)
    return manifest, summary


def _write_predict(
    trace: Trace, folder: Path, graph: bytes, comparison: Comparison
) -> tuple[Summary, dict[str, Any] | None]:
    """Write the graph for predictions, unless the one with all values is about as fast and small.

    Returns:
        What was measured, and the manifest's entry; None without the graph.
    """
    log.info("Compiling the graph for predictions …")
    wanted = _needed(trace)
    predict = convert(trace, list(wanted.values()))
    times = _milliseconds(graph, predict)
    is_small = sum(math.prod(shape) for shape in trace.shapes) <= LARGE
    if is_small and times[0] <= RATIO * times[1]:
        return Summary(comparison, {GRAPH: times[0]}, {GRAPH: len(graph)}), None
    (folder / PREDICT).write_bytes(predict)
    outputs = dict(zip(wanted, positions_in(predict), strict=True))
    sizes = {GRAPH: len(graph), PREDICT: len(predict)}
    summary = Summary(comparison, dict(zip((GRAPH, PREDICT), times, strict=True)), sizes)
    return summary, {"file": PREDICT, "outputs": outputs}


def _needed(trace: Trace) -> dict[str, int]:
    """Return what a prediction needs, by "layer/stage": probabilities, logits and features."""
    output, name = trace.output, output_of(trace)
    wanted = {f"{name}/post": output.probabilities}
    if output.logits is not None and (
        trace.shapes[output.logits] == trace.shapes[output.probabilities]
    ):
        wanted[f"{name}/pre"] = output.logits
    if (features := features_of(trace)) is not None:
        wanted["/".join(features)] = trace.features
    return wanted


def _milliseconds(*graphs: bytes) -> list[float]:
    """Return the time of each graph for one image, the fastest of several runs in turn."""
    interpreters = [open_interpreter(graph) for graph in graphs]
    fastest = [float("inf")] * len(graphs)
    for interpreter in interpreters:
        interpreter.allocate_tensors()
        interpreter.invoke()
    for _ in range(_RUNS):
        for index, interpreter in enumerate(interpreters):
            start = perf_counter()
            interpreter.invoke()
            fastest[index] = min(fastest[index], 1000 * (perf_counter() - start))
    return fastest


def weights_of(trace: Trace) -> dict[str, NDArray[np.float32]]:
    """Return the weights of each layer once, by the name of its first call."""
    seen: set[int] = set()
    weights = added_weights(trace)
    for layer in trace.layers:
        for variable in getattr(layer.layer, "weights", ()):
            if id(variable) in seen:
                continue
            seen.add(id(variable))
            array = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
            if array.dtype == np.float32:
                weights[f"{layer.name}/{variable.name}"] = array
    return weights


def _input(source: Input) -> dict[str, Any]:
    return {**msgspec.to_builtins(source), "dtype": "float32"}


def _golden(
    trace: Trace,
    layers: list[dict[str, Any]],
    positions: tuple[int, ...],
    contents: Contents,
) -> Iterator[dict[str, Any]]:
    """Yield the manifest's golden images with the means of all values, as Keras computes them."""
    index_of = {position: index for index, position in enumerate(positions)}
    normalise = contents.input.normalisation.apply
    for image in contents.golden:
        values = trace.function(tf.constant(normalise(image[np.newaxis])))
        small = image if image.size <= _SMALL else _reduced(image)
        yield {
            "image": base64.b64encode(small.tobytes()).decode(),
            "shape": list(small.shape),
            "means": {
                f"{layer['name']}/{stage}": float(np.mean(values[index_of[layer[stage]]]))
                for layer in layers
                for stage in ("pre", "post")
            },
            "probabilities": np.asarray(values[trace.output.probabilities])[0].tolist(),
        }


def _pattern(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    return min(shape[0], _PATTERN), min(shape[1], _PATTERN), shape[2]


def _enlarged(small: Pixels, shape: tuple[int, int, int]) -> Pixels:
    """Repeat the pixels of a pattern, as the service does."""
    rows, columns = (np.arange(shape[axis]) * small.shape[axis] // shape[axis] for axis in (0, 1))
    enlarged: Pixels = small[rows[:, np.newaxis], columns]
    return enlarged


def _reduced(image: Pixels) -> Pixels:
    """Return the pattern that an image was enlarged from."""
    height, width, _ = _pattern((image.shape[0], image.shape[1], image.shape[2]))
    rows, columns = (
        -(-np.arange(own) * side // own)
        for own, side in ((height, image.shape[0]), (width, image.shape[1]))
    )
    return np.ascontiguousarray(image[rows[:, np.newaxis], columns])
