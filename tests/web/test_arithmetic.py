"""The lab's arithmetic against SciPy, Keras and NumPy, on random inputs."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage, signal

from tests.oracles import conv_output_size

FOLDER = Path(__file__).parent
Case = dict[str, Any]


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a generator that gives the same cases in every run."""
    return np.random.default_rng(6)


def convolutions(rng: np.random.Generator) -> list[Case]:
    """Return 50 images of 1–3 channels with kernels of the same depth, stride, padding and bias."""
    cases = []
    for _ in range(50):
        depth, height, width = rng.integers(1, 4), *rng.integers(1, 6, 2)
        maps = rng.normal(size=(depth, *rng.integers(6, 12, 2)))
        kernels = rng.normal(size=(depth, height, width))
        padding, stride, bias = int(rng.integers(3)), int(rng.integers(1, 4)), float(rng.normal())
        padded = np.pad(maps, ((0, 0), (padding, padding), (padding, padding)))
        full = signal.correlate(padded, kernels, mode="valid", method="direct")[0] + bias
        cases.append(
            {
                "maps": maps.tolist(),
                "kernels": kernels.tolist(),
                "padding": padding,
                "stride": stride,
                "bias": bias,
                "expected": full[::stride, ::stride].tolist(),
            }
        )
    return cases


def poolings(rng: np.random.Generator) -> list[Case]:
    """Return 50 maps with windows of 1–4 cells per side and strides of 1–3."""
    cases = []
    for _ in range(50):
        map_ = rng.normal(size=rng.integers(5, 12, 2))
        size, stride = int(rng.integers(1, 5)), int(rng.integers(1, 4))
        places = tuple(slice(size // 2, side - (size - 1) // 2, stride) for side in map_.shape)
        cases.append(
            {
                "map": map_.tolist(),
                "size": size,
                "stride": stride,
                "largest": ndimage.maximum_filter(map_, size)[places].tolist(),
                "average": ndimage.uniform_filter(map_, size)[places].tolist(),
            }
        )
    return cases


def maps(rng: np.random.Generator) -> list[Case]:
    """Maps, padded and after ReLU."""
    cases = []
    for padding in range(5):
        map_ = rng.normal(size=rng.integers(1, 9, 2))
        cases.append(
            {
                "map": map_.tolist(),
                "padding": padding,
                "padded": np.pad(map_, padding).tolist(),
                "rectified": np.maximum(map_, 0).tolist(),
            }
        )
    return cases


def sizes(rng: np.random.Generator) -> list[Case]:
    """200 random (N, F, P, S), about a third of them with filters that do not fit."""
    cases = []
    for _ in range(200):
        size, kernel = (int(n) for n in rng.integers(1, 13, 2))
        padding, stride = int(rng.integers(3)), int(rng.integers(1, 5))
        output = conv_output_size(size, kernel, padding, stride)
        dropped = None
        if output:
            cells = np.arange(size + 2 * padding)
            read = sliding_window_view(cells, kernel)[::stride]
            dropped = int((cells > read.max()).sum())
        numbers = {"size": size, "kernel": kernel, "padding": padding, "stride": stride}
        cases.append({**numbers, "output": output, "dropped": dropped})
    return cases


def layers(rng: np.random.Generator) -> list[Case]:
    """The lecture's first layer and random ones, with the parameter counts of Keras."""
    cases = []
    for inputs, side, filters in [
        ((28, 28, 1), 3, 32),
        *(((*rng.integers(5, 9, 2), rng.integers(1, 4)), rng.integers(1, 5), 2) for _ in range(5)),
    ]:
        shape = [int(n) for n in inputs]
        convolution = keras.layers.Conv2D(int(filters), int(side))
        convolution.build((None, *shape))
        outputs = convolution.compute_output_shape((None, *shape))[1:]
        dense_units = int(np.prod(outputs))
        cases.append(
            {
                "inputs": shape,
                "outputs": list(outputs),
                "window": [int(side), int(side)],
                "full": dense_units * int(np.prod(shape)) + dense_units,
                "local": outputs[0] * outputs[1] * convolution.count_params(),
                "shared": convolution.count_params(),
            }
        )
    assert [cases[0][kind] for kind in ("full", "local", "shared")] == [16_981_120, 216_320, 320]
    return cases


def test_the_labs_arithmetic(rng, tmp_path):
    """Convolution, pooling, ReLU, padding and sizes agree with SciPy, NumPy and Keras to 1e-5."""
    groups = (convolutions, poolings, maps, sizes, layers)
    cases = tmp_path / "cases.json"
    cases.write_text(json.dumps({group.__name__: group(rng) for group in groups}))
    process = subprocess.run(
        ["node", "--test", FOLDER / "arithmetic.cases.js"],  # noqa: S607
        capture_output=True,
        text=True,
        env={**os.environ, "CASES": str(cases)},
    )
    assert process.returncode == 0, process.stdout + process.stderr
