"""Build response bodies that several routes share; `formats.py` encodes them."""

import base64
import io
import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from service.api.http import formats
from service.api.http.describe import axes
from service.errors import ImageTooLarge
from service.images.digit.preprocessing import Prepared, Preprocessing
from service.model.bundle import Bundle

MAX_WEIGHTS = 2_000_000  # numbers in JSON, about 20 bytes each


@dataclass(frozen=True)
class ModelId:
    """The model that a response was computed with."""

    name: str
    version: int
    sha256: str


@dataclass(frozen=True)
class LayerWeights:
    """One layer's kernel and bias.

    Attributes:
        kernel: of a convolution (filters, channels, rows, columns), of a dense layer
            (units, inputs): the output's axis is the first.
        bias: one number per output.
    """

    name: str
    kind: str
    kernel: Annotated[NDArray[np.float32], axes(2, 4)]
    bias: Annotated[NDArray[np.float32], axes(1)]


@dataclass(frozen=True)
class StageImage:
    """An intermediate image of the preprocessing; `image` is a data URL of a PNG."""

    name: str
    width: int
    height: int
    image: str


@dataclass(frozen=True)
class PreprocessAnswer:
    """The model's input and its preprocessing.

    It is digit[row][column] with foreground 255 on 0, or for a model that resizes images
    digit[row][column][channel].

    Attributes:
        stages: in the order of the preprocessing; `removed` only where something was removed.
    """

    digit: Annotated[NDArray[np.uint8], axes(2, 3)]
    preprocessing: Preprocessing
    stages: list[StageImage]


def model_id(bundle: Bundle) -> ModelId:
    """Return the model's name, version and hash, which every response states."""
    return ModelId(bundle.name, bundle.version, bundle.sha256)


def layer_weights(bundle: Bundle) -> list[LayerWeights]:
    """Return the kernel and bias of every layer that has a kernel, outputs first.

    Raises:
        ImageTooLarge: the model has more weights than JSON should hold.
    """
    weights = bundle.weights
    count = sum(math.prod(weights.shape(name)) for name in weights)
    if count > MAX_WEIGHTS:
        raise ImageTooLarge(
            f"The model has {count:,} weights; as JSON the limit is {MAX_WEIGHTS:,}. Send "
            "format=safetensors or format=npz."
        )
    return [
        LayerWeights(
            layer.name,
            layer.kind,
            _outputs_first(layer.kind, weights[f"{layer.name}/kernel"]),
            weights.get(f"{layer.name}/bias", np.zeros(layer.output_shape[-1], np.float32)),
        )
        for layer in bundle.layers
        if f"{layer.name}/kernel" in weights
    ]


def _outputs_first(kind: str, kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a kernel (…, inputs, outputs) as (outputs, inputs, …)."""
    axes_of_both = (-2, -1) if kind == "Conv2DTranspose" else (-1, -2)
    return np.ascontiguousarray(np.moveaxis(kernel, axes_of_both, (0, 1)))


def preprocessed(prepared: Prepared) -> PreprocessAnswer:
    """Return a preprocessed digit with an image of every stage."""
    stages = [
        StageImage(
            name,
            image.shape[1],
            image.shape[0],
            "data:image/png;base64," + base64.b64encode(_png(image)).decode(),
        )
        for name, image in prepared.stages.items()
    ]
    return PreprocessAnswer(prepared.digit, prepared.applied, stages)


def stage_png(prepared: Prepared, stage: str) -> bytes:
    """Return a stage as a PNG whose text `preprocessing` is the preprocessing as JSON.

    Where the image was not preprocessed, every stage is the digit; where it was resized, the
    resized image. Where nothing was removed, the stage `removed` is a blank image of the size of
    `grey`, so that a client need not ask first.
    """
    stages = prepared.stages
    result = stages.get("resized", prepared.digit)
    image = stages.get(stage, result)
    if stage == "removed" and stage not in stages:
        image = np.zeros_like(stages.get("grey", result))
    texts = PngInfo()
    texts.add_text("preprocessing", formats.encode(prepared.applied).decode())
    return _png(image, texts)


def _png(image: NDArray[np.uint8], texts: PngInfo | None = None) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG", pnginfo=texts)
    return out.getvalue()
