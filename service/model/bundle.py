"""Read and verify a bundle: `models/<name>/<version>/`, as `training export` writes it.

Handles files and hashes; runs no model. Nothing is ever unpickled: the manifest is JSON, the
weights are safetensors, the graphs are flatbuffers.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from service.errors import BundleError
from service.model.distribution import Distribution, Familiarity, read_score
from service.model.layer import INPUT, Layer, Pair, pair_of
from service.model.manifest import (
    DISTRIBUTION,
    GRAPH,
    MANIFEST,
    MODEL,
    PREDICT,
    SNAPSHOTS,
    WEIGHTS,
    Graphs,
    Input,
    Manifest,
    Output,
    ResizePreparation,
    read_manifest,
)

REPORT = "report.json"
PATCHES = "patches.json"  # the strongest activations of each filter, for the playground
MAP = "digit_map.safetensors"  # the test digits, laid out by the last hidden layer, for the page
THUMBNAILS = "digit_map"  # the folder of the map's thumbnails


@dataclass(frozen=True)
class Golden:
    """An image with the values that the model had for it at export, verified at every load.

    Attributes:
        pixels: uint8 (H, W, C).
        means: by layer and stage, the mean of that layer's values.
        probabilities: float32 (classes,).
    """

    pixels: NDArray[np.uint8]
    means: dict[Pair, float]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class Bundle:
    """A verified bundle.

    Attributes:
        path: the folder.
        manifest: the complete JSON object of the manifest's file.
        sha256: of the model.
        input: the model's input, and how images become one.
        output: the layer of the probabilities.
        layers: in the order of computation.
        distribution: of the score; None where the bundle cannot flag images.
        features: the values that the score is computed from; None without one.
        weights: by names such as "layer/kernel", float32. They are in memory, as the graphs are:
            a model that is loaded needs its files no more.
    """

    path: Path
    manifest: dict[str, Any]
    name: str
    version: int
    sha256: str
    labels: tuple[str, ...]
    input: Input
    output: Output
    graphs: Graphs
    layers: tuple[Layer, ...]
    golden: tuple[Golden, ...]
    distribution: Distribution | Familiarity | None
    features: Pair | None
    weights: Mapping[str, NDArray[np.float32]]

    @cached_property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the model's input."""
        return self.input.shape

    @property
    def input_name(self) -> str:
        """Name of the model's input in explanations: "input" where images are resized to it."""
        return INPUT if isinstance(self.input.preparation, ResizePreparation) else "digit"

    @cached_property
    def probabilities(self) -> Pair:
        """Layer and stage of the probabilities."""
        return self.output.layer, "post"

    @cached_property
    def logits(self) -> Pair:
        """Layer and stage of the logits."""
        return self.output.layer, "pre"

    @cached_property
    def by_name(self) -> dict[str, Layer]:
        """The layers by name, in the order of computation."""
        return {layer.name: layer for layer in self.layers}

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the values of every layer, by name, and of `INPUT`; without the batch."""
        return {INPUT: self.input_shape} | {layer.name: layer.output_shape for layer in self.layers}

    def layer(self, name: str) -> Layer | None:
        """Return the layer of that name; None where there is none."""
        return self.by_name.get(name)


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
    manifest, raw = read_manifest(path / MANIFEST)
    try:
        hashes = manifest.sha256
        optional = {DISTRIBUTION, PREDICT, SNAPSHOTS} & hashes.keys()
        for name in (MODEL, GRAPH, WEIGHTS, *sorted(optional)):
            _verify(path / name, hashes[name])
        if manifest.graphs.made_from != hashes[MODEL]:
            raise BundleError(
                f"{path / GRAPH} was compiled from another model than {path / MODEL}; "
                "export the model again."
            )
        if manifest.graphs.predict and manifest.graphs.predict.file not in hashes:
            raise KeyError(manifest.graphs.predict.file)
        bundle = _bundle(path, manifest, raw)
        with _readable(path / WEIGHTS):
            bundle.weights.keys()
        return bundle
    except (KeyError, TypeError, ValueError, SafetensorError) as error:
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


def _bundle(path: Path, manifest: Manifest, raw: dict[str, Any]) -> Bundle:
    flags = manifest.in_distribution
    distribution = None
    if flags:
        layer = pair_of(flags.features)[0]
        shape = next(each.output_shape for each in manifest.layers if each.name == layer)
        with _readable(path / DISTRIBUTION):
            distribution = read_score(path / DISTRIBUTION, flags.threshold, shape)
    golden = tuple(
        Golden(
            item.pixels(manifest.input.shape),
            {pair_of(key): mean for key, mean in item.means.items()},
            np.array(item.probabilities, np.float32),
        )
        for item in manifest.golden
    )
    return Bundle(
        path=path,
        manifest=raw,
        name=manifest.name,
        version=manifest.version,
        sha256=manifest.sha256[MODEL],
        labels=manifest.labels,
        input=manifest.input,
        output=manifest.output,
        graphs=manifest.graphs,
        layers=manifest.layers,
        golden=golden,
        distribution=distribution,
        features=pair_of(flags.features) if flags else None,
        weights=load((path / WEIGHTS).read_bytes()),
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise a BundleError that names the file, where its arrays cannot be read."""
    try:
        yield
    except (KeyError, TypeError, ValueError, SafetensorError) as error:
        raise BundleError(
            f"{path} is damaged or of another format ({error}); export the model again."
        ) from error


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
