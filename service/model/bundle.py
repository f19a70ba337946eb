"""Read and verify a bundle: `models/<name>/<version>/`, as `training export` writes it.

Handles files, hashes and the manifest's schema; runs no model. Nothing is ever unpickled: the
manifest is JSON, the weights are safetensors, the graph is a flatbuffer.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from service.errors import BundleError
from service.model.distribution import Distribution
from service.model.kinds import (
    Padding,
    ReceptiveField,
    SlidingWindow,
    kind_of,
    sliding_windows,
)

MANIFEST, MODEL, GRAPH, WEIGHTS = (
    "manifest.json",
    "model.keras",
    "graph.tflite",
    "weights.safetensors",
)
VERIFIED_FILES = (MODEL, GRAPH, WEIGHTS)
REPORT = "report.json"
PATCHES = "patches.json"  # the strongest activations of each filter, for the playground
DISTRIBUTION = "distribution.safetensors"  # only in bundles of models trained on digits

Stage = Literal["pre", "post"]
# by layer name and stage; float32, (N, …) for a batch, without N for one image
LayerValues = Mapping[tuple[str, Stage], NDArray[np.float32]]


@dataclass(frozen=True)
class Layer:
    """One layer of the manifest. Shapes are without the batch axis, channels last.

    Attributes:
        name: unique within the model.
        kind: the Keras class, one of `kinds.KINDS`.
        activation: name of the activation function; "linear" where there is none.
        parameters: the number of its weights.
        pre: index of the graph's output that holds the values before the activation function.
        post: index of the graph's output after it; the same as `pre` where there is none.
        kernel_size, strides, padding: of kinds that slide a window; None for the others.
        receptive_field: None where it is the whole input (Flatten, Dense).
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
    padding: Padding | None = None
    receptive_field: ReceptiveField | None = None

    @property
    def is_convolution(self) -> bool:
        """Return whether its values are feature maps computed by kernels."""
        return kind_of(self.kind).is_convolution

    @cached_property
    def windows(self) -> tuple[SlidingWindow, SlidingWindow]:
        """Return the window along rows and along columns.

        Raises:
            ValueError: the layer slides no window.
        """
        if self.kernel_size is None or self.strides is None or self.padding is None:
            raise ValueError(f"Layer {self.name!r} ({self.kind}) slides no window")
        return sliding_windows(
            self.kernel_size, self.strides, self.padding, self.input_shape, self.output_shape
        )

    def to_json(self) -> dict[str, Any]:
        """Return the manifest's object, without the window's fields where there is no window."""
        return {
            key: value
            for key, value in asdict(self).items()
            if value is not None or key == "receptive_field"
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Return the layer of a manifest's object; lists become tuples.

        Raises:
            UnknownKind: the registry has no such kind of layer.
        """
        values = _tuples(fields)
        if field := fields.get("receptive_field"):
            values["receptive_field"] = ReceptiveField(**_tuples(field))
        kind_of(values["kind"])
        return cls(**values)


@dataclass(frozen=True)
class Golden:
    """A digit with the values that the model had for it at export, verified at every start.

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
    """A verified bundle. `manifest` is the complete JSON object of the manifest's file."""

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
        """Read kernels and biases at the first access: float32, by "layer/kernel", "layer/bias"."""
        return dict(load_file(self.path / WEIGHTS))

    def layer(self, name: str) -> Layer | None:
        """Return the layer of that name; None where there is none."""
        return next((layer for layer in self.layers if layer.name == name), None)


def sha256(path: Path) -> str:
    """Return the file's SHA-256, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_bundle(path: Path) -> Bundle:
    """Read a bundle and verify every file that the service uses against the manifest.

    Raises:
        BundleError: a file is missing, altered or not in its format; the message names it and the
            reason.
    """
    manifest = _read_manifest(path / MANIFEST)
    try:
        hashes = manifest["sha256"]
        optional = {DISTRIBUTION} & hashes.keys()
        for name in (*VERIFIED_FILES, *optional):
            _verify(path / name, hashes[name])
        if manifest["graph"]["made_from"] != hashes[MODEL]:
            raise BundleError(
                f"{path / GRAPH} was compiled from another model than {path / MODEL}; "
                "export the model again."
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
            f"{path / MANIFEST} is not a valid manifest ({type(error).__name__}: {error}); "
            "export the model again."
        ) from error


def versions(models_dir: Path, name: str) -> list[int]:
    """Return the versions of a model in the models folder, lowest first."""
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
        actual = sha256(path)
    except FileNotFoundError:
        raise BundleError(f"{path} is missing; export the model again.") from None
    if actual != expected:
        raise BundleError(
            f"{path} was altered: its SHA-256 is {actual}, the manifest has {expected}. "
            "Restore the file or export the model again."
        )


def _distribution(path: Path, manifest: dict[str, Any]) -> Distribution | None:
    entry = manifest.get("in_distribution")
    if entry is None:
        return None
    return Distribution(**load_file(path / DISTRIBUTION), threshold=float(entry["threshold"]))


def _golden(item: dict[str, Any], shape: tuple[int, int, int]) -> Golden:
    digit = np.frombuffer(base64.b64decode(item["digit"]), np.uint8).reshape(shape)
    return Golden(digit, item["means"], np.array(item["probabilities"], np.float32))
