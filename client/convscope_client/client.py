"""The client: one method per route; images in, typed results out."""

import io
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, overload

import numpy as np
from numpy.typing import NDArray

from convscope_client.connection import Connection
from convscope_client.drawings import Drawings, Mode, Stage, joined
from convscope_client.errors import ClientError
from convscope_client.images import EncodedImage, Image, Images, bodies, single_body, split
from convscope_client.insight import Insight
from convscope_client.results import Prediction, Segment

IMAGES_PER_PREDICT = 500  # a request that the service answers well within the timeout
IMAGES_PER_ACTIVATIONS = 64  # about 200 kB per image with all layers of the lecture's network


class Client(Drawings, Insight):
    """A client of one ConvScope service; it keeps its connection and is for one thread at a time.

    Args:
        url: address of the service.
        timeout: seconds to wait for a connection, and for each part of the response.
        retries: maximum number of retries after 429, 503 and broken connections. Retry-After is
            respected up to 30 s. A request that timed out is not retried.
        api_key: the service's API key, where it requires one.

    Every call raises `Problem` if the service responds with an error, and `Unreachable` or
    `TimedOut` if there is no response. An error of one image is an error of the whole call.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        timeout: float = 10.0,
        retries: int = 3,
        api_key: str | None = None,
    ) -> None:
        # ready() reports the current state, so it must not wait for another one
        self._connection = Connection(url, timeout, retries, api_key, unretried_path="/readyz")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @overload
    def predict(
        self,
        images: EncodedImage,
        *,
        preprocess: Mode | None = None,
        top_k: int | None = None,
        details: bool = False,
        model: str | None = None,
        version: int | None = None,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        images: list[Any] | tuple[Any, ...],
        *,
        preprocess: Mode | None = None,
        top_k: int | None = None,
        details: bool = False,
        model: str | None = None,
        version: int | None = None,
    ) -> list[Prediction]: ...

    @overload
    def predict(
        self,
        images: NDArray[Any],
        *,
        preprocess: Mode | None = None,
        top_k: int | None = None,
        details: bool = False,
        model: str | None = None,
        version: int | None = None,
    ) -> Prediction | list[Prediction]: ...

    def predict(
        self,
        images: Images,
        *,
        preprocess: Mode | None = None,
        top_k: int | None = None,
        details: bool = False,
        model: str | None = None,
        version: int | None = None,
    ) -> Prediction | list[Prediction]:
        """Classify one image or several.

        Args:
            images: a path, the bytes of an image file, a PIL image, an array (uint8 in 0–255 or
                float in 0–1; (28, 28), or (N, 28, 28) or (N, 28, 28, 1) for several), or a list of
                single images of any of these types and of any length.
            preprocess: None for the default: image files are preprocessed, arrays are not.
            top_k: return only the most probable classes; None for all.
            details: whether `preprocessing` of a prediction also has scale, shift, threshold and
                stroke.
            model: name of the model; None for the service's default.
            version: version of the model; None for the served one.

        Returns:
            A prediction for a single image; for a list or an array of several, a list in their
            order.
        """
        query = {
            "preprocess": preprocess,
            "top_k": top_k,
            "model": model,
            "version": version,
            "details": "true" if details else None,
        }
        items, is_single = split(images)
        predictions: list[Prediction] = []
        for body in bodies(items, IMAGES_PER_PREDICT):
            response = self._connection.json("POST", "/predict", query, body)
            predictions += Prediction.parse_all(response)
        return predictions[0] if is_single else predictions

    def segment(
        self,
        image: Image,
        *,
        grid: bool = False,
        details: bool = False,
        model: str | None = None,
        version: int | None = None,
    ) -> list[Segment]:
        """Classify every digit of an image in reading order, or every cell of its grid.

        Args:
            image: a single image as for `predict`, but not an array.
            grid: whether the image shows a grid, whose cells are the segments.
            details: as for `predict`.
            model: as for `predict`.
            version: as for `predict`.

        Returns:
            A segment for each digit and each other sign, row by row; with `grid` one for each cell,
            empty ones included.
        """
        query = {
            "segment": "grid" if grid else "true",
            "model": model,
            "version": version,
            "details": "true" if details else None,
        }
        response = self._connection.json("POST", "/predict", query, single_body(image))
        return Segment.parse_all(response)

    def activations(
        self,
        images: Images,
        layers: str | Sequence[str] = "conv",
        stage: Stage = "post",
        *,
        preprocess: Mode | None = None,
        model: str | None = None,
        version: int | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Return the values of layers for one image or several.

        Args:
            images: as for `predict`.
            layers: "conv" for every convolution layer, "all", a name, or several names.
            stage: after the activation function ("post") or before it ("pre").
            preprocess: as for `predict`.
            model: as for `predict`.
            version: as for `predict`.

        Returns:
            `probabilities`, (N, classes), `score`, (N,), and each layer by its name: (N, rows,
            columns, channels) or (N, units); float32. With stage="pre" the names are `<layer>/pre`,
            as in the service's npz files. N is 1 for a single image. Empty for an empty list.
        """
        query = {
            "layers": joined(layers),
            "stage": stage,
            "format": "npz",
            "preprocess": preprocess,
            "model": model,
            "version": version,
        }
        items, _ = split(images)
        parts = []
        for body in bodies(items, IMAGES_PER_ACTIVATIONS):
            response = self._connection.send("POST", "/activations", query, body)
            parts.append(dict(np.load(io.BytesIO(response.content), allow_pickle=False)))
        names = parts[0] if parts else ()
        return {name: np.concatenate([part[name] for part in parts]) for name in names}

    def model(self, model: str | None = None, version: int | None = None) -> dict[str, Any]:
        """Return the model's manifest: layers, shapes, parameters, training and metrics."""
        return self._connection.json("GET", "/model", {"model": model, "version": version})

    def ready(self) -> bool:
        """Return whether the service is ready now, without retries; never raise an error."""
        try:
            self._connection.send("GET", "/readyz")
        except ClientError:
            return False
        return True
