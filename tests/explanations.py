"""Bundles with the values of some digits, whose cells the tests explain."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.model.bundle import Bundle
from service.model.engine import Engine
from service.model.explain.cells import Cell
from service.model.explain.explain import explain
from service.model.explain.traces import Explanation
from service.model.layer import Layer
from service.model.manifest import GRAPH, Graph, Graphs, Input, Output
from service.model.normalisation import as_floats
from tests.oracles import forward
from training.data import Mnist


@dataclass
class Subject:
    """A bundle, float32 digits (N, H, W, C) in 0–1 and all values of theirs."""

    bundle: Bundle
    digits: NDArray[np.float32]
    values: dict

    def explain(self, cell: Cell, index: int = 0, top: int | None = None) -> Explanation:
        """Explain a cell for one digit."""
        values = {pair: value[index] for pair, value in self.values.items()}
        return explain(self.bundle, values, self.digits[index], cell, top)

    def value(self, cell: Cell, index: int = 0, stage: str = "post") -> float:
        """Return the value of a cell of a layer or of the digit."""
        values = (
            self.digits if cell.layer == self.bundle.input_name else self.values[cell.layer, stage]
        )
        return float(values[index][cell.index])

    def layers(self, kind: str) -> list[Layer]:
        """Return the layers of a kind."""
        return [layer for layer in self.bundle.layers if layer.kind == kind]


def random_cell(layer: Layer, rng: np.random.Generator) -> Cell:
    """Return any cell of a layer."""
    *grid, channel = (int(rng.integers(size)) for size in layer.output_shape)
    return Cell(layer.name, channel, *grid)


def subject_of(bundle: Bundle, mnist: Mnist, count: int = 10) -> Subject:
    """Return a bundle with the values of test digits, or of noise where they do not fit."""
    if bundle.input_shape == (28, 28, 1):
        digits = as_floats(mnist.test_images[:count, ..., np.newaxis])
    else:
        digits = np.random.default_rng(3).random((count, *bundle.input_shape), np.float32)
    pairs = [(layer.name, stage) for layer in bundle.layers for stage in ("pre", "post")]
    return Subject(bundle, digits, Engine(bundle).run(digits, pairs))


def odd_subject(folder: Path) -> Subject:
    """Return a network with what neither bundle has, its values computed by plain arithmetic.

    It has no bias, average pooling with padding, and a pixel row that no real cell depends on.
    """
    parts = {"parameters": 0, "pre": 0, "post": 0, "activation": "linear"}
    kernel = {"kernel_size": [3, 3], "strides": [2, 2], "padding": "valid"}
    pooled = {"pool_size": [3, 3], "strides": [1, 1], "padding": "same"}
    layers = (
        Layer("sparse", "Conv2D", (8, 9, 1), (3, 4, 2), config=kernel, **parts),
        Layer(
            "blur",
            "AveragePooling2D",
            (3, 4, 2),
            (3, 4, 2),
            config=pooled,
            inputs=("sparse",),
            **parts,
        ),
    )
    rng = np.random.default_rng(4)
    kernel = rng.normal(size=(3, 3, 1, 2)).astype(np.float32)
    bundle = Bundle(
        path=folder,
        manifest={},
        name="odd",
        version=1,
        sha256="",
        labels=("0", "1"),
        input=Input((8, 9, 1), "grey", None),
        output=Output(layers[-1].name, "softmax"),
        graphs=Graphs("", Graph(GRAPH)),
        layers=layers,
        golden=(),
        distribution=None,
        features=None,
        weights={"sparse/kernel": kernel},
    )
    biased = replace(bundle, weights={**bundle.weights, "sparse/bias": np.zeros(2, np.float32)})
    digits = rng.random((1, 8, 9, 1), np.float32)
    values = forward(biased, digits[0].astype(np.float64))
    return Subject(
        bundle,
        digits,
        {pair: value[np.newaxis].astype(np.float32) for pair, value in values.items()},
    )
