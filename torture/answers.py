"""Many clients with images of their own: every answer is its own, and always the same."""

import hashlib
import http.client
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from torture.row import Figure, Row
from torture.seeds import digits
from torture.target import Target, target

CLIENTS = 64
ANSWERS = 50_000
SAME = 1_000
_ROUTES = (
    "/predict",
    "/predict?details=true&top_k=3",
    "/activations?layers=conv2d_1&format=npz",
    "/explain?layer=conv2d_1&channel=3&row=4&column=5",
)
_BUSY, _PAUSE_S = 503, 0.05  # a client that is refused tries again
_VARIES = ("request_id", "timing")


def run(share: float) -> list[Figure]:
    """Compare every answer with the one that the same request got when it was alone."""
    images = digits(CLIENTS)
    with target() as tested:
        alone = {
            (route, index): _hash(_ask(tested, [(route, image)])[0])
            for route in _ROUTES
            for index, image in enumerate(images)
        }
        each = int(ANSWERS * share / CLIENTS)

        def client(index: int) -> int:
            requests = [(_ROUTES[turn % len(_ROUTES)], images[index]) for turn in range(each)]
            answers = _ask(tested, requests)
            return sum(
                _hash(answer) != alone[route, index]
                for answer, (route, _) in zip(answers, requests, strict=True)
            )

        with ThreadPoolExecutor(CLIENTS) as pool:
            wrong = sum(pool.map(client, range(CLIENTS)))
        same = {_hash(_ask(tested, [("/predict", images[0])])[0]) for _ in range(int(SAME * share))}
    return [
        Figure("answers to 64 clients, each with an image of its own", each * CLIENTS),
        Figure("answers that are another's, or differ", wrong, 0),
        Figure("one image over new connections: different answers", len(same), 1),
        Figure("faults", sum(tested.faults.values()), 0),
    ]


def _ask(tested: Target, requests: Sequence[tuple[str, bytes]]) -> list[bytes]:
    """Send requests over a connection of their own; return the bodies of the responses."""
    connection = http.client.HTTPConnection("127.0.0.1", tested.server.port, timeout=60)
    bodies = []
    for route, image in requests:
        status = _BUSY
        while status == _BUSY:  # more clients than the service answers in time: as they should
            connection.request("POST", route, image, {"Content-Type": "image/png"})
            response = connection.getresponse()
            status, body = response.status, response.read()
            time.sleep(_PAUSE_S if status == _BUSY else 0)
        bodies.append(body)
        if status != 200:
            tested.note(f"{route} got {status}")
    connection.close()
    return bodies


def _hash(body: bytes) -> str:
    """Return a hash of what an answer says; each has another id."""
    if body[:1] == b"{":
        answer: dict[str, Any] = json.loads(body)
        body = json.dumps({k: v for k, v in answer.items() if k not in _VARIES}).encode()
    return hashlib.sha256(body).hexdigest()


ROW = Row(
    "An answer is the requester's own, and the same whenever and by whom it is computed.", run
)
