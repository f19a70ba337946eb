"""Limits on ratios of times within one run, the best of several rounds."""

import json
import subprocess
import sys

from benchmarks.comparison import peer
from benchmarks.environments import PEERS_DIR, ROOT
from benchmarks.load import predict
from benchmarks.servers import free_port, running, start_process, start_service

ROUNDS = 4
IN_PROCESS_LIMIT = 9  # times the graph's time; docs/benchmarks.md states a target of 5
FASTAPI_LIMIT = 0.5  # of its rate; docs/benchmarks.md states a target of 0.7


def start_fastapi():
    """Start the naive FastAPI app with the packages of the development environment."""
    port = free_port()
    fastapi = peer("fastapi")
    command = [word.format(bin=f"{sys.prefix}/bin", port=port) for word in fastapi.command.split()]
    environ = {"PYTHONPATH": str(ROOT)}
    return start_process(command, PEERS_DIR / fastapi.name, environ, port, fastapi.ready, "guard")


def test_in_process_predict_costs_few_times_the_graph():
    """One `/predict` without a server takes at most nine times as long as the bare graph."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.in_process"], cwd=ROOT, check=True, capture_output=True
    )
    times = json.loads(done.stdout)
    rounds = list(zip(times["predict_us"], times["graph_us"], strict=True))
    ratio = min(predict_us / graph_us for predict_us, graph_us in rounds)
    assert ratio <= IN_PROCESS_LIMIT, f"{ratio:.1f} × the graph's time; by round: {rounds}"


def test_the_service_keeps_up_with_naive_fastapi():
    """With eight clients the service answers at least half as many requests as naive FastAPI."""
    with running(start_service()) as service, running(start_fastapi()) as fastapi:
        for server in (service, fastapi):
            predict(server.port, clients=8, seconds=0.5)
        rates = [
            [predict(server.port, clients=8, seconds=1).of(200)["rate"] for server in pair]
            for pair in [(service, fastapi), (service, fastapi)] * (ROUNDS // 2)
        ]
    ratio = max(ours / theirs for ours, theirs in rates)
    assert ratio >= FASTAPI_LIMIT, f"{ratio:.2f} of FastAPI's rate; by round: {rates}"
