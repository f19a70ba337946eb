"""Responses that are computed while they are sent: order, memory, slow clients."""

import asyncio
import threading

import pytest

from service.environ import Stream
from service.runtime.admission import Admission
from service.settings import Settings
from tests.asgi import Exchange, build_adapter, exchange, run
from tests.e2e.running import SEVEN


@pytest.fixture
def admission():
    """The limits of the settings."""
    return Admission(Settings())


@pytest.fixture
def streaming(tmp_path, admission):
    """An adapter whose application streams the numbers 0 to 4 and records the threads."""
    adapter = build_adapter(tmp_path, admission)
    threads = []

    def numbers():
        for number in range(5):
            threads.append(threading.current_thread().name)
            yield b"" if number == 2 else str(number).encode()

    def application(environ, start_response):
        inner(environ, lambda *_: None)  # for the fields that the access log needs
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Stream(numbers(), 1_000)

    inner, adapter.app.wsgi = adapter.app.wsgi, application
    adapter.threads = threads
    return adapter


def test_a_stream_is_sent_piece_by_piece_from_a_thread(streaming, admission):
    """All pieces arrive in order; none is computed in the event loop; nothing stays buffered."""
    response = exchange(streaming, pieces=[SEVEN])
    assert response.content == b"0134"
    assert "content-length" not in response.response_headers
    assert len(streaming.threads) == 5
    assert all(name.startswith("stream") for name in streaming.threads)
    assert admission._buffered == 0


def test_a_piece_is_computed_once_the_client_has_received_the_one_before(streaming, admission):
    """While a client does not read, no further piece is computed, and the values count."""
    reading = asyncio.Event()

    class Slow(Exchange):
        async def _send(self, message):
            await super()._send(message)
            if self.content == b"0":
                await reading.wait()

    async def scenario():
        slow = Slow(pieces=[SEVEN])
        task = asyncio.create_task(slow.run(streaming))
        while not slow.content:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        during = len(streaming.threads), admission._buffered
        reading.set()
        await task
        return during, slow

    during, slow = run(scenario())
    assert during == (1, 1_000)
    assert slow.content == b"0134"
    assert admission._buffered == 0


def test_an_error_in_a_stream_frees_its_memory(tmp_path, admission):
    """The exception reaches the server, which closes the connection."""
    adapter = build_adapter(tmp_path, admission)

    def fail():
        yield b"begin"
        raise OSError("the disk is full")

    def application(_, start_response):
        start_response("200 OK", [])
        return Stream(fail(), 1_000)

    adapter.app.wsgi = application
    with pytest.raises(OSError, match="full"):
        exchange(adapter, pieces=[SEVEN])
    assert admission._buffered == 0
