"""Measure `/predict` of EfficientNet-Lite0 beside its parts: `python -m benchmarks.efficientnet`.

Needs the bundle that `make efficientnet` writes. The body is a JPEG of 640 × 480 pixels. The parts
take turns, and the fastest of many calls counts, so that a busy machine changes little.
"""

import http.client
import io
import time
from collections.abc import Callable
from importlib.metadata import distribution

from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from benchmarks.environments import ROOT
from benchmarks.in_process import log_to_devnull, predict_call
from benchmarks.servers import running, start_service
from service.images.decode import decode_rgb
from service.images.resize import Resize
from service.model.bundle import Bundle, read_bundle, versions
from service.model.engine import Engine
from service.model.manifest import PREDICT, ResizePreparation

NAME = "efficientnet-lite0"
QUERY = f"model={NAME}&top_k=5"
CALLS = 400
_MAX_PIXELS = 1_000_000


def photograph() -> bytes:
    """Return scikit-learn's photograph of a pagoda as a JPEG of 640 × 480 pixels."""
    path = distribution("scikit-learn").locate_file("sklearn/datasets/images/china.jpg")
    body = io.BytesIO()
    Image.open(str(path)).resize((640, 480)).save(body, "JPEG", quality=90)
    return body.getvalue()


def works(bundle: Bundle, body: bytes, port: int) -> dict[str, Callable[[], object]]:
    """Return what is measured, by its name."""
    height, width, _ = bundle.input_shape
    preparation = bundle.input.preparation
    if not isinstance(preparation, ResizePreparation):
        raise TypeError(f"{bundle.path} must resize images; run `make efficientnet` again.")
    resize = Resize(height, width, "rgb", preparation.fit, preparation.resize)
    picture = decode_rgb(body, _MAX_PIXELS, resize.min_side)
    pixels = resize.prepare(picture).pixels[None]
    graph = Interpreter(str(bundle.path / PREDICT), num_threads=1)
    graph.allocate_tensors()
    graph.set_tensor(
        graph.get_input_details()[0]["index"], bundle.input.normalisation.apply(pixels)
    )
    engine = Engine(bundle)
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def over_http() -> bytes:
        connection.request("POST", f"/predict?{QUERY}", body)
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"/predict must respond with 200, got {response.status}")
        return response.read()

    return {
        "decode": lambda: decode_rgb(body, _MAX_PIXELS, resize.min_side),
        "resize": lambda: resize.prepare(picture),
        "normalise": lambda: bundle.input.normalisation.apply(pixels),
        "graph": graph.invoke,
        "engine": lambda: engine.probabilities(pixels),
        "/predict in process": predict_call(body, QUERY),
        "/predict over HTTP": over_http,
    }


def fastest(work: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the milliseconds of the fastest call of each."""
    times: dict[str, float] = {}
    for _ in range(CALLS):
        for name, call in work.items():
            begin = time.perf_counter()
            call()
            elapsed = (time.perf_counter() - begin) * 1e3
            times[name] = min(times.get(name, elapsed), elapsed)
    return times


def main() -> None:
    """Print the times, and those of `/predict` as multiples of decoding and the graph."""
    log_to_devnull()
    models = ROOT / "models"
    bundle = read_bundle(models / NAME / str(max(versions(models, NAME))))
    with running(start_service()) as server:
        times = fastest(works(bundle, photograph(), server.port))
    least = times["decode"] + times["graph"]
    for name, milliseconds in times.items():
        ratio = f"  {milliseconds / least:.2f} × (decode + graph)" if "/" in name else ""
        print(f"{name:<20} {milliseconds:6.2f} ms{ratio}")


if __name__ == "__main__":
    main()
