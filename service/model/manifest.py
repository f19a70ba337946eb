"""Define the manifest of a bundle and read it, of version 1 or 2. Reads one file; runs no model."""

import base64
import math
import stat
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from service.errors import BundleError
from service.model.kinds import layer_kind
from service.model.layer import INPUT, Layer, pair_of
from service.model.normalisation import Normalisation

MANIFEST, MODEL, GRAPH, PREDICT, WEIGHTS, DISTRIBUTION, SNAPSHOTS = (
    "manifest.json",
    "model.keras",
    "graph.tflite",
    "predict.tflite",
    "weights.safetensors",
    "distribution.safetensors",  # only in bundles that can flag images
    "snapshots.safetensors",  # the weights during training, if they were recorded
)
_MAX_BYTES = 64 * 2**20  # of a manifest
_DIGIT = [28, 28, 1]
Side = Annotated[int, Meta(ge=1, le=4096)]
Index = Annotated[int, Meta(ge=0)]
FileName = Annotated[str, Meta(pattern=r"^\w[\w.-]*(/\w[\w.-]*)*\Z")]  # within the bundle
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Colour = Literal["grey", "rgb", "bgr"]


class DigitPreparation(msgspec.Struct, frozen=True, tag_field="name", tag="digit"):
    """Find the digit in an image, and draw it as MNIST does: ink 255 on 0, 28 × 28."""


class ResizePreparation(
    msgspec.Struct, frozen=True, tag_field="name", tag="resize", forbid_unknown_fields=True
):
    """Resize an image to the model's input.

    Attributes:
        fit: crop: the shorter side becomes `resize` pixels, and the centre is cut out. stretch:
            both sides fit. pad: the longer side fits, and the rest is filled.
        resize: pixels; None for the smallest that covers the input.
        scale, mean, std: of the normalisation (see `Normalisation`).
    """

    fit: Literal["crop", "stretch", "pad"] = "crop"
    resize: Side | None = None
    scale: float = 1 / 255
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


class Input(msgspec.Struct, frozen=True):
    """The model's input.

    Attributes:
        shape: height, width, channels.
        colour: what the channels are.
        preparation: how an image becomes an input; None where the model takes arrays only.
    """

    shape: tuple[Side, Side, Annotated[int, Meta(ge=1, le=64)]]
    colour: Colour
    preparation: DigitPreparation | ResizePreparation | None

    @property
    def normalisation(self) -> Normalisation:
        """Return how bytes become the graph's numbers."""
        match self.preparation:
            case ResizePreparation(scale=scale, mean=mean, std=std):
                return Normalisation(scale, mean, std)
        return Normalisation()

    @property
    def is_digit(self) -> bool:
        """Return whether the input is a digit as MNIST draws it: ink 255 on 0."""
        return isinstance(self.preparation, DigitPreparation)


class Output(msgspec.Struct, frozen=True):
    """The layer whose values before its activation are the logits, and after it probabilities.

    Attributes:
        layer: its name.
        activation: of the layer. "logits" where the model itself has none, and the exporter added
            a softmax.
    """

    layer: str
    activation: Literal["softmax", "sigmoid", "logits"]


class Graph(msgspec.Struct, frozen=True):
    """A compiled graph.

    Attributes:
        file: its name in the bundle.
        outputs: of the predict graph, the index of each output by "layer/stage"; of the graph with
            all values, empty: the layers have the indices.
    """

    file: Literal["graph.tflite", "predict.tflite"]
    outputs: dict[str, Index] = {}


class Graphs(msgspec.Struct, frozen=True):
    """The compiled graphs.

    Attributes:
        made_from: SHA-256 of the model file that they were compiled from.
        values: the graph with every layer's values.
        predict: the one with what a prediction needs; None where the first is fast enough.
    """

    made_from: Sha256
    values: Graph
    predict: Graph | None = None


class InDistribution(msgspec.Struct, frozen=True):
    """The score that flags images.

    Attributes:
        threshold: images with a lower score are flagged.
        features: "layer/stage" of the values that it is computed from.
        method: what it is, in words.
    """

    threshold: float
    features: str
    method: str = ""


class GoldenEntry(msgspec.Struct, frozen=True):
    """An image with the values that the model had for it at export.

    Attributes:
        image: uint8 pixels in base64; enlarged to the input's shape by repeating them.
        shape: height, width, channels of these pixels.
        means: by "layer/stage", the mean of that layer's values.
        probabilities: one number for each class.
    """

    image: str
    shape: tuple[Side, Side, Side]
    means: dict[str, float]
    probabilities: list[float]

    def pixels(self, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
        """Return the image, uint8 of that shape (H, W, C).

        Raises:
            ValueError: the image has not the size that its shape states.
        """
        small = np.frombuffer(base64.b64decode(self.image), np.uint8).reshape(self.shape)
        rows, columns = (
            np.arange(side) * own // side for side, own in zip(shape[:2], self.shape, strict=False)
        )
        return small[rows[:, np.newaxis], columns]


class Manifest(msgspec.Struct, frozen=True):
    """The parts of the manifest that the service uses; other fields are for readers."""

    name: str
    version: Annotated[int, Meta(ge=1)]
    labels: tuple[str, ...]
    input: Input
    output: Output
    graphs: Graphs
    layers: tuple[Layer, ...]
    golden: tuple[GoldenEntry, ...]
    sha256: dict[FileName, Sha256]
    in_distribution: InDistribution | None = None


def read_manifest(path: Path) -> tuple[Manifest, dict[str, Any]]:
    """Return a manifest, and its complete JSON object.

    Raises:
        BundleError: the file is missing, or not a manifest of version 1 or 2.
    """
    try:
        if not stat.S_ISREG((found := path.stat()).st_mode):
            raise ValueError("not a file")  # reading a pipe would wait forever
        if found.st_size > _MAX_BYTES:
            raise ValueError(f"more than {_MAX_BYTES:,} bytes")
        raw = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        manifest = msgspec.convert(_upgraded(raw), Manifest)
        _check(manifest)
    except FileNotFoundError:
        raise BundleError(f"{path} is missing; `python -m training export` writes it.") from None
    except OSError as error:
        raise BundleError(
            f"{path} cannot be read ({error.strerror}). Restore the file or export the model again."
        ) from None
    # msgspec raises RecursionError for deep nesting
    except (KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
        raise BundleError(
            f"{path} is not a valid manifest ({type(error).__name__}: {error}); "
            "export the model again."
        ) from error
    return manifest, raw


def _check_input(source: Input) -> None:
    """Raise a ValueError where an input's parts contradict each other."""
    channels = source.shape[2]
    match source.preparation:
        case ResizePreparation() as resizing:
            if channels != (1 if source.colour == "grey" else 3):
                raise ValueError(f"the colour {source.colour} does not fit {channels} channels")
            source.normalisation.check(channels)
            if resizing.resize is not None and (
                resizing.fit != "crop" or resizing.resize < max(source.shape[:2])
            ):
                raise ValueError(f"resize {resizing.resize} does not fit {resizing.fit} and shape")
        case DigitPreparation() if list(source.shape) != _DIGIT:
            raise ValueError(f"the preparation of digits does not fit the shape {source.shape}")


def _check(manifest: Manifest) -> None:
    """Raise a ValueError where parts of a manifest contradict each other."""
    _check_input(manifest.input)
    names = [layer.name for layer in manifest.layers]
    known = {INPUT, *names}
    if len(known) != len(names) + 1:
        raise ValueError("two layers have the same name")
    for layer in manifest.layers:
        if unknown := set(layer.inputs) - known:
            raise ValueError(f"layer {layer.name!r} has the unknown input {min(unknown)!r}")
        if not layer.output_shape or min(layer.output_shape) < 1:
            raise ValueError(f"layer {layer.name!r} has the shape {layer.output_shape}")
    shapes = {layer.name: layer.output_shape for layer in manifest.layers}
    if shapes[manifest.output.layer] != (len(manifest.labels),):
        raise ValueError(f"{len(manifest.labels)} labels do not fit {manifest.output.layer!r}")
    keys = [key for golden in manifest.golden for key in golden.means]
    keys += manifest.graphs.predict.outputs if manifest.graphs.predict else ()
    keys += [manifest.in_distribution.features] if manifest.in_distribution else []
    for key in keys:
        if pair_of(key)[0] not in shapes:
            raise ValueError(f"{key!r} names no layer")
    for golden in manifest.golden:
        if len(base64.b64decode(golden.image)) != math.prod(golden.shape):
            raise ValueError("a golden image has not the size of its shape")


def _upgraded(raw: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest of version 1 in the form of version 2; one of version 2 unchanged."""
    match raw.get("manifest", 1):
        case 1:
            return _from_version_1(raw)
        case 2:
            return raw
    raise ValueError(f"manifest version {raw['manifest']!r}; the service reads 1 and 2")


def _from_version_1(raw: dict[str, Any]) -> dict[str, Any]:
    shape = [raw["input"][side] for side in ("height", "width", "channels")]
    names = [layer["name"] for layer in raw["layers"]]
    before = [INPUT, *names]
    golden = [{**item, "image": item["digit"], "shape": shape} for item in raw["golden"]]
    flags = raw.get("in_distribution")
    return {
        **raw,
        "input": {
            "shape": shape,
            "colour": "rgb" if shape[2] == 3 else "grey",
            "preparation": {"name": "digit"} if shape == _DIGIT else None,
        },
        "output": {"layer": names[-1], "activation": "softmax"},
        "graphs": {"made_from": raw["graph"]["made_from"], "values": {"file": GRAPH}},
        "layers": [
            {**layer, "inputs": [name], "config": _version_1_config(layer)}
            for layer, name in zip(raw["layers"], before, strict=False)
        ],
        "golden": golden,
        # the score needs the input of the last hidden layer
        "in_distribution": flags and {**flags, "features": f"{names[-3]}/post"},
    }


def _version_1_config(layer: dict[str, Any]) -> dict[str, Any]:
    """Return what version 2 has in a layer's configuration."""
    size = layer_kind(layer["kind"]).window
    if size is None:
        return {}
    return {
        size: layer["kernel_size"],
        "strides": layer["strides"],
        "padding": layer["padding"],
    }
