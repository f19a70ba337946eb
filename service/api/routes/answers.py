"""Values → what an answer says: predictions, and the layers that a request asks for.

`formats.py` turns these into bytes.
"""

import base64
import io
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.api.http.describe import axes
from service.images.digit.preprocessing import Applied, Prepared
from service.model.bundle import Bundle


@dataclass(frozen=True)
class ModelId:
    """Which model answered."""

    name: str
    version: int
    sha256: str


@dataclass(frozen=True)
class LayerWeights:
    """One layer's kernel and bias.

    Attributes:
        kernel: of a convolution (filters, channels, rows, columns), of a dense layer
            (units, inputs): what belongs to one output comes first.
        bias: one number an output.
    """

    name: str
    kind: str
    kernel: Annotated[NDArray[np.float32], axes(2, 4)]
    bias: Annotated[NDArray[np.float32], axes(1)]


@dataclass(frozen=True)
class StagePicture:
    """One picture on the way to the digit; `image` is a data URL of a PNG."""

    name: str
    width: int
    height: int
    image: str


@dataclass(frozen=True)
class PreprocessAnswer:
    """The digit as the model sees it, digit[row][column], ink 255 on 0, and how it came about."""

    digit: Annotated[NDArray[np.uint8], axes(2)]
    preprocessing: Applied
    stages: list[StagePicture]


def model_id(bundle: Bundle) -> ModelId:
    """The model's identity, as every answer states it."""
    return ModelId(bundle.name, bundle.version, bundle.sha256)


def layer_weights(bundle: Bundle) -> list[LayerWeights]:
    """Every layer's kernel and bias, what belongs to one output first."""
    weighted = [layer for layer in bundle.layers if layer.parameters]
    return [
        LayerWeights(
            layer.name,
            layer.kind,
            # (…, inputs, outputs) → (outputs, inputs, …)
            np.ascontiguousarray(
                np.moveaxis(bundle.weights[f"{layer.name}/kernel"], (-1, -2), (0, 1))
            ),
            bundle.weights.get(f"{layer.name}/bias", np.zeros(layer.output_shape[-1], np.float32)),
        )
        for layer in weighted
    ]


def preprocessed(prepared: Prepared) -> PreprocessAnswer:
    """A prepared digit with every stage as a picture."""
    stages = [
        StagePicture(
            name,
            picture.shape[1],
            picture.shape[0],
            "data:image/png;base64," + base64.b64encode(_png(picture)).decode(),
        )
        for name, picture in prepared.stages.items()
    ]
    return PreprocessAnswer(prepared.digit, prepared.applied, stages)


def stage_png(prepared: Prepared, stage: str) -> bytes:
    """One stage as a PNG; the digit where the picture was taken as it is and has no such stage."""
    return _png(prepared.stages.get(stage, prepared.digit))


def _png(picture: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()
