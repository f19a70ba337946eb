"""The ASGI adapter: bodies, deadlines and overload, with the real application and no server."""

import asyncio
import gc
import io
import json
from types import TracebackType

import numpy as np
import pytest

from service.errors import Overloaded
from service.model.engine import Engine
from service.runtime import request
from service.runtime.admission import Admission
from service.settings import Settings
from tests.asgi import Exchange, build_adapter, exchange, run
from tests.e2e.running import LARGE, SEVEN

# a path of each error format, and the member that holds the message
FORMS = {
    "/predict": "detail",
    "/v1/models/mnist:predict": "error",
    "/v2/models/mnist/infer": "error",
}


def npy(count):
    """Return that many digits as a .npy file."""
    out = io.BytesIO()
    np.save(out, np.full((count, 28, 28), 7, np.uint8))
    return out.getvalue()


@pytest.fixture
def adapter(tmp_path):
    """An adapter with a small limit on bodies and a CORS origin."""
    return build_adapter(tmp_path, max_body_bytes=200_000, cors_origins="https://a.example")


@pytest.fixture
def full(tmp_path):
    """An adapter whose lanes are full."""
    admission = Admission(Settings(threads=1, queue=0, max_wait_ms=1))
    for lane in ("short", "short", "short", "long", "read"):
        admission.enter(lane)
    return build_adapter(tmp_path, admission)


def test_a_body_may_come_in_pieces(adapter):
    """The response does not depend on how the body is split."""
    whole = exchange(adapter, pieces=[SEVEN])
    pieces = [SEVEN[:1], SEVEN[1:100], b"", SEVEN[100:]]
    assert whole.status == 200
    assert json.loads(whole.content)["predictions"][0]["label"] == "7"
    assert exchange(adapter, pieces=pieces).content == whole.content


def test_the_path_and_headers_reach_the_application(adapter):
    """Percent-encodings are decoded once; a header with an underscore cannot pose as another."""
    unknown = exchange(adapter, method="GET", path="/v1/models/%C3%A4")
    assert unknown.status == 404
    assert "no model 'ä'" in json.loads(unknown.content)["error"]
    headers = {"X_Request_ID": "forged"}
    response = exchange(adapter, pieces=[SEVEN], headers=headers)
    assert response.response_headers["x-request-id"] != "forged"


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("headers", [{}, {"content-length": "200001"}])
def test_a_body_that_is_too_large_is_rejected(adapter, path, headers):
    """413 in the path's error format, without reading the body where its length is declared."""
    response = exchange(adapter, path=path, headers=headers, pieces=[b"x" * 150_000] * 2)
    assert response.status == 413
    assert "200,000 bytes" in json.loads(response.content)[FORMS[path]]
    assert response.response_headers["connection"] == "close"


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/predict", "image/png", LARGE[:-100]),
        ("/predict", "image/png", b"no image"),
        ("/predict", "application/json", b'{"instances": [["x"]]}'),
        ("/v1/models/mnist:predict", "application/json", b'{"instances": [["x"]]}'),
        ("/v2/models/mnist/infer", "application/json", b'{"inputs": []}'),
    ],
)
def test_a_refused_body_is_freed_at_once(adapter, path, kind, body):
    """A cycle through a traceback would keep a decoded image of any size until gc runs."""
    request = {"path": path, "headers": {"Content-Type": kind}}
    exchange(adapter, **request, pieces=[body])
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        status = exchange(adapter, **request, pieces=[body]).status
        tracebacks = sum(isinstance(each, TracebackType) for each in gc.get_objects())
    finally:
        gc.enable()
        gc.unfreeze()
    assert 400 <= status < 500
    assert tracebacks == 0


@pytest.mark.parametrize("path", FORMS)
def test_a_body_that_stalls_is_rejected(adapter, path, monkeypatch):
    """408 in the path's error format; the connection is closed."""
    monkeypatch.setattr(request, "BODY_S", 0.01)
    monkeypatch.setattr(request, "DISCARD_S", 0.01)
    response = exchange(adapter, path=path, pieces=[SEVEN[:10], None, SEVEN[10:]])
    assert response.status == 408
    assert "Only 10 bytes" in json.loads(response.content)[FORMS[path]]
    assert response.response_headers["connection"] == "close"


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("body", [SEVEN, LARGE])
def test_a_request_after_its_deadline_is_rejected(adapter, path, body):
    """504 in the path's error format, in the short and in the long lane."""
    headers = {"Request-Timeout": "0"}
    response = exchange(adapter, path=path, headers=headers, pieces=[body])
    assert response.status == 504
    assert "Request-Timeout of 0 s passed" in json.loads(response.content)[FORMS[path]]


@pytest.mark.parametrize("path", FORMS)
def test_requests_beyond_the_limit_are_rejected(full, path):
    """503 with Retry-After in the path's error format, with the request's id."""
    response = exchange(full, path=path, headers={"X-Request-ID": "abc"}, pieces=[SEVEN])
    assert response.status == 503
    assert "Retry" in json.loads(response.content)[FORMS[path]]
    assert response.response_headers["retry-after"] == "1"
    assert response.response_headers["x-request-id"] == "abc"
    assert response.response_headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", FORMS)
def test_a_request_that_needs_more_memory_than_there_is_is_rejected(adapter, path, monkeypatch):
    """The client gets 503 and may retry, in a route and outside of one; the log has the reason."""

    def fail(*_, **__):
        raise MemoryError("Unable to allocate 78 MiB")

    with monkeypatch.context() as patch:
        patch.setattr(adapter.app, "lane", fail)
        before = exchange(adapter, path=path, pieces=[SEVEN])
    monkeypatch.setattr(Engine, "run", fail)
    inside = exchange(adapter, path="/predict", pieces=[SEVEN])
    for response, form in ((before, FORMS[path]), (inside, "detail")):
        assert (response.status, response.response_headers["retry-after"]) == (503, "1")
        assert "out of memory" in json.loads(response.content)[form]


def test_pages_are_rejected_too_and_health_is_not(full):
    """Health and metrics respond under overload."""
    assert exchange(full, method="GET", path="/model").status == 503
    for path in ("/healthz", "/readyz", "/metrics", "/v2/models/mnist/ready"):
        assert exchange(full, method="GET", path=path).status == 200


def test_a_page_of_an_allowed_origin_can_read_a_rejection(adapter):
    """Rejections have CORS headers for allowed origins only."""
    for origin, is_allowed in (("https://a.example", True), ("https://b.example", False)):
        headers = {"Origin": origin, "Request-Timeout": "0"}
        response = exchange(adapter, headers=headers, pieces=[SEVEN])
        assert ("access-control-allow-origin" in response.response_headers) is is_allowed


def test_large_bodies_are_limited_in_all(tmp_path):
    """While one client's large body is incomplete, another one is rejected; small ones are not."""
    adapter = build_adapter(tmp_path, max_buffer_bytes=100_000, max_body_bytes=100_000)
    batch = npy(100)

    async def scenario():
        stalled = Exchange(pieces=[b"x" * 90_000, None])
        task = asyncio.create_task(stalled.run(adapter))
        await asyncio.sleep(0.01)
        headers = {"Content-Type": "application/x-npy"}
        large = await Exchange(pieces=[batch], headers=headers).run(adapter)
        small = await Exchange(pieces=[SEVEN]).run(adapter)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return large, small, await Exchange(pieces=[batch], headers=headers).run(adapter)

    large, small, later = run(scenario())
    assert (large.status, small.status, later.status) == (503, 200, 200)


def test_a_short_request_is_answered_while_a_long_one_runs(adapter):
    """A large image is processed on a thread and does not block the event loop."""
    order = []

    async def post(name, body):
        await Exchange(pieces=[body]).run(adapter)
        order.append(name)

    async def scenario():
        await asyncio.gather(post("long", LARGE), post("short", SEVEN))

    run(scenario())
    assert order == ["short", "long"]


def test_a_large_response_is_sent_in_pieces(adapter, monkeypatch):
    """Each piece is sent after the client has received the one before, so buffers stay bounded."""
    monkeypatch.setattr("service.runtime.adapter.PIECE", 65_536)
    sizes = []

    class Watched(Exchange):
        async def _send(self, message):
            await super()._send(message)
            sizes.append(len(message.get("body", b"")))

    watched = Watched(path="/activations", query="layers=all", pieces=[SEVEN])
    response = run(watched.run(adapter))
    assert len(response.content) == int(response.response_headers["content-length"]) > 200_000
    assert max(sizes) <= 65_536


def test_a_response_counts_as_buffered_until_the_client_has_received_it(tmp_path):
    """While a client does not read its response, other large responses are rejected."""
    admission = Admission(Settings(max_buffer_bytes=200_000, max_body_bytes=100_000))
    adapter = build_adapter(tmp_path, admission)
    reading = asyncio.Event()

    class Unread(Exchange):
        async def _send(self, message):
            if self.content:  # the one piece is written; uvicorn waits here for the client
                await reading.wait()
            await super()._send(message)

    async def scenario():
        unread = Unread(path="/activations", pieces=[SEVEN])  # about 260,000 bytes
        reader = asyncio.create_task(unread.run(adapter))
        while not reader.done() and admission_is_free(admission):
            await asyncio.sleep(0.001)
        during = await Exchange(path="/model/weights", method="GET").run(adapter)
        reading.set()
        await reader
        after = await Exchange(path="/model/weights", method="GET").run(adapter)
        return during, after

    during, after = run(scenario())
    assert (during.status, after.status) == (503, 200)


def admission_is_free(admission):
    """Return whether one more page would be accepted."""
    try:
        admission.enter("read")
    except Overloaded:
        return False
    admission.leave("read")
    return True


def test_a_batch_gives_the_same_predictions_as_single_digits(adapter):
    """The long lane computes the same values as the short one."""
    headers = {"Content-Type": "application/x-npy"}
    many = json.loads(exchange(adapter, pieces=[npy(60)], headers=headers).content)
    one = json.loads(exchange(adapter, pieces=[npy(1)], headers=headers).content)
    first = one["predictions"][0]
    score = pytest.approx(first["score"], rel=1e-5)  # a larger product sums in another order
    assert many["predictions"] == [{**first, "image": index, "score": score} for index in range(60)]
