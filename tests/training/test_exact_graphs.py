"""In random graphs, explanations are Keras's arithmetic, and their values those of LiteRT."""

from pathlib import Path

import numpy as np
import pytest

from service.model.engine import Engine
from service.model.explain.cells import cell_at
from service.model.explain.explain import explain
from service.model.layer import INPUT, Stage
from tests.exact_oracle import Float64Layers
from tests.networks import compiled
from tests.training.random_models import random_model
from training.tracing import trace

# 50; every third seed is a subclassed model, which cannot be saved
SEEDS = [seed for seed in range(75) if seed % 3]
CELLS = 6  # of each layer


@pytest.mark.parametrize(
    "seed",
    [pytest.param(seed, marks=[pytest.mark.slow] if seed > 4 else []) for seed in SEEDS],
)
def test_every_explained_cell_is_that_of_keras_and_of_the_graph(seed: int, tmp_path: Path) -> None:
    """`pre` and `post` are Keras's in float64 within 1e-6, and LiteRT's within 1e-4."""
    model = random_model(seed)
    bundle, oracle = compiled(model, tmp_path), Float64Layers(trace(model))
    generator = np.random.default_rng(seed)
    image = generator.random((1, *bundle.input_shape), np.float32)
    stages: tuple[Stage, ...] = ("pre", "post")
    selection = [(layer.name, stage) for layer in bundle.layers for stage in stages]
    values = {pair: value[0] for pair, value in Engine(bundle).run(image, selection).items()}
    explained = [layer for layer in bundle.layers if layer.is_exact]
    assert len(explained) >= len(bundle.layers) / 2
    for layer in explained:
        inputs = [image[0] if name == INPUT else values[name, "post"] for name in layer.inputs]
        expected: tuple[np.ndarray, ...] | None = None
        if layer.name in oracle.layers:  # not the layer that `export` adds
            expected = oracle.pre_and_post(layer.name, [each.astype(float) for each in inputs])
        for _ in range(CELLS):
            index = tuple(int(generator.integers(side)) for side in layer.output_shape)
            explanation = explain(bundle, values, image[0], cell_at(layer.name, index))
            size = max(1, abs(explanation.value))
            assert explanation.difference <= 1e-4 * size, (layer.name, index)
            post = float(values[layer.name, "post"][index])
            assert explanation.post == pytest.approx(post, abs=1e-4 * max(1, abs(post)))
            if expected:
                found = (explanation.pre, explanation.post)
                wanted = tuple(array[index] for array in expected)
                assert found == pytest.approx(wanted, rel=1e-6, abs=1e-6), (layer.name, index)
