"""Compute the ratios that the service's speed is judged by, each within one run."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.alone import CLIENTS
from benchmarks.comparison import CLOSEST, CONNECTIONS, OWN
from benchmarks.parts import ROUTES
from benchmarks.peers import PEERS
from benchmarks.pressure import SLOW
from benchmarks.results import Results, Spread, ratios
from benchmarks.servers import SERVICE
from benchmarks.wrk import Run


@dataclass(frozen=True)
class Ratio:
    """A line of the report.

    Attributes:
        title: the numerator and the denominator.
        values: the quotient of each round.
        unit: the unit, where the values are not quotients.
    """

    title: str
    values: Sequence[float]
    unit: str = "×"

    def text(self) -> str:
        """Return median, lowest and highest."""
        spread = Spread.of(self.values)
        unit = f" {self.unit}" if self.unit else ""
        return f"{number(spread.median)}{unit} ({number(spread.low)}–{number(spread.high)})"


def number(value: float) -> str:
    """Return a number with three significant digits, without an exponent."""
    if math.isinf(value):
        return "∞"
    if value.is_integer() or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def every_ratio(results: Results) -> list[Ratio]:
    """Return every ratio whose two sides were measured."""
    lines = [
        *_in_process(results),
        *_against_fastapi(results),
        *_defaults(results),
        *_overload(results),
        *_against_others(results),
        *_batch(results),
        *_slow_clients(results),
        *_observability(results),
        *_parts(results),
    ]
    return [ratio for ratio in lines if ratio.values]


def _in_process(results: Results) -> list[Ratio]:
    predict = results.value("in process µs", "predict")
    graph = results.value("in process µs", "graph")
    return [
        Ratio("`/predict` in process", predict, "µs"),
        Ratio("the graph's bare invoke", graph, "µs"),
        Ratio("`/predict` in process ÷ the graph's bare invoke", ratios(predict, graph)),
    ]


def _rates(results: Results, case: str, server: str, connections: int) -> list[float]:
    return [run.rate for run in results.load(case, server, connections)]


def _figures(
    results: Results, server: str, connections: int, figure: Callable[[Run], float]
) -> list[float]:
    return [figure(run) for run in results.load("digit", server, connections)]


def _against(
    results: Results, case: str, server: str, connections: int, figure: Callable[[Run], float]
) -> list[float]:
    """Divide the service's figure by the server's, round by round."""
    ours = [figure(run) for run in results.load(case, SERVICE, connections)]
    return ratios(ours, [figure(run) for run in results.load(case, server, connections)])


def _against_fastapi(results: Results) -> list[Ratio]:
    naive, same_work = "naive FastAPI", "FastAPI doing this service's work"
    compared = (
        ("rate of `/predict`", "digit", 8, "fastapi", naive),
        ("rate of `/predict`", "digit", 8, "fastapi_service", same_work),
        ("rate of a drawing", "drawing", 8, "fastapi", naive),
        ("rate of a drawing", "drawing", 8, "fastapi_service", same_work),
        ("rate of a photo of 12 megapixels", "photo", 1, "fastapi", naive),
        ("rate of a batch of 64", "batch", 8, "fastapi", naive),
        ("rate of `/activations` as JSON", "layers", 8, "fastapi", naive),
        ("rate of `/activations` as float16", "float16", 8, "fastapi", naive),
    )
    return [
        Ratio(
            f"{title}, {connections} connection{'s' * (connections > 1)} ÷ {name}",
            _against(results, case, server, connections, lambda run: run.rate),
        )
        for title, case, connections, server, name in compared
    ]


def _defaults(results: Results) -> list[Ratio]:
    eight = _rates(results, "defaults", SERVICE, 8)
    lines = []
    for clients in CLIENTS[1:]:
        runs = results.load("defaults", SERVICE, clients)
        bounds = [2e3 * clients / run.rate for run in runs if run.rate]
        lines += [
            Ratio(
                f"default settings, {clients} clients: responses of 400 and above, and broken",
                [float(run.refused + run.broken) for run in runs],
                "",
            ),
            Ratio("… rate ÷ rate of 8 clients", ratios([run.rate for run in runs], eight)),
            Ratio("… p99 ÷ (2 × connections ÷ rate)", ratios([run.p99_ms for run in runs], bounds)),
        ]
    return lines


def _overload(results: Results) -> list[Ratio]:
    def value(name: str) -> list[float]:
        return results.value("overload", name)

    return [
        Ratio(
            "twice the capacity, open loop: served ÷ capacity",
            ratios(value("served per s"), value("capacity per s")),
        ),
        Ratio("… p99 of the served", value("served p99 ms"), "ms"),
        Ratio("… p99 of the refused (503)", value("refused p99 ms"), "ms"),
        Ratio("… slowest refusal", value("slowest refusal ms"), "ms"),
        Ratio("… p99 of `/healthz` meanwhile", value("healthz p99 ms"), "ms"),
        Ratio("… requests without a response", value("without a response"), ""),
        Ratio("… how late the client sent at most", value("client behind ms"), "ms"),
    ]


def _against_others(results: Results) -> list[Ratio]:
    return [
        Ratio(
            f"{title} of `/predict`, {connections} connections, {setting} ÷ {peer.title}",
            ratios(*(_figures(results, name, connections, figure) for name in (ours, peer.name))),
        )
        for peer in PEERS
        if peer.name not in (*CLOSEST, *OWN)
        for ours, setting in ((SERVICE, "one worker"), ("convscope_defaults", "default settings"))
        for connections in CONNECTIONS[1:3]
        for title, figure in (
            ("rate", lambda run: run.rate),
            ("p99", lambda run: run.p99_ms),
        )
    ]


def _batch(results: Results) -> list[Ratio]:
    def value(name: str) -> list[float]:
        return results.value("batch", name)

    return [
        Ratio(
            "10,000 digits in one request: digits per second ÷ the bare engine's",
            ratios(value("service per s"), value("engine per s")),
        ),
        Ratio("… another client's p99 meanwhile", value("other p99 ms"), "ms"),
        Ratio("… its p99 without the batch", value("other p99 alone ms"), "ms"),
    ]


def _slow_clients(results: Results) -> list[Ratio]:
    lines = []
    for kind, count in SLOW:
        before, during, rate_before, rate_during, growth = (
            results.value(f"slow: {kind}", name)
            for name in (
                *("p99 before ms", "p99 during ms"),
                *("rate before", "rate during", "growth MiB"),
            )
        )
        title = {
            "headers": f"{count} clients that drip headers",
            "body": f"{count} clients that drip bodies of up to 1 MB",
            "last byte": f"{count} clients that send all but a body's last byte",
            "idle": f"{count:,} idle connections",
        }[kind]
        lines += [
            Ratio(f"{title}: others' p99 ÷ p99 without them", ratios(during, before)),
            Ratio("… others' rate ÷ rate without them", ratios(rate_during, rate_before)),
            Ratio("… memory that the worker grew by", growth, "MiB"),
        ]
    return lines


def _observability(results: Results) -> list[Ratio]:
    observed = results.value("observability", "observed")
    unobserved = results.value("observability", "unobserved")
    return [Ratio("rate with log, metrics and limits ÷ without", ratios(observed, unobserved))]


def _parts(results: Results) -> list[Ratio]:
    graph = results.value("engine µs", "graph")
    predict = results.value("route ms", ROUTES[0])
    return [
        Ratio(
            "the engine, every layer read out ÷ the graph's bare invoke",
            ratios(results.value("engine µs", "every layer"), graph),
        ),
        Ratio(
            "`in_distribution`'s score ÷ the engine's probabilities",
            ratios(
                results.value("engine µs", "score"), results.value("engine µs", "probabilities")
            ),
        ),
        *(
            Ratio(
                f"`/{route}` ÷ `/predict`, one client",
                ratios(results.value("route ms", route), predict),
            )
            for route in ROUTES[1:]
        ),
        Ratio(
            "a photo of 12 megapixels: memory at the worker's peak",
            results.value("photo", "peak MiB"),
            "MiB",
        ),
    ]
