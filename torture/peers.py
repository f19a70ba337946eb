"""ConvScope and its peers under the same fuzz, bombs, drain and overload."""

import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from benchmarks.environments import ENVIRONMENTS, PEERS_DIR, NotMeasured
from benchmarks.peers import PEERS, Peer
from benchmarks.peers.table import JSON, NPY, triton_array
from benchmarks.servers import start_peer, start_service
from service.version import VERSION
from torture import side_by_side
from torture.bombs import BOMBS
from torture.row import Figure, Row
from torture.seeds import Seed, seeds
from torture.side_by_side import Subject
from torture.target import WORKERS

BODIES = 2_000
BOMBED = 3  # times
DRAINS = 5
CONNECTIONS = (64, 256)
OVERLOAD_S = 8.0
_OWN = "/v2/models/mnist/infer"
_PEERS = "/v2/models/digits/infer"
_IMAGES = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_ARRAYS = ("npy", "oip", "oip binary")
_IMAGE_BOMBS = tuple(name for name in BOMBS if name.startswith(("PNG", "GIF", "TIFF", "WebP")))
_JSON_BOMBS = tuple(name for name in BOMBS if name.startswith(("JSON", "gzip")))
_LENGTH = "Inference-Header-Content-Length"
_BARS: Mapping[str, float] = {
    "fuzz: answered with 5xx": 0,
    "fuzz: not answered": 0,
    "fuzz: processes that died": 0,
    side_by_side.GROWTH: 1.10,
    "bombs, the worst: ms": 100,
    "bombs, the worst: MiB more": 50,
    "bombs: answered with 200": 0,
    "bombs: answered with 5xx": 0,
    "bombs: not answered": 0,
    "bombs: processes that died": 0,
    "drain: of these not answered with 200": 0,
    "drain: begun later on an open connection and not answered": 0,
    **{f"{connections} connections: neither": 0 for connections in CONNECTIONS},
}


def run(share: float) -> list[Figure]:
    """Run the four tests for each server; one that cannot be installed or started has dashes."""
    found = []
    for title, build in _SUBJECTS.items():
        column = title
        try:
            figures = _measure(title, build(share), share)
        except NotMeasured as reason:
            column, figures = f"{title} (not measured: {reason})", {"fuzz: bodies": None}
        bars = _BARS if title == _CONVSCOPE else {}
        for name, value in figures.items():
            most = None if value is None else bars.get(name)
            found.append(Figure(name, value, most, column=column))
    return found


def _measure(title: str, subject: Subject, share: float) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    seconds = max(OVERLOAD_S * share, 1)
    tests: dict[str, Callable[[], Mapping[str, float | None]]] = {
        "fuzz": partial(side_by_side.fuzz, subject, int(BODIES * share)),
        "bombs": partial(side_by_side.bombs, subject, max(int(BOMBED * share), 1)),
        "drain": partial(side_by_side.drain, subject, max(int(DRAINS * share), 1)),
        "overload": partial(side_by_side.overload, subject, CONNECTIONS, seconds),
    }
    for number, (name, test) in enumerate(tests.items(), 1):
        begin = time.monotonic()
        figures |= test()
        took = time.monotonic() - begin
        print(f"{title}: {name}, {number} of {len(tests)}, took {took:.0f} s", flush=True)
    return figures


def _convscope(_: float) -> Subject:
    every = {seed.name: seed for seed in seeds()}
    return Subject(
        start=partial(start_service, WORKERS),
        health="/healthz",
        seeds=[every[name] for name in (*_IMAGES, *_ARRAYS)],
        bombs=_known_bombs((*_IMAGE_BOMBS, *_JSON_BOMBS), "/predict")
        | _json_bombs(_OWN, "image")
        | _binary_bombs(_OWN, "image"),
    )


def _fastapi(share: float) -> Subject:
    peer = _peer("fastapi", share)
    every = {seed.name: seed for seed in seeds()}
    return Subject(
        start=partial(start_peer, replace(peer, command=f"{peer.command} --workers {WORKERS}")),
        health="/healthz",
        seeds=[
            *(every[name] for name in _IMAGES),
            Seed("npy", "/predict", _array(), {"Content-Type": NPY}),
        ],
        bombs=_known_bombs(_IMAGE_BOMBS, "/predict"),
    )


def _mlserver(share: float) -> Subject:
    peer = _peer("mlserver", share)
    environ = {  # these workers do not start with uvloop ≥ 0.22, so its requirements pin it
        **peer.environ,
        "MLSERVER_PARALLEL_WORKERS": str(WORKERS),
        "MLSERVER_METRICS_DIR": str(ENVIRONMENTS / peer.name / "metrics"),
    }
    return Subject(
        start=partial(start_peer, replace(peer, environ=environ)),
        health="/v2/health/live",
        seeds=[_json_tensor()],
        bombs=_known_bombs(_JSON_BOMBS, _PEERS) | _json_bombs(_PEERS, "digits"),
    )


def _triton(share: float) -> Subject:
    peer = _peer("triton", share)
    binary = triton_array(_array())
    return Subject(
        start=partial(start_peer, replace(peer, command=f"{peer.command} {WORKERS}")),
        health="/v2/health/live",
        seeds=[
            _json_tensor(),
            Seed(
                *("oip binary", binary.path, binary.body),
                {"Content-Type": binary.content_type, **binary.headers},
            ),
        ],
        bombs=_known_bombs(_JSON_BOMBS, _PEERS)
        | _json_bombs(_PEERS, "digits")
        | _binary_bombs(_PEERS, "digits"),
    )


def _peer(name: str, share: float) -> Peer:
    """Return a peer; a short form measures only what is installed.

    Raises:
        NotMeasured: it is not installed, and this is a short form.
    """
    if share < 1 and not (ENVIRONMENTS / name / "installed").exists():
        raise NotMeasured("not installed; the whole row installs it")
    return next(peer for peer in PEERS if peer.name == name)


def _version(name: str, package: str) -> str:
    lines = (PEERS_DIR / name / "requirements.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines)[package]


def _array() -> bytes:
    """Return a NumPy file of one digit, as the peers take it: (1, 28, 28)."""
    npy = next(seed.body for seed in seeds() if seed.name == "npy")
    array = io.BytesIO()
    np.save(array, np.load(io.BytesIO(npy))[np.newaxis])
    return array.getvalue()


def _json_tensor() -> Seed:
    """Return a digit as a V2 tensor of numbers in JSON."""
    digit = np.load(io.BytesIO(_array()))
    return _v2(_PEERS, {"name": "digits", "shape": [1, 28, 28], "data": digit.ravel().tolist()})


def _v2(path: str, tensor: dict[str, object]) -> Seed:
    body = json.dumps({"inputs": [{"datatype": "UINT8", **tensor}]}).encode()
    return Seed("oip", path, body, {"Content-Type": JSON})


def _known_bombs(names: tuple[str, ...], path: str) -> dict[str, Callable[[], Seed]]:
    def build(name: str) -> Seed:
        return Seed(name, path, *BOMBS[name]())

    return {name: partial(build, name) for name in names}


def _json_bombs(path: str, tensor: str) -> dict[str, Callable[[], Seed]]:
    shape = [1, 10**6, 10**6]
    return {
        "V2 with a shape of 10¹² numbers, and one": lambda: _v2(
            path, {"name": tensor, "shape": shape, "data": [1]}
        ),
    }


def _binary_bombs(path: str, tensor: str) -> dict[str, Callable[[], Seed]]:
    def binary(size: int, length: int | None) -> Seed:
        parameters = {"binary_data_size": size}
        head = _v2(path, {"name": tensor, "shape": [1, 28, 28], "parameters": parameters}).body
        headers = {
            "Content-Type": "application/octet-stream",
            _LENGTH: str(len(head) if length is None else length),
        }
        return Seed("oip binary", path, head + b"12345678", headers)

    return {
        "V2 that promises 4 GB, and sends 8 bytes": lambda: binary(2**32, None),
        "V2 that promises a header of 1 GB": lambda: binary(8, 10**9),
    }


_CONVSCOPE = f"ConvScope {VERSION}"
_SUBJECTS: dict[str, Callable[[float], Subject]] = {
    _CONVSCOPE: _convscope,
    f"FastAPI {_version('fastapi', 'fastapi')}, naive": _fastapi,
    f"MLServer {_version('mlserver', 'mlserver')}": _mlserver,
    f"Triton in pytriton {_version('triton', 'nvidia-pytriton')}": _triton,
}
ROW = Row(
    "Under the bodies, stops and loads that its peers also get, ConvScope has no fault.",
    run,
    f"The bars are ConvScope's. Each server has {WORKERS} workers on this machine, and is set up "
    "as in `benchmarks/peers/`: FastAPI with the work in `async def` on uvicorn, MLServer with "
    "parallel workers, Triton with instances of its Python backend. FastAPI gets images and `.npy` "
    "files; MLServer gets a digit as a V2 tensor in JSON, Triton also as a binary one; ConvScope "
    "gets all of these. A dash stands for a body that a server does not take, and for memory that "
    "is not known because the process died. Each body has a new connection; a server that has "
    "exited is started again. `SIGTERM` arrives while 8 clients send one request after the other; "
    "uvicorn may then wait for a client that goes on sending on the connection accepted last, and "
    "MLServer waits for requests to workers that it has stopped. "
    "Triton answers 500 to JSON that it cannot parse, and says why; FastAPI's 500s are exceptions "
    "of Pillow and NumPy that a naive application does not catch.",
)
