"""What is done with every image. Picklable, so that every process of a job gets the same."""

import json
from dataclasses import asdict, dataclass
from difflib import get_close_matches

import pyarrow as pa

from service.bulk.files import BulkError
from service.images.digit.preprocessing import Mode
from service.model.bundle import Bundle
from service.model.layer import Layer, Pair
from service.preparation import Segmentation

_NAMED = 10  # layers that an error lists
SEGMENT = pa.struct(
    [
        ("index", pa.int32()),
        ("row", pa.int32()),
        *((name, pa.int32()) for name in ("left", "top", "width", "height")),
        ("is_digit", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Job:
    """The settings that decide what the rows contain.

    Attributes:
        model: the model's name.
        version: its version.
        sha256: of the model's file, so that a job is not resumed with another model.
        layers: whose values are written, in the order of the columns.
        is_half: whether these are float16, not float32.
        mode: of the preprocessing of images; arrays are not preprocessed.
        segmentation: "rows" or "grid" for a row for each digit; None for one for each image.
        max_pixels: the largest width × height of an image that is decoded.
    """

    model: str
    version: int
    sha256: str
    layers: tuple[str, ...] = ()
    is_half: bool = False
    mode: Mode = "auto"
    segmentation: Segmentation | None = None
    max_pixels: int = 50_000_000

    def pairs(self, bundle: Bundle) -> list[Pair]:
        """Return the values of `layers`, after the activation.

        Raises:
            BulkError: the model has no such layer.
        """
        return [(layer.name, "post") for layer in self._layers(bundle)]

    def _layers(self, bundle: Bundle) -> list[Layer]:
        layers = {layer.name: layer for layer in bundle.layers}
        for name in self.layers:
            if name not in layers:
                like = (
                    get_close_matches(name, layers, _NAMED, 0) if len(layers) > _NAMED else layers
                )
                raise BulkError(
                    f"The model has no layer {name!r}. Of its {len(layers)} layers, these are "
                    f"most like it: {', '.join(like)}."
                )
        return [layers[name] for name in self.layers]

    def schema(self, bundle: Bundle) -> pa.Schema:
        """Return the columns of the output.

        Raises:
            BulkError: the model lacks a layer, or a layer has the name of another column.
        """
        element = pa.float16() if self.is_half else pa.float32()
        probabilities = pa.list_(pa.float32(), len(bundle.labels))
        columns = [
            pa.field("key", pa.string(), nullable=False),
            *([pa.field("segment", SEGMENT)] if self.segmentation else []),
            pa.field("label", pa.string()),
            pa.field("confidence", pa.float32()),
            pa.field("probabilities", probabilities),
            pa.field("in_distribution", pa.bool_()),
            pa.field("error", pa.string()),
        ]
        taken = {column.name for column in columns}
        for layer in self._layers(bundle):
            if layer.name in taken:
                raise BulkError(
                    f"Layer {layer.name!r} has the name of another column, or is named twice; "
                    "omit it from --layers."
                )
            taken.add(layer.name)
            kind = pa.fixed_shape_tensor(element, layer.output_shape)
            columns.append(pa.field(layer.name, kind))
        return pa.schema(columns)

    def as_json(self) -> str:
        """Return the settings as they are stored beside the output."""
        return json.dumps(asdict(self), indent=2)
