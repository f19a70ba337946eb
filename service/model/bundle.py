"""Reads and verifies a bundle: `models/<name>/<version>/`, as `training export` wrote it.

Knows files, hashes and the manifest's form; nothing of HTTP, and it runs no model. Nothing is ever
unpickled: the manifest is JSON, the weights are safetensors, the graph is a flatbuffer.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from service.errors import BundleError
from service.model.distribution import Distribution

MANIFEST, MODEL, GRAPH, WEIGHTS = (
    "manifest.json",
    "model.keras",
    "graph.tflite",
    "weights.safetensors",
)
VERIFIED_FILES = (MODEL, GRAPH, WEIGHTS)
REPORT = "report.json"
PATCHES = "patches.json"  # what fires each filter most, for the playground
DISTRIBUTION = "distribution.safetensors"  # only where the model was trained on digits

Stage = Literal["pre", "post"]
# by layer name and stage; float32, (N, …) for a batch, without N for one image
LayerValues = Mapping[tuple[str, Stage], NDArray[np.float32]]


@dataclass(frozen=True)
class ReceptiveField:
    """Which part of the input one cell sees, in input pixels, per axis (rows, columns).

    Cell i of an axis sees the pixels from `start + i * step` on, `size` of them; those below 0 or
    beyond the input are padding. (Araujo et al., Distill 2019.)
    """

    size: tuple[int, int]
    step: tuple[int, int]
    start: tuple[int, int]


@dataclass(frozen=True)
class Layer:
    """One layer, as the manifest tells it. Shapes are without the batch, channels last.

    Attributes:
        name: unique within the model.
        kind: the Keras class: Conv2D, MaxPooling2D, AveragePooling2D, Flatten, Dense.
        activation: name of the activation function; "linear" where there is none.
        parameters: how many weights it has.
        pre: index of the graph's output that holds the values before the activation.
        post: index of the graph's output after it; the same as `pre` where there is none.
        kernel_size, strides, padding: of convolution and pooling; None for the others.
        receptive_field: None once the layer sees the whole input (Flatten, Dense).
    """

    name: str
    kind: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    activation: str
    parameters: int
    pre: int
    post: int
    kernel_size: tuple[int, int] | None = None
    strides: tuple[int, int] | None = None
    padding: Literal["valid", "same"] | None = None
    receptive_field: ReceptiveField | None = None

    @property
    def is_convolution(self) -> bool:
        """Whether its values are activation maps made by kernels."""
        return self.kind == "Conv2D"

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """From the manifest's object: lists become tuples."""
        values = _tuples(fields)
        if field := fields.get("receptive_field"):
            values["receptive_field"] = ReceptiveField(**_tuples(field))
        return cls(**values)


@dataclass(frozen=True)
class Golden:
    """A digit and what the model answered when it was exported, checked again at every start.

    Attributes:
        digit: uint8 (H, W, C).
        means: by "layer/stage", the mean of that layer's values.
        probabilities: float32 (classes,).
    """

    digit: NDArray[np.uint8]
    means: dict[str, float]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class Bundle:
    """A verified bundle. `manifest` is the file as it stands, for whoever wants all of it."""

    path: Path
    manifest: dict[str, Any]
    name: str
    version: int
    sha256: str
    labels: tuple[str, ...]
    input_shape: tuple[int, int, int]
    layers: tuple[Layer, ...]
    golden: tuple[Golden, ...]
    distribution: Distribution | None

    @cached_property
    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Kernels and biases by "layer/kernel" and "layer/bias", float32, read when first asked."""
        return dict(load_file(self.path / WEIGHTS))

    def layer(self, name: str) -> Layer | None:
        """The layer of that name, None where there is none."""
        return next((layer for layer in self.layers if layer.name == name), None)


def sha256(path: Path) -> str:
    """The file's SHA-256, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_bundle(path: Path) -> Bundle:
    """Read a bundle and verify every file that the service relies on against the manifest.

    Raises:
        BundleError: a file is missing, altered or not of its form; names it and says why.
    """
    manifest = _read_manifest(path / MANIFEST)
    try:
        hashes = manifest["sha256"]
        optional = {DISTRIBUTION} & hashes.keys()
        for name in (*VERIFIED_FILES, *optional):
            _verify(path / name, hashes[name])
        if manifest["graph"]["made_from"] != hashes[MODEL]:
            raise BundleError(
                f"{path / GRAPH} was made from another model than {path / MODEL}; export it again."
            )
        height, width, channels = (
            int(manifest["input"][side]) for side in ("height", "width", "channels")
        )
        shape = (height, width, channels)
        return Bundle(
            path=path,
            manifest=manifest,
            name=manifest["name"],
            version=int(manifest["version"]),
            sha256=hashes[MODEL],
            labels=tuple(manifest["labels"]),
            input_shape=shape,
            distribution=_distribution(path, manifest),
            layers=tuple(Layer.from_json(layer) for layer in manifest["layers"]),
            golden=tuple(_golden(item, shape) for item in manifest["golden"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"{path / MANIFEST} does not describe a bundle ({type(error).__name__}: {error}); "
            "export the model again."
        ) from error


def versions(models_dir: Path, name: str) -> list[int]:
    """The versions of a model that lie in the folder, lowest first."""
    folder = models_dir / name
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
    }


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BundleError(f"{path} is missing; `python -m training export` writes it.") from None
    except ValueError as error:
        raise BundleError(f"{path} is not JSON ({error}); export the model again.") from error
    if not isinstance(manifest, dict):
        raise BundleError(f"{path} is not a JSON object; export the model again.")
    return manifest


def _verify(path: Path, expected: str) -> None:
    try:
        found = sha256(path)
    except FileNotFoundError:
        raise BundleError(f"{path} is missing; export the model again.") from None
    if found != expected:
        raise BundleError(
            f"{path} was altered: its SHA-256 is {found}, the manifest says {expected}. "
            "Restore the file or export the model again."
        )


def _distribution(path: Path, manifest: dict[str, Any]) -> Distribution | None:
    about = manifest.get("in_distribution")
    if about is None:
        return None
    return Distribution(**load_file(path / DISTRIBUTION), threshold=float(about["threshold"]))


def _golden(item: dict[str, Any], shape: tuple[int, int, int]) -> Golden:
    digit = np.frombuffer(base64.b64decode(item["digit"]), np.uint8).reshape(shape)
    return Golden(digit, item["means"], np.array(item["probabilities"], np.float32))
