"""Profile `edge`: nginx in front of replicas."""

import json
import multiprocessing
import socket
import ssl
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.containers.conftest import SEVEN, Load, ask, docker, log, run, state, wait_for

SLOW_CLIENTS = 300


def edge(start, replicas=1, **options):
    """Replicas behind nginx, and its port."""
    stack = start(
        "--scale",
        f"service={replicas}",
        before="--profile edge",
        PORT="127.0.0.1:",  # each replica on a free port of its own
        CONVSCOPE_TRUSTED_PROXIES="1",
        **options,
    )
    stack.wait_until_healthy("service")
    stack.wait_until_healthy("edge")
    return stack, stack.port("edge", 8080)


def address(container: str) -> str:
    """Where it is in the stack's network."""
    networks = json.loads(state(container, "json .NetworkSettings.Networks"))
    (network,) = networks.values()
    return network["IPAddress"]


def test_every_replica_answers_and_any_may_stop(start):
    """Of four, none gets half of the load; `docker stop` of one fails no request of 8 clients."""
    stack, port = edge(start, replicas=4)
    replicas = stack.containers("service")
    first = replicas[0]

    def answered(container: str) -> int:
        lines = docker("logs", stack.containers("edge")[0])
        return lines.count(f'"upstream":"{address(container)}:8000"')

    with Load(port, clients=8) as load:
        wait_for(lambda: len(load.seconds) > 800)
        shares = [answered(replica) for replica in replicas]
        begun = time.monotonic()
        docker("stop", first)
        took = time.monotonic() - begun
        exit_code = state(first, ".State.ExitCode")
        docker("start", first)
        wait_for(lambda: state(first, ".State.Health.Status") == "healthy")
        before = answered(first)
        wait_for(lambda: answered(first) > before + 100)
    assert min(shares) > sum(shares) / 8
    assert max(shares) < sum(shares) / 2
    assert exit_code == "0"
    assert took < 45  # s; it was not killed
    assert load.failures == []
    log.info("four replicas answered %s requests", shares)
    log.info("docker stop under load: %d requests, 0 failed; %.1f s", len(load.seconds), took)


def test_the_edge_keeps_files_and_speaks_problem_json(start):
    """Pages' files are kept and compressed, /metrics is hidden, and its own errors are problems."""
    stack, port = edge(start)
    status, problem = ask(port, "POST", "/predict", b"no picture", X_Request_ID="mine")
    assert (status, json.loads(problem)["request_id"]) == (415, "mine")
    for status, asked in [
        (404, ask(port, "GET", "/metrics")),
        (405, ask(port, "TRACE", "/")),
        (431, ask(port, "GET", "/", X_Long="x" * 40_000)),
    ]:
        assert (asked[0], json.loads(asked[1])["status"]) == (status, status)
    for _ in range(5):
        assert ask(port, "GET", "/web/main.js", Accept_Encoding="gzip")[1][:2] == b"\x1f\x8b"
    printed = docker("logs", stack.containers("edge")[0])
    lines = [json.loads(line) for line in printed.splitlines() if '"path":"/web/main.js"' in line]
    assert [bool(line["upstream"]) for line in lines] == [True, False, False, False, False]

    docker("stop", *stack.containers("service"))
    status, problem = ask(port, "POST", "/predict", SEVEN)
    assert status in (502, 504)  # it refuses, or is nowhere
    assert json.loads(problem)["status"] == status
    assert ask(port, "GET", "/web/main.js", Accept_Encoding="gzip")[0] == 200  # kept


def test_the_service_learns_who_asks(start):
    """The service's log names the client as nginx sees it, whatever the client claims."""
    stack, port = edge(start)
    ask(port, "POST", "/predict", SEVEN, X_Request_ID="mine", X_Forwarded_For="203.0.113.7")
    (replica,), (proxy,) = stack.containers("service"), stack.containers("edge")
    lines = [json.loads(line) for line in docker("logs", replica).splitlines() if "mine" in line]
    (remote,) = [line["remote"] for line in lines]
    seen = [json.loads(line) for line in docker("logs", proxy).splitlines() if "mine" in line]
    assert [remote] == [line["client"] for line in seen]
    assert remote not in ("203.0.113.7", address(proxy))


def test_tls(start, tmp_path):
    """With a certificate it speaks HTTPS, and sends HTTP there."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    run(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
        "-keyout", str(key), "-out", str(certificate),
    )  # fmt: skip
    key.chmod(0o444)
    stack, port = edge(
        start,
        files=("deploy/edge/compose.tls.yml",),
        TLS_CERTIFICATE=str(certificate),
        TLS_KEY=str(key),
        TLS_PORT="127.0.0.1:",
    )
    assert ask(port, "GET", "/readyz")[0] == 308
    trusting = ssl.create_default_context(cafile=str(certificate))
    secure = socket.create_connection(("127.0.0.1", stack.port("edge", 8443)), timeout=10)
    with trusting.wrap_socket(secure, server_hostname="localhost") as connection:
        connection.sendall(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Strict-Transport-Security: max-age=" in answer


@contextmanager
def slow_clients(port: int) -> Iterator[None]:
    """Meanwhile 300 clients send one byte a second, half of them from the first header on.

    In a process of its own, so that they take nothing from those whose time is measured.
    """
    processes = multiprocessing.get_context("spawn")
    connected = processes.Value("i")
    process = processes.Process(target=_crawl, args=(port, connected), daemon=True)
    process.start()
    try:
        wait_for(lambda: connected.value == SLOW_CLIENTS)
        yield
        assert process.is_alive()
    finally:
        process.terminate()
        process.join()


def _crawl(port: int, connected) -> None:
    head = (
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
        b"Content-Length: %d\r\n\r\n" % len(SEVEN)
    )
    clients: dict[int, tuple[socket.socket, bytes]] = {}
    while True:
        for number in range(SLOW_CLIENTS):
            if number not in clients:
                client = socket.create_connection(("127.0.0.1", port))
                if number % 2:
                    client.sendall(head)
                clients[number] = client, SEVEN if number % 2 else head
            client, rest = clients[number]
            try:
                client.sendall(rest[:1])
                clients[number] = client, rest[1:]
            except OSError:  # closed on it: it begins anew
                del clients[number]
            time.sleep(1 / SLOW_CLIENTS)
        connected.value = len(clients)


def healthy_clients(port: int) -> Load:
    """What 4 ordinary clients meet with in some seconds."""
    with Load(port, clients=4, pause=0.01) as load:
        time.sleep(4)
    return load


def test_slow_clients_do_not_slow_others_behind_the_edge(start):
    """300 clients that send a byte a second: others' p99 at most doubles, and no request fails."""
    stack, port = edge(start, replicas=2)
    alone, beside = [], []
    for _ in range(3):
        alone.append(healthy_clients(port))
        with slow_clients(port):
            beside.append(healthy_clients(port))
    before, after = (statistics.median(load.p99 for load in loads) for loads in (alone, beside))
    log.info("slow clients, with edge: p99 %.1f → %.1f ms", before * 1e3, after * 1e3)

    direct = stack.port("service", 8000)
    before_direct = healthy_clients(direct)
    with slow_clients(direct):
        after_direct = healthy_clients(direct)
    log.info(
        "without: p99 %.1f → %.1f ms; %d requests answered, %d failed",
        before_direct.p99 * 1e3,
        after_direct.p99 * 1e3,
        len(after_direct.seconds),
        len(after_direct.failures),
    )
    assert [failure for load in alone + beside for failure in load.failures] == []
    assert after <= 2 * before
