"""Read and verify a bundle: `models/<name>/<version>/`, as `training export` writes it.

Handles files and hashes; runs no model. Nothing is ever unpickled: the manifest is JSON, the
weights are safetensors, the graphs are flatbuffers.
"""

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
from service.model.checksums import verify
from service.model.distribution import Distribution, Familiarity, read_score
from service.model.layer import INPUT, Layer, Pair, pair_of
from service.model.manifest import (
    DISTRIBUTION,
    GRAPH,
    MANIFEST,
    MODEL,
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


def read_bundle(path: Path) -> Bundle:
    """Read a bundle and verify every file that its manifest lists.

    Raises:
        BundleError: a file is missing, altered or not in its format; the message names it and the
            reason.
    """
    manifest, raw = read_manifest(path / MANIFEST)
    try:
        hashes, needed = manifest.sha256, {MODEL, GRAPH, WEIGHTS}
        if manifest.graphs.predict:
            needed.add(manifest.graphs.predict.file)
        if manifest.in_distribution:
            needed.add(DISTRIBUTION)
        if unlisted := needed - hashes.keys():
            raise KeyError(min(unlisted))
        verify(path, hashes)
        if manifest.graphs.made_from != hashes[MODEL]:
            raise BundleError(
                f"{path / GRAPH} was compiled from another model than {path / MODEL}; "
                "export the model again."
            )
        return _bundle(path, manifest, raw)
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


def newest(models_dir: Path, name: str) -> Path:
    """Return the folder of a model's highest version.

    Raises:
        BundleError: the models folder has no such model, or cannot be read.
    """
    try:
        numbers = versions(models_dir, name)
    except OSError as error:
        raise BundleError(
            f"{models_dir} cannot be read ({error.strerror}); correct its permissions, or set "
            "CONVSCOPE_MODELS_DIR to another folder."
        ) from None
    if not numbers:
        raise BundleError(
            f"{models_dir} holds no model {name!r}: export it there, or set "
            "CONVSCOPE_MODELS_DIR and CONVSCOPE_DEFAULT_MODEL to an exported model."
        )
    return models_dir / name / str(numbers[-1])


def _bundle(path: Path, manifest: Manifest, raw: dict[str, Any]) -> Bundle:
    flags = manifest.in_distribution
    distribution = None
    if flags:
        layer = pair_of(flags.features)[0]
        shape = next(each.output_shape for each in manifest.layers if each.name == layer)
        with _readable(path / DISTRIBUTION):
            distribution = read_score(path / DISTRIBUTION, flags.threshold, shape)
    with _readable(path / WEIGHTS):
        weights = load((path / WEIGHTS).read_bytes())
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
        weights=weights,
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
