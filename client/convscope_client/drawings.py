"""The calls of a client that return drawings of a network's values."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from convscope_client.connection import Connection
from convscope_client.images import Image, single_body

Mode: TypeAlias = Literal["auto", "mnist", "none"]
Stage: TypeAlias = Literal["pre", "post"]
Scale: TypeAlias = Literal["layer", "map"]


class Drawings:
    """A part of `Client`."""

    _connection: Connection

    def sheet(
        self,
        image: Image,
        layers: str | Sequence[str] = "conv",
        stage: Stage = "post",
        *,
        preprocess: Mode | None = None,
        model: str | None = None,
        version: int | None = None,
    ) -> bytes:
        """Return a PNG with all activation maps of an image; arguments as for `activations`."""
        query = {
            "layers": joined(layers),
            "stage": stage,
            "format": "png",
            "preprocess": preprocess,
            "model": model,
            "version": version,
        }
        return self._connection.send("POST", "/activations", query, single_body(image)).content

    def atlas(
        self,
        image: Image,
        layer: str,
        stage: Stage = "post",
        *,
        page: int = 0,
        scale: Scale = "layer",
        preprocess: Mode | None = None,
        model: str | None = None,
        version: int | None = None,
    ) -> bytes:
        """Return a PNG with the maps or units of one layer as tiles.

        Args:
            image: a single image as for `predict`.
            layer: name of the layer.
            stage: as for `activations`.
            page: of the layer's channels, from 0; a page has 64 maps or 1,024 units.
            scale: one range of colours for the layer, or one for each map.
            preprocess: as for `predict`.
            model: as for `predict`.
            version: as for `predict`.
        """
        query = {
            "layer": layer,
            "stage": stage,
            "page": page,
            "scale": scale,
            "format": "png",
            "preprocess": preprocess,
            "model": model,
            "version": version,
        }
        return self._connection.send("POST", "/atlas", query, single_body(image)).content


def joined(layers: str | Sequence[str]) -> str:
    """Return layer names as the service takes them."""
    return layers if isinstance(layers, str) else ",".join(layers)
