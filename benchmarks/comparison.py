"""Compare the service with its peers: the same requests to each, in interleaved rounds.

The servers of the closest comparison run side by side and are measured alternately for every case.
The others run only while they are measured, so that no idle server takes processor time; this also
measures a cold start in each round.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import requests

from benchmarks import images, wrk
from benchmarks.environments import NotMeasured
from benchmarks.peers import PEERS, Peer, Request
from benchmarks.results import Results
from benchmarks.servers import SERVICE, Server, running, start_peer, start_service

CONNECTIONS = (1, 8, 64, 256)
CLOSEST = ("fastapi", "fastapi_service", "empty")  # measured side by side with the service
OWN = ("empty", "convscope_defaults")  # variants of this service
WARM_UP_TIMEOUT_S = 10.0  # for the first response of each case
IMAGE, NPY = "application/octet-stream", "application/x-npy"


@dataclass(frozen=True)
class Case:
    """One kind of request.

    Attributes:
        name: its key in the results.
        title: its name in messages.
        connections: the numbers of connections to measure with.
        request: builds the request for a server's name; None where the server does not support it.
        seconds: duration of a load run; a slow peer's own duration is used where it is longer.
    """

    name: str
    title: str
    connections: tuple[int, ...]
    request: Callable[[str], Request | None]
    seconds: int = 1


def cases() -> list[Case]:
    """Return every case."""
    drawing, photo, batch = images.drawing(), images.photo(), images.digits(64)
    return [
        Case("digit", "/predict", CONNECTIONS, lambda name: image(name, images.SEVEN), 2),
        Case("drawing", "a drawing", (8,), lambda name: image(name, drawing)),
        Case("photo", "a photo of 12 megapixels", (1,), lambda name: image(name, photo), 2),
        Case("batch", "a batch of 64", (8,), lambda name: array(name, batch)),
        Case("layers", "/activations, JSON", (8,), lambda name: layers(name, "json")),
        Case("float16", "/activations, float16", (8,), lambda name: layers(name, "float16")),
    ]


def peer(name: str) -> Peer:
    """Return the peer of that name."""
    return next(peer for peer in PEERS if peer.name == name)


def image(server: str, data: bytes) -> Request | None:
    """Return a server's request for predicting an image file."""
    if server == SERVICE:
        return Request("/predict", data, IMAGE)
    return peer(server).request(data)


def array(server: str, data: bytes) -> Request | None:
    """Return a server's request for predicting each digit of a NumPy file."""
    if server == SERVICE:
        return Request("/predict", data, NPY)
    build = peer(server).batch
    return build(data) if build else None


def layers(server: str, form: str) -> Request | None:
    """Return the request for the feature maps of the three convolutions, as JSON or float16."""
    paths = {
        (SERVICE, "json"): "/activations?layers=conv",
        (SERVICE, "float16"): "/activations?layers=conv&dtype=float16&format=safetensors",
        ("fastapi", "json"): "/activations",
        ("fastapi", "float16"): "/activations/float16",
    }
    path = paths.get((server, form))
    return Request(path, images.SEVEN, IMAGE) if path else None


def groups(only: str | None) -> list[list[str]]:
    """Return the servers' names; those of one group run side by side."""
    if only:
        return [[SERVICE] if only == SERVICE else [SERVICE, only]]
    alone = [[peer.name] for peer in PEERS if peer.name not in CLOSEST]
    return [[SERVICE, *CLOSEST], *alone]


def compare(results: Results, rounds: int, only: str | None = None, brief: bool = False) -> None:
    """Measure every case on every server.

    Args:
        results: where the figures are added.
        rounds: the number of rounds.
        only: a server's name; it and this service are measured alone.
        brief: whether each load run takes only a second.
    """
    every_case = cases()
    if brief:
        every_case = [replace(case, seconds=1) for case in every_case]
    for number in range(1, rounds + 1):
        for names in groups(only):
            present = [name for name in names if name not in results.missing]
            print(f"comparison, round {number} of {rounds}: {', '.join(present)}", flush=True)
            _measure_group(results, present, every_case, number)


def _measure_group(results: Results, names: Sequence[str], every_case: list[Case], n: int) -> None:
    with ExitStack() as stack:
        servers: dict[str, Server] = {}
        for name in names:
            try:
                server = start_service() if name == SERVICE else start_peer(peer(name))
                servers[name] = stack.enter_context(running(server))
                _warm_up(name, server, every_case)
            except NotMeasured as reason:
                print(f"  {name} is not measured: {reason}", flush=True)
                results.missing[name] = str(reason)
                servers.pop(name, None)
            else:
                results.add("cold start s", name, server.start_s)
        for case in every_case:
            order = list(servers.items())
            if n % 2 == 0:  # so that no server is always the first
                order.reverse()
            for connections in case.connections:
                for name, server in order:
                    _measure(results, case, name, server, connections)
        for name, server in servers.items():
            results.add("memory MiB", name, server.memory_mib())


def _warm_up(name: str, server: Server, every_case: list[Case]) -> None:
    """Send the request of every case until it gets 200, then a second of load.

    Raises:
        NotMeasured: a request does not get 200 in time.
    """
    for case in every_case:
        request = case.request(name)
        end = time.monotonic() + WARM_UP_TIMEOUT_S
        while request and (status := _post(server, request)) != 200:
            if time.monotonic() > end:
                raise NotMeasured(f"the response to {case.title} has status {status}")
            time.sleep(0.1)
    request = image(name, images.SEVEN)
    if request:
        wrk.load(server.port, request, 8, 1)


def _measure(results: Results, case: Case, name: str, server: Server, connections: int) -> None:
    request = case.request(name)
    if request is None or name in results.missing:
        return
    seconds = case.seconds if name == SERVICE else max(case.seconds, peer(name).seconds)
    try:
        run = wrk.load(server.port, request, connections, seconds)
        results.add_run(case.name, name, connections, run)
        _post(server, request)  # returns after the server has processed wrk's remaining requests
    except (NotMeasured, requests.RequestException) as reason:
        print(f"  {name} is not measured: {reason}", flush=True)
        results.missing[name] = str(reason)


def _post(server: Server, request: Request) -> int:
    """Send one request; return the status of its response."""
    response = requests.post(
        f"http://127.0.0.1:{server.port}{request.path}",
        data=request.body,
        headers={"Content-Type": request.content_type, **request.headers},
        timeout=60,
    )
    return response.status_code
