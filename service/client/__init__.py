"""ConvScope's Python client: pictures of digits in, typed answers out.

    with Client("http://127.0.0.1:8000") as client:
        client.predict("seven.png").label                     # "7"
        client.activations("seven.png", "all")["conv2d"]      # float32 (1, 26, 26, 32)

It stands apart: it needs `requests` and NumPy, and imports nothing of the service. What a call can
raise is drawn in `errors.py`; which values stand for an image, in `bodies.py`. `python -m
service.client` is its command line.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from service.client.bodies import Body, Image, Images, Picture, bodies, split
from service.client.connection import Connection
from service.client.errors import ConvScopeError, Problem, TimedOut, Unreachable

__all__ = ["Client", "ConvScopeError", "Prediction", "Problem", "TimedOut", "Unreachable"]

Mode: TypeAlias = Literal["auto", "mnist", "none"]
Stage: TypeAlias = Literal["pre", "post"]

PREDICTED_AT_ONCE = 500  # images a request: an answer well within the time-out
LAYERS_AT_ONCE = 64  # about 200 kB an image with all layers of the lecture's network


@dataclass(frozen=True)
class Prediction:
    """What one image shows.

    Attributes:
        label: of the likeliest class.
        confidence: its probability.
        probabilities: by label, highest first.
        preprocessing: what was done to the picture.
        in_distribution: whether it looks like what the model was trained on; None where the model
            cannot tell.
        score: how much so; higher is more.
        model: name, version and sha256 of the model that answered.
        extra: whatever else the service says of this image.
    """

    label: str
    confidence: float
    probabilities: dict[str, float]
    preprocessing: dict[str, Any]
    in_distribution: bool | None
    score: float | None
    model: dict[str, Any] = field(repr=False)
    extra: dict[str, Any] = field(repr=False)


class Client:
    """A connection to one ConvScope service, kept open between calls; for one thread at a time.

    Args:
        url: where the service is.
        timeout: seconds to wait for a connection, and for the answer to begin or go on.
        retries: how often to ask again when the service is busy (429, 503; not before it says,
            but after half a minute at most), or when no connection comes about or it breaks.
            An answer that is late is not asked for again: it would only be later.
        api_key: where the service wants one.

    Every call raises `Problem` where the service answers with an error, `Unreachable` or `TimedOut`
    where no answer comes. Of several images a problem speaks for all: none is answered.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        timeout: float = 10.0,
        retries: int = 3,
        api_key: str | None = None,
    ) -> None:
        # whether it is ready now, not whether it will be
        self._connection = Connection(url, timeout, retries, api_key, once="/readyz")

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
        images: Picture,
        *,
        preprocess: Mode | None = None,
        top_k: int | None = None,
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
        model: str | None = None,
        version: int | None = None,
    ) -> Prediction | list[Prediction]: ...

    def predict(
        self,
        images: Images,
        *,
        preprocess: Mode | None = None,
        top_k: int | None = None,
        model: str | None = None,
        version: int | None = None,
    ) -> Prediction | list[Prediction]:
        """Which digit each image shows.

        Args:
            images: a path, an encoded picture's bytes, a PIL image, an array (uint8 in 0–255 or
                float in 0–1; (28, 28), or (N, 28, 28) or (N, 28, 28, 1) for several), or a list of
                single ones, of any kinds, of any length.
            preprocess: None for the service's choice: pictures are prepared, arrays are not.
            top_k: how many of the likeliest classes to tell; None for all.
            model: None for the service's default.
            version: None for the one that is served.

        Returns:
            One prediction for one image; for a list or an array of several, a list in their order.
        """
        query = {"preprocess": preprocess, "top_k": top_k, "model": model, "version": version}
        items, alone = split(images)
        found: list[Prediction] = []
        for body in bodies(items, PREDICTED_AT_ONCE):
            answer = self._connection.json("POST", "/predict", query, body)
            found += [_prediction(told, answer["model"]) for told in answer["predictions"]]
        return found[0] if alone else found

    def segment(
        self, image: Image, *, model: str | None = None, version: int | None = None
    ) -> list[Prediction]:
        """Every digit in a picture, left to right.

        Args:
            image: a single picture, as for `predict`; not an array.
            model: as for `predict`.
            version: as for `predict`.

        Returns:
            A prediction for each; its place is `preprocessing["bounding_box"]`, and
            `extra["touching"]` whether it looks like several digits that touch.
        """
        query = {"segment": "true", "model": model, "version": version}
        answer = self._connection.json("POST", "/predict", query, _only(image))
        return [_prediction(told, answer["model"]) for told in answer["predictions"]]

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
        """The values inside the network that led to the answer.

        Args:
            images: as for `predict`.
            layers: "conv" for every convolution layer, "all", a name, or several.
            stage: after the activation function ("post") or before it ("pre").
            preprocess: as for `predict`.
            model: as for `predict`.
            version: as for `predict`.

        Returns:
            `probabilities`, (N, classes), `score`, (N,), and by name each layer: (N, rows, columns,
            channels) or (N, units); float32. With stage="pre" a layer is named `<layer>/pre`, as in
            every file that the service writes. N is there for a single image too. Empty for an
            empty list.
        """
        query = {
            "layers": _joined(layers),
            "stage": stage,
            "format": "npz",
            "preprocess": preprocess,
            "model": model,
            "version": version,
        }
        items, _ = split(images)
        parts = []
        for body in bodies(items, LAYERS_AT_ONCE):
            answer = self._connection.send("POST", "/activations", query, body)
            parts.append(dict(np.load(io.BytesIO(answer.content), allow_pickle=False)))
        names = parts[0] if parts else ()
        return {name: np.concatenate([part[name] for part in parts]) for name in names}

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
        """The activation maps of one image as one picture, PNG; arguments as for `activations`."""
        query = {
            "layers": _joined(layers),
            "stage": stage,
            "format": "png",
            "preprocess": preprocess,
            "model": model,
            "version": version,
        }
        return self._connection.send("POST", "/activations", query, _only(image)).content

    def explain(
        self,
        image: Image,
        layer: str,
        channel: int,
        row: int | None = None,
        column: int | None = None,
        *,
        preprocess: Mode | None = None,
        model: str | None = None,
        version: int | None = None,
    ) -> dict[str, Any]:
        """The exact arithmetic behind one cell, as the service tells it.

        Args:
            image: a single one, as for `predict`.
            layer: its name.
            channel: which of the layer's channels, or of its units, from 0.
            row: of the activation map, from 0; None for a layer without rows and columns.
            column: likewise.
            preprocess: as for `predict`.
            model: as for `predict`.
            version: as for `predict`.

        Returns:
            The service's whole answer: model, predictions, and the explanation, whose fields
            depend on the kind of the layer.
        """
        query = {
            "layer": layer,
            "channel": channel,
            "row": row,
            "column": column,
            "preprocess": preprocess,
            "model": model,
            "version": version,
        }
        return self._connection.json("POST", "/explain", query, _only(image))

    def preprocess(
        self,
        image: Image,
        *,
        preprocess: Mode | None = None,
        model: str | None = None,
        version: int | None = None,
    ) -> NDArray[np.uint8]:
        """The digit as the model sees it: uint8 (28, 28), ink 255 on 0; arguments as for `predict`.

        It is again an image for every other call.
        """
        query = {"preprocess": preprocess, "model": model, "version": version}
        digit = self._connection.json("POST", "/preprocess", query, _only(image))["digit"]
        return np.array(digit, np.uint8)

    def model(self, model: str | None = None, version: int | None = None) -> dict[str, Any]:
        """The model's manifest: its layers, shapes, parameters, training and metrics."""
        return self._connection.json("GET", "/model", {"model": model, "version": version})

    def ready(self) -> bool:
        """Whether the service can answer now; asks once, and raises nothing."""
        try:
            self._connection.send("GET", "/readyz")
        except ConvScopeError:
            return False
        return True


def _prediction(told: dict[str, Any], model: dict[str, Any]) -> Prediction:
    always = ("label", "confidence", "probabilities", "preprocessing")
    perhaps = ("in_distribution", "score")
    extra = {key: value for key, value in told.items() if key not in (*always, *perhaps)}
    known = {key: told[key] for key in always} | {key: told.get(key) for key in perhaps}
    return Prediction(**known, model=model, extra=extra)


def _joined(layers: str | Sequence[str]) -> str:
    return layers if isinstance(layers, str) else ",".join(layers)


def _only(image: Image) -> Body:
    """The body of a call about a single image."""
    items, _ = split(image)
    if len(items) != 1:
        raise ValueError(f"This call takes one image, not {len(items)}.")
    return next(bodies(items, 1))
