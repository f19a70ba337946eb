"""SIGTERM at random moments, while clients send requests until they are refused."""

import json
import random
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from benchmarks.servers import Server, running, start_service
from torture.row import Figure, Row
from torture.seeds import digits
from torture.target import WORKERS
from torture.traffic import Load, Request, show_progress

TIMES = 50
CLIENTS = 12
_SEED = 8
_GRACES = {"5 s, the default": 5, "0 s": 0}
_LATEST_S = 2.0  # after the load began
_ENDS_S = 30


def run(share: float) -> list[Figure]:
    """Stop services one after the other; the next one starts while one ends."""
    times = max(int(TIMES * share), 1)
    rng = random.Random(_SEED)
    figures = []
    for name, grace in _GRACES.items():
        answered = closed = 0
        faults: Counter[str] = Counter()
        with ThreadPoolExecutor(1) as starter:
            following = starter.submit(_start, grace)
            for number in range(1, times + 1):
                server = following.result()
                with running(server), Load(server.port, CLIENTS, _requests()) as load:
                    time.sleep(rng.uniform(0, _LATEST_S))
                    server.process.send_signal(signal.SIGTERM)
                    if number < times:
                        following = starter.submit(_start, grace)
                    load.join()
                    status = server.process.wait(_ENDS_S)
                faults += load.faults
                faults[f"exit status {status}"] += status != 0
                answered, closed = answered + load.answered, closed + load.closed
                show_progress(f"grace period of {grace} s: {number} of {times} ")
        figures += [
            Figure(f"grace period of {name}: times stopped", times),
            Figure(f"grace period of {name}: requests answered", answered),
            Figure(f"grace period of {name}: requests failed", faults.total(), 0),
            *(Figure(f"of these: {fault}", count) for fault, count in (+faults).items()),
            Figure(f"grace period of {name}: idle connections closed, request sent again", closed),
        ]
    return figures


def _start(grace: int) -> Server:
    return start_service(WORKERS, {"CONVSCOPE_DRAIN_GRACE": str(grace)})


def _requests() -> list[Request]:
    return [
        Request(path, image, _check)
        for image in digits(10)
        for path in ("/predict", "/activations?layers=conv2d", "/predict?details=true")
    ]


def _check(body: bytes) -> str:
    return "" if json.loads(body)["model"]["name"] == "mnist" else "another model's answer"


ROW = Row("A service that is stopped answers every request that it has accepted.", run)
