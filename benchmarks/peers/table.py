"""List the peers: their commands, readiness paths and requests."""

import base64
import io
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

IMAGE = "application/octet-stream"
NPY = "application/x-npy"
JSON = "application/json"


@dataclass(frozen=True)
class Request:
    """One POST request."""

    path: str
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Peer:
    """A server to compare with.

    Attributes:
        name: its folder, and what `--only` takes.
        title: its name in tables.
        command: starts it in its folder; `{bin}` is its environment's folder of programs, `{port}`
            the port to listen on, `{second_port}` and `{third_port}` two other free ports.
        ready: a path that responds with 200 once the server is ready.
        request: builds the request for an image file.
        batch: builds the request for a NumPy file of digits; None where it supports none.
        python: the interpreter of its environment; None for the current one.
        environ: variables that its documentation advises; ports as in `command`.
        seconds: the minimal duration of a load run; a slow peer needs more for its percentiles.
        setup: a description of its configuration for the report.
    """

    name: str
    title: str
    command: str
    ready: str
    request: Callable[[bytes], Request]
    batch: Callable[[bytes], Request] | None
    setup: str
    python: str | None = None
    environ: dict[str, str] = field(default_factory=dict)
    seconds: int = 1


def raw_image(data: bytes) -> Request:
    """Send the image file as the body."""
    return Request("/predict", data, IMAGE)


def raw_array(data: bytes) -> Request:
    """Send the NumPy file as the body."""
    return Request("/predict", data, NPY)


def litserve_image(data: bytes) -> Request:
    """Send the image as base64 in JSON: LitServe reads no raw body."""
    return Request("/predict", _base64_json("image", data), JSON)


def litserve_array(data: bytes) -> Request:
    """Send the NumPy file as base64 in JSON."""
    return Request("/predict", _base64_json("array", data), JSON)


def _base64_json(key: str, data: bytes) -> bytes:
    return json.dumps({key: base64.b64encode(data).decode()}).encode()


def bentoml_image(data: bytes) -> Request:
    """Send the image file as the body, with its own content type."""
    kind = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
    return Request("/predict", data, kind)


def bentoml_array(data: bytes) -> Request:
    """Send the NumPy file as the body."""
    return Request("/batch", data, IMAGE)


def mlserver_image(data: bytes) -> Request:
    """Send the image as a V2 tensor of base64."""
    return _mlserver("image", data)


def mlserver_array(data: bytes) -> Request:
    """Send the NumPy file as a V2 tensor of base64."""
    return _mlserver("array", data)


def _mlserver(name: str, data: bytes) -> Request:
    tensor = {
        "name": name,
        "shape": [1],
        "datatype": "BYTES",
        "parameters": {"content_type": "base64"},
        "data": [base64.b64encode(data).decode()],
    }
    return Request("/v2/models/digits/infer", json.dumps({"inputs": [tensor]}).encode(), JSON)


def triton_image(data: bytes) -> Request:
    """Send the image as a binary V2 tensor of one byte string."""
    return _triton("image", "BYTES", [1], struct.pack("<I", len(data)) + data)


def triton_array(data: bytes) -> Request:
    """Send the digits as a binary V2 tensor."""
    digits: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = np.load(io.BytesIO(data))
    return _triton("digits", "UINT8", list(digits.shape), digits.tobytes())


def _triton(name: str, datatype: str, shape: list[int], data: bytes) -> Request:
    tensor = {
        "name": name,
        "shape": shape,
        "datatype": datatype,
        "parameters": {"binary_data_size": len(data)},
    }
    head = json.dumps({"inputs": [tensor]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    return Request("/v2/models/digits/infer", head + data, IMAGE, headers)


_UVICORN = (
    "{bin}/python -m uvicorn app:app --host 127.0.0.1 --port {port} --loop asyncio "
    "--http httptools --no-access-log --log-level warning"
)

PEERS = (
    Peer(
        name="fastapi",
        title="FastAPI, naive",
        command=_UVICORN,
        ready="/healthz",
        request=raw_image,
        batch=raw_array,
        setup="uvicorn with httptools and the asyncio loop, `async def` with the work in the event "
        "loop (faster than `def` in the thread pool), orjson; no log, no metrics",
    ),
    Peer(
        name="fastapi_service",
        title="FastAPI doing this service's work",
        command=_UVICORN,
        ready="/healthz",
        request=raw_image,
        batch=raw_array,
        environ={"OPENBLAS_NUM_THREADS": "1"},
        setup="as above, with this service's decoding, preparation, score and answer, a JSON line "
        "per request, prometheus-fastapi-instrumentator, asgi-correlation-id",
    ),
    Peer(
        name="empty",
        title="An empty endpoint on this server",
        command="{bin}/python app.py {port}",
        ready="/healthz",
        request=raw_image,
        batch=None,
        setup="Flask behind this service's adapter and server, one worker, without anything else",
    ),
    Peer(
        name="convscope_defaults",
        title="This service, default settings",
        command="{bin}/python start.py {port}",
        ready="/readyz",
        request=raw_image,
        batch=raw_array,
        setup="as it starts without any setting: a worker for each core, log, metrics and limits",
    ),
    Peer(
        name="litserve",
        title="LitServe",
        command="{bin}/python app.py {port}",
        ready="/health",
        request=litserve_image,
        batch=litserve_array,
        setup="one API server, one worker, `fast_queue`, uvloop (its default), no access log; "
        "images as base64 in JSON",
    ),
    Peer(
        name="bentoml",
        title="BentoML",
        command="{bin}/bentoml serve app:Digits --host 127.0.0.1 --port {port}",
        ready="/readyz",
        request=bentoml_image,
        batch=bentoml_array,
        environ={"BENTOML_DO_NOT_TRACK": "True", "OTEL_SDK_DISABLED": "true"},
        setup="one worker, an `async` API with a raw body, httptools; no access log, metrics "
        "or traces",
    ),
    Peer(
        name="mlserver",
        title="MLServer",
        command="{bin}/mlserver start .",
        environ={
            "MLSERVER_HTTP_PORT": "{port}",
            "MLSERVER_GRPC_PORT": "{second_port}",
            "MLSERVER_METRICS_PORT": "{third_port}",
            "MLSERVER_PARALLEL_WORKERS": "0",
        },
        ready="/v2/models/digits/ready",
        request=mlserver_image,
        batch=mlserver_array,
        setup="a custom runtime, `parallel_workers: 0`, uvloop (its default), httptools; base64 in "
        "V2 JSON",
    ),
    Peer(
        name="ray",
        title="Ray Serve",
        command="{bin}/python app.py {port}",
        ready="/-/healthz",
        request=raw_image,
        batch=raw_array,
        environ={
            "RAY_SERVE_ENABLE_HA_PROXY": "1",
            "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
            "RAY_USAGE_STATS_ENABLED": "0",
        },
        setup="one replica behind HAProxy (`RAY_SERVE_ENABLE_HA_PROXY=1`, ten times as fast as its "
        "own proxy), `RAY_SERVE_THROUGHPUT_OPTIMIZED=1`; no dashboard, no access log",
    ),
    Peer(
        name="triton",
        title="Triton (HTTP)",
        command="{bin}/python start.py {port}",
        ready="/v2/models/digits/ready",
        request=triton_image,
        batch=triton_array,
        python="/usr/bin/python3",
        setup="the Triton 2.51 in pytriton, Python backend with one instance (eight times "
        "as fast as pytriton's `bind`); binary V2 tensors; the image is decoded in the model",
    ),
    Peer(
        name="tutorial",
        title="Flask + `model.predict`",
        command="{bin}/gunicorn --bind 127.0.0.1:{port} --threads 4 app:app",
        ready="/healthz",
        request=raw_image,
        batch=raw_array,
        environ={"TF_CPP_MIN_LOG_LEVEL": "2"},
        seconds=4,
        setup="gunicorn with one worker of four threads (twice as fast as a sync worker); "
        "`model.keras`, not the graph",
    ),
)
