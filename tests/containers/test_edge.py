"""Profile `edge`: nginx as a reverse proxy of several replicas."""

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
    """Start replicas behind nginx; return the stack and the port of nginx."""
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
    """Return the address of a container in the stack's network."""
    networks = json.loads(state(container, "json .NetworkSettings.Networks"))
    (network,) = networks.values()
    return network["IPAddress"]


def test_load_is_balanced_and_a_replica_may_stop(start):
    """No replica of four gets half of the load; stopping one fails no request of 8 clients."""
    stack, port = edge(start, replicas=4)
    replicas = stack.containers("service")
    first = replicas[0]

    def request_count(container: str) -> int:
        lines = docker("logs", stack.containers("edge")[0])
        return lines.count(f'"upstream":"{address(container)}:8000"')

    with Load(port, clients=8) as load:
        wait_for(lambda: len(load.seconds) > 800)
        shares = [request_count(replica) for replica in replicas]
        docker("stop", first)
        exit_code = state(first, ".State.ExitCode")
        docker("start", first)
        wait_for(lambda: state(first, ".State.Health.Status") == "healthy")
        count = request_count(first)
        wait_for(lambda: request_count(first) > count + 100)
    assert min(shares) > sum(shares) / 8
    assert max(shares) < sum(shares) / 2
    assert exit_code == "0"  # a killed process exits with 137
    assert load.failures == []
    log.info("requests per replica: %s", shares)
    log.info("docker stop under load: %d requests, 0 failed", len(load.seconds))


def test_the_edge_caches_files_and_returns_problem_json(start):
    """Files are cached and compressed, /metrics is hidden, nginx's errors are problem+json."""
    stack, port = edge(start)
    status, problem = ask(port, "POST", "/predict", b"not an image", X_Request_ID="mine")
    assert (status, json.loads(problem)["request_id"]) == (415, "mine")
    for status, response in [
        (404, ask(port, "GET", "/metrics")),
        (405, ask(port, "TRACE", "/")),
        (431, ask(port, "GET", "/", X_Long="x" * 40_000)),
    ]:
        assert (response[0], json.loads(response[1])["status"]) == (status, status)
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n")  # has no URI, for nginx
        assert client.recv(12) == b"HTTP/1.1 400"
    for _ in range(5):
        assert ask(port, "GET", "/web/main.js", Accept_Encoding="gzip")[1][:2] == b"\x1f\x8b"
    output = docker("logs", stack.containers("edge")[0])
    lines = [json.loads(line) for line in output.splitlines() if '"path":"/web/main.js"' in line]
    assert [bool(line["upstream"]) for line in lines] == [True, False, False, False, False]

    docker("stop", *stack.containers("service"))
    status, problem = ask(port, "POST", "/predict", SEVEN)
    assert status in (502, 504)  # the connection is refused, or the address is unreachable
    assert json.loads(problem)["status"] == status
    assert ask(port, "GET", "/web/main.js", Accept_Encoding="gzip")[0] == 200  # from the cache


def test_the_service_logs_the_address_of_the_client(start):
    """The service logs the client's address as nginx sees it, not the client's own header."""
    stack, port = edge(start)
    ask(port, "POST", "/predict", SEVEN, X_Request_ID="mine", X_Forwarded_For="203.0.113.7")
    (replica,), (proxy,) = stack.containers("service"), stack.containers("edge")
    lines = [json.loads(line) for line in docker("logs", replica).splitlines() if "mine" in line]
    (remote,) = [line["remote"] for line in lines]
    requests = [json.loads(line) for line in docker("logs", proxy).splitlines() if "mine" in line]
    assert [remote] == [line["client"] for line in requests]
    assert remote not in ("203.0.113.7", address(proxy))


def test_tls(start, tmp_path):
    """With a certificate nginx serves HTTPS and redirects HTTP to it."""
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
    context = ssl.create_default_context(cafile=str(certificate))
    client = socket.create_connection(("127.0.0.1", stack.port("edge", 8443)), timeout=10)
    with context.wrap_socket(client, server_hostname="localhost") as connection:
        connection.sendall(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        response = b"".join(iter(lambda: connection.recv(65536), b""))
    assert response.startswith(b"HTTP/1.1 200")
    assert b"Strict-Transport-Security: max-age=" in response


@contextmanager
def slow_clients(port: int) -> Iterator[None]:
    """Run 300 clients that send one byte per second, half of them from the first header on.

    They run in their own process, so that they do not slow down the clients that are measured.
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
            except OSError:  # closed by the server: connect again
                del clients[number]
            time.sleep(1 / SLOW_CLIENTS)
        connected.value = len(clients)


def healthy_clients(port: int) -> Load:
    """Measure the requests of four ordinary clients for four seconds."""
    with Load(port, clients=4, pause=0.01) as load:
        time.sleep(4)
    return load


def test_slow_clients_do_not_slow_others_behind_the_edge(start):
    """With 300 slow clients the p99 of others at most doubles, and none of their requests fails."""
    stack, port = edge(start, replicas=2)
    alone, loaded = [], []
    for _ in range(3):
        alone.append(healthy_clients(port))
        with slow_clients(port):
            loaded.append(healthy_clients(port))
    before, after = (statistics.median(load.p99 for load in loads) for loads in (alone, loaded))
    log.info("with edge: p99 %.1f → %.1f ms", before * 1e3, after * 1e3)

    direct = stack.port("service", 8000)
    before_direct = healthy_clients(direct)
    with slow_clients(direct):
        after_direct = healthy_clients(direct)
    log.info(
        "without edge: p99 %.1f → %.1f ms; %d requests succeeded, %d failed",
        before_direct.p99 * 1e3,
        after_direct.p99 * 1e3,
        len(after_direct.seconds),
        len(after_direct.failures),
    )
    assert [failure for load in alone + loaded for failure in load.failures] == []
    assert after <= 2 * before
