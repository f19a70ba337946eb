"""The calls of a client that explain a prediction."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope_client.connection import Connection
from convscope_client.drawings import Mode
from convscope_client.images import Image, single_body
from convscope_client.results import Explanation, Occlusion


class Insight:
    """A part of `Client`."""

    _connection: Connection

    def explain(
        self,
        image: Image,
        layer: str,
        channel: int,
        row: int | None = None,
        column: int | None = None,
        *,
        top: int | None = None,
        preprocess: Mode | None = None,
        model: str | None = None,
        version: int | None = None,
    ) -> Explanation:
        """Return the exact arithmetic behind one cell.

        Args:
            image: a single image as for `predict`.
            layer: name of the layer.
            channel: index of the channel, or of the unit of a flat layer, from 0.
            row: of the activation map, from 0; None for a flat layer.
            column: of the activation map, from 0; None for a layer without columns.
            top: list only the terms with the largest contributions; None for all.
            preprocess: as for `predict`.
            model: as for `predict`.
            version: as for `predict`.

        Returns:
            The prediction, and the arithmetic as a dataclass that depends on the layer's kind.

        Raises:
            UnknownKind: this client does not know the kind of the layer.
        """
        query: dict[str, Any] = {"layer": layer, "channel": channel, "row": row, "column": column}
        query |= {"top": top, "preprocess": preprocess, "model": model, "version": version}
        response = self._connection.json("POST", "/explain", query, single_body(image))
        return Explanation.parse(response)

    def occlusion(
        self,
        image: Image,
        patch: int | None = None,
        stride: int | None = None,
        fill: int | None = None,
        *,
        preprocess: Mode | None = None,
        model: str | None = None,
        version: int | None = None,
    ) -> Occlusion:
        """Return how much the confidence drops when each patch of an image is covered.

        Args:
            image: a single image as for `predict`.
            patch: side of the covering square in pixels of the model's input; None for 6/28 of the
                input's shorter side.
            stride: step between positions in pixels; None for a third of the default patch.
            fill: value of the covered pixels, 0–255; None for 0 in digits and 128 in others.
            preprocess: as for `predict`.
            model: as for `predict`.
            version: as for `predict`.
        """
        query: dict[str, Any] = {"patch": patch, "stride": stride, "fill": fill}
        query |= {"preprocess": preprocess, "model": model, "version": version}
        response = self._connection.json("POST", "/occlusion", query, single_body(image))
        return Occlusion.parse(response)

    def preprocess(
        self,
        image: Image,
        *,
        preprocess: Mode | None = None,
        model: str | None = None,
        version: int | None = None,
    ) -> NDArray[np.uint8]:
        """Return the model's input for an image; arguments as for `predict`.

        Returns:
            uint8 (28, 28), foreground 255 on background 0; every other call takes it as an image.
        """
        query = {"preprocess": preprocess, "model": model, "version": version}
        digit = self._connection.json("POST", "/preprocess", query, single_body(image))["digit"]
        return np.array(digit, np.uint8)
