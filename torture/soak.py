"""Very many requests of every route, model and format, over connections to every worker."""

import random
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException

from matplotlib.figure import Figure as Picture

from benchmarks.environments import ROOT
from torture.mixture import Request, mixture
from torture.row import Figure, Row
from torture.target import Target, Usage, target

REQUESTS = 300_000
PLOT = ROOT / "docs" / "soak.png"
_STEPS = 15  # after each, every connection is closed; what the workers hold is compared
_GROWTH = 1.03
_CLIENTS_OF_ONE = 4  # of each worker: as many as it has threads for long requests
_SLOWEST = 10  # kinds of requests of each method that keep all of them busy
_FEW = 8  # kinds of requests of a route of which a short form omits none
_BUSY, _PAUSE_S = 503, 0.05
_SETTLED_S = 0.6  # until workers have noticed closed connections, and published their metrics
_SEED = 8


def run(share: float) -> list[Figure]:
    """Send every request to every worker, then draw from them; compare what the workers hold."""
    step = int(REQUESTS * share / _STEPS)
    with target() as tested:
        requests = mixture(tested.server.port)
        if share < 1:  # the first pass over all would take longer than the rest
            kinds = Counter(each.route for each in requests)
            requests = [
                each
                for index, each in enumerate(requests)
                if kinds[each.route] <= _FEW or index % 4 == 0
            ]
        soak = Soak(tested, requests)
        soak.warm()
        held = []
        for number in range(1, _STEPS + 1):
            soak.step(step, number)
            held.append(tested.usage())
            print(f"{number * step:,} requests: {held[-1]}", flush=True)
    first, last = held[0], held[-1]
    if share == 1:
        _draw(held, step)
    never = {each.route for each in requests} - soak.succeeded
    routes = {each.route for each in requests if each.route.partition(" ")[2].startswith("/")}
    return [
        Figure("requests", soak.sent),
        Figure("kinds of requests", len(requests)),
        Figure("routes", len(routes)),
        Figure("of these: never answered with 200", len(never & routes), 0),
        Figure("answered with 4xx, each time as the first time", soak.refused),
        Figure("answered with 503 beside very large answers, and sent again", soak.rejected),
        Figure("faults (other 5xx, no response, a changed status)", sum(tested.faults.values()), 0),
        *(Figure(f"of these: {fault}", number) for fault, number in tested.faults.items()),
        Figure("memory of the workers at the end, MiB", last.memory_mib),
        Figure(f"the same ÷ after {step:,} requests", last.memory_mib / first.memory_mib, _GROWTH),
        Figure(f"open files, more than after {step:,}", last.files - first.files, 0),
        Figure(f"threads, more than after {step:,}", last.threads - first.threads, 0),
        Figure(f"tasks, more than after {step:,}", last.tasks - first.tasks, 0),
    ]


class Soak:
    """Clients of a service that remember the first status of each request.

    Attributes:
        sent: number of requests.
        refused: number of responses with 4xx.
        rejected: number of responses with 503, after which the request was sent again.
        succeeded: routes that have answered with 200.
    """

    def __init__(self, tested: Target, requests: Sequence[Request]) -> None:
        self._tested, self._requests = tested, requests
        self._workers = tested.server.workers()
        self._statuses: dict[int, int] = {}
        self._seconds = [1.0] * len(requests)
        self.sent = self.refused = self.rejected = 0
        self.succeeded: set[str] = set()

    def warm(self) -> None:
        """Send every request to every worker; then let all of their threads work at once."""
        every = range(len(self._requests))
        self._clients([(worker, every) for worker in self._workers])
        by_time = sorted(every, key=self._seconds.__getitem__)
        slowest = [
            index
            for method in ("GET", "POST")  # each has threads of its own
            for index in [i for i in by_time if self._requests[i].method == method][-_SLOWEST:]
        ]
        self._clients([(worker, slowest) for worker in self._workers * _CLIENTS_OF_ONE])

    def step(self, count: int, seed: int) -> None:
        """Send that many, each kind for the same time together: expensive ones rarely."""
        weights = [1 / each for each in self._seconds]
        drawn = random.Random(seed).choices(range(len(weights)), weights, k=count)
        workers = self._workers * _CLIENTS_OF_ONE
        self._clients([(each, drawn[i :: len(workers)]) for i, each in enumerate(workers)])
        time.sleep(_SETTLED_S)

    def _clients(self, work: Sequence[tuple[int, Sequence[int]]]) -> None:
        """Let clients send requests at the same time, each to its worker."""
        with ThreadPoolExecutor(len(work)) as pool:
            list(pool.map(lambda each: self._client(*each), work))
        self.sent += sum(len(indices) for _, indices in work)

    def _client(self, worker: int, indices: Sequence[int]) -> None:
        """Send requests over keep-alive connections to a worker."""
        connection = self._tested.connect_to(worker)
        for index in indices:
            status = _BUSY
            while status == _BUSY:
                if connection.sock is None:  # the worker has closed it after many requests
                    connection = self._tested.connect_to(worker)
                begin = time.perf_counter()
                status = self._send(connection, self._requests[index])
                if status == _BUSY:  # the buffers are full of large answers: as they should be
                    self.rejected += 1
                    time.sleep(_PAUSE_S)
            self._seconds[index] = min(self._seconds[index], time.perf_counter() - begin)
            self._note(index, status)
        connection.close()

    def _send(self, connection: HTTPConnection, request: Request) -> int:
        """Send a request; return the status, 0 where there is no response."""
        try:
            connection.request(request.method, request.path, request.body or None, request.headers)
            response = connection.getresponse()
            response.read()
        except (HTTPException, OSError) as error:
            self._tested.note(f"{request.route}: no response ({type(error).__name__})")
            connection.close()
            return 0
        return response.status

    def _note(self, index: int, status: int) -> None:
        route = self._requests[index].route
        first = self._statuses.setdefault(index, status)
        if status != first or (status >= 500 and route != "late"):
            self._tested.note(f"{route}: {status} after {first}")
        if status == 200:
            self.succeeded.add(route)
        self.refused += 400 <= status < 500


def _draw(held: Sequence[Usage], step: int) -> None:
    """Draw the workers' memory over the requests."""
    picture = Picture(figsize=(7, 2.5), layout="constrained")
    axes = picture.subplots()
    memory = [each.memory_mib for each in held]
    axes.plot([(i + 1) * step for i in range(len(held))], memory, marker="o", markersize=4)
    axes.set(ylim=(0, 1.2 * max(memory)), xlabel="requests", title="memory of both workers, MiB")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.3)
    picture.savefig(PLOT, dpi=110, metadata={"Software": None})


ROW = Row("Whatever is requested, and for how long, the workers hold no more than at first.", run)
