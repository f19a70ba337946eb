"""A worker's shutdown, with real sockets: what is answered, and what the other workers keep."""

import asyncio
import socket
from contextlib import suppress

import pytest
import uvicorn

from service.control import Control
from service.runtime import server
from service.runtime.connections import Connection
from service.runtime.server import DrainingServer
from tests.asgi import build_adapter, run
from tests.e2e.running import PATIENCE_S

REQUEST = b"GET /models HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def listener():
    """A listening socket, which this process keeps open as gunicorn's other workers would."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as created:
        created.setblocking(False)
        yield created


def worker(folder, control):
    """Return the server of a worker."""
    app = build_adapter(folder)
    config = uvicorn.Config(app, http=Connection, lifespan="off", ws="none", log_config=None)
    return DrainingServer(config, app.app, control, lambda: None)


class Client:
    """A client that sends the next request a few steps after a response, unless it sees the end.

    Attributes:
        responses: how many it got.
        failed: whether the connection ended before the response to a request.
        is_last: whether the last response announced the end of the connection.
    """

    def __init__(self, address, pause):
        self.responses, self.failed, self.is_last, self._waits = 0, False, False, False
        self._pause, self._idle = pause, 0
        self._socket = socket.create_connection(address, PATIENCE_S)
        self._socket.setblocking(False)

    def step(self):
        """Receive what there is and send the next request, without waiting."""
        with suppress(BlockingIOError):
            while self._socket.fileno() != -1:
                if not self._receive():
                    self._socket.close()
        self._idle += not self._waits
        if self._socket.fileno() != -1 and self._idle > self._pause:
            self._socket.send(REQUEST)
            self._waits, self._idle = True, 0

    def _receive(self):
        """Return whether more responses may follow."""
        try:
            received = self._socket.recv(2**20)
        except ConnectionResetError:
            received = b""
        self.failed = self._waits and not received
        self.responses += bool(received)
        self._waits = False
        self.is_last |= b"connection: close" in received
        return received and not self.is_last


async def shut_down(tested, listener, clients=()):
    """Serve, let clients send requests in every iteration of the event loop, and shut down."""
    loop = asyncio.get_running_loop()

    def step():
        for client in clients:
            client.step()
        loop.call_soon(step)

    serving = asyncio.create_task(tested.serve([listener.dup()]))
    step()
    while any(client.responses < 3 for client in clients) or not tested.started:
        await asyncio.sleep(0.01)
    tested.should_exit = True
    async with asyncio.timeout(PATIENCE_S):
        await serving


@pytest.mark.parametrize("stopping", [True, False])
def test_each_connection_in_use_ends_with_a_response_that_announces_it(
    tmp_path, listener, stopping
):
    """A client that sends its next request within a second never sends it in vain."""
    clients = [Client(listener.getsockname(), pause) for pause in range(16)]
    run(shut_down(worker(tmp_path, Control(stopping=stopping)), listener, clients))
    assert not any(client.failed for client in clients)
    assert all(client.is_last for client in clients)


@pytest.mark.parametrize("stopping", [True, False])
def test_an_idle_connection_is_not_closed_over_a_request(tmp_path, listener, stopping, monkeypatch):
    """It is closed so that the client sees it before it sends, and not while bytes are unread."""
    monkeypatch.setattr(server, "_LAST_REQUEST_S", 0)
    clients = [Client(listener.getsockname(), pause) for pause in range(16)]
    run(shut_down(worker(tmp_path, Control(stopping=stopping)), listener, clients))
    assert not any(client.failed for client in clients)


def test_a_worker_that_stops_alone_leaves_new_connections_to_the_others(tmp_path, listener):
    """It leaves the listener open, so that the others accept what it no longer accepts."""
    run(shut_down(worker(tmp_path, Control()), listener))
    with socket.create_connection(listener.getsockname(), PATIENCE_S) as client:
        client.sendall(REQUEST)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.recv(len(REQUEST)) == REQUEST


def test_a_service_that_stops_accepts_nothing_that_it_would_not_answer(tmp_path, listener):
    """The kernel drops new connections from then on until the listener is closed."""
    run(shut_down(worker(tmp_path, Control(stopping=True)), listener))
    with pytest.raises(TimeoutError):
        socket.create_connection(listener.getsockname(), 0.5)
