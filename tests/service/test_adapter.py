"""What the ASGI adapter does with bodies, deadlines and too many requests; no server, real app."""

import asyncio
import io
import json

import numpy as np
import pytest

from service.errors import Overloaded
from service.runtime import request
from service.runtime.admission import Admission
from service.settings import Settings
from tests.asgi import Exchange, build_adapter, exchange, run
from tests.e2e.running import LARGE, SEVEN

# a path of each form of errors, and the member that holds the message
FORMS = {
    "/predict": "detail",
    "/v1/models/mnist:predict": "error",
    "/v2/models/mnist/infer": "error",
}


def npy(count):
    """That many digits as one .npy."""
    out = io.BytesIO()
    np.save(out, np.full((count, 28, 28), 7, np.uint8))
    return out.getvalue()


@pytest.fixture
def adapter(tmp_path):
    """The adapter with default settings, but for small bodies and a CORS origin."""
    return build_adapter(tmp_path, max_body_bytes=200_000, cors_origins="https://a.example")


@pytest.fixture
def full(tmp_path):
    """An adapter that has no place left in any lane."""
    admission = Admission(Settings(threads=1, queue=0, max_wait_ms=1))
    for lane in ("short", "short", "short", "long", "read"):
        admission.enter(lane)
    return build_adapter(tmp_path, admission)


def test_a_body_may_come_in_pieces(adapter):
    """The answer is that of the whole body, however it was cut."""
    whole = exchange(adapter, pieces=[SEVEN])
    pieces = [SEVEN[:1], SEVEN[1:100], b"", SEVEN[100:]]
    assert whole.status == 200
    assert json.loads(whole.content)["predictions"][0]["label"] == "7"
    assert exchange(adapter, pieces=pieces).content == whole.content


def test_the_path_and_headers_reach_the_application(adapter):
    """Percent-encodings are decoded once; a header with an underscore cannot pass for another."""
    unknown = exchange(adapter, method="GET", path="/v1/models/%C3%A4")
    assert (unknown.status, json.loads(unknown.content)["error"][:9]) == (404, "Model 'ä'")
    headers = {"X_Request_ID": "forged"}
    answer = exchange(adapter, pieces=[SEVEN], headers=headers)
    assert answer.response_headers["x-request-id"] != "forged"


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("headers", [{}, {"content-length": "200001"}])
def test_a_body_that_is_too_large_is_rejected(adapter, path, headers):
    """413 in the form of the path, before the body is read where its length is announced."""
    answer = exchange(adapter, path=path, headers=headers, pieces=[b"x" * 150_000] * 2)
    assert answer.status == 413
    assert "200,000 bytes" in json.loads(answer.content)[FORMS[path]]
    assert answer.response_headers["connection"] == "close"


@pytest.mark.parametrize("path", FORMS)
def test_a_body_that_stalls_is_rejected(adapter, path, monkeypatch):
    """408 in the form of the path; the connection ends."""
    monkeypatch.setattr(request, "BODY_S", 0.01)
    monkeypatch.setattr(request, "DISCARD_S", 0.01)
    answer = exchange(adapter, path=path, pieces=[SEVEN[:10], None, SEVEN[10:]])
    assert answer.status == 408
    assert "Only 10 bytes" in json.loads(answer.content)[FORMS[path]]
    assert answer.response_headers["connection"] == "close"


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("body", [SEVEN, LARGE])
def test_a_deadline_that_is_over_is_kept(adapter, path, body):
    """504 in the form of the path, whatever the lane."""
    headers = {"Request-Timeout": "0"}
    answer = exchange(adapter, path=path, headers=headers, pieces=[body])
    assert answer.status == 504
    assert "The 0 s of Request-Timeout were over" in json.loads(answer.content)[FORMS[path]]


@pytest.mark.parametrize("path", FORMS)
def test_what_is_too_much_is_rejected(full, path):
    """503 with Retry-After in the form of the path, and the request's own identity."""
    answer = exchange(full, path=path, headers={"X-Request-ID": "abc"}, pieces=[SEVEN])
    assert answer.status == 503
    assert "Retry" in json.loads(answer.content)[FORMS[path]]
    assert answer.response_headers["retry-after"] == "1"
    assert answer.response_headers["x-request-id"] == "abc"
    assert answer.response_headers["x-content-type-options"] == "nosniff"


def test_pages_are_rejected_too_and_health_is_not(full):
    """Health and metrics are answered at all times."""
    assert exchange(full, method="GET", path="/model").status == 503
    for path in ("/healthz", "/readyz", "/metrics", "/v2/models/mnist/ready"):
        assert exchange(full, method="GET", path=path).status == 200


def test_a_page_of_an_allowed_origin_can_read_a_rejection(adapter):
    """CORS headers are on rejections as on answers; another origin gets none."""
    for origin, is_allowed in (("https://a.example", True), ("https://b.example", False)):
        headers = {"Origin": origin, "Request-Timeout": "0"}
        answer = exchange(adapter, headers=headers, pieces=[SEVEN])
        assert ("access-control-allow-origin" in answer.response_headers) is is_allowed


def test_large_bodies_are_limited_in_all(tmp_path):
    """While one client's large body is incomplete, another's is rejected; small ones are not."""
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
    """A large picture is worked on by a thread: the event loop goes on."""
    order = []

    async def ask(name, body):
        await Exchange(pieces=[body]).run(adapter)
        order.append(name)

    async def scenario():
        await asyncio.gather(ask("long", LARGE), ask("short", SEVEN))

    run(scenario())
    assert order == ["short", "long"]


def test_a_large_response_is_sent_in_pieces(adapter, monkeypatch):
    """Each piece once the client has taken the one before: what is unread is bounded."""
    monkeypatch.setattr("service.runtime.adapter.PIECE", 65_536)
    sizes = []

    class Watched(Exchange):
        async def _send(self, message):
            await super()._send(message)
            sizes.append(len(message.get("body", b"")))

    watched = Watched(path="/activations", query="layers=all", pieces=[SEVEN])
    answer = run(watched.run(adapter))
    assert len(answer.content) == int(answer.response_headers["content-length"]) > 200_000
    assert max(sizes) <= 65_536


def test_a_response_counts_as_buffered_until_the_client_has_taken_it(tmp_path):
    """A client that leaves its response unread keeps other large responses waiting or rejected."""
    admission = Admission(Settings(max_buffer_bytes=200_000, max_body_bytes=100_000))
    adapter = build_adapter(tmp_path, admission)
    taken = asyncio.Event()

    class Unread(Exchange):
        async def _send(self, message):
            if self.content:  # the one piece is written; uvicorn waits here for the client
                await taken.wait()
            await super()._send(message)

    async def scenario():
        unread = Unread(path="/activations", pieces=[SEVEN])  # about 260,000 bytes
        reader = asyncio.create_task(unread.run(adapter))
        while not reader.done() and admission_is_free(admission):
            await asyncio.sleep(0.001)
        during = await Exchange(path="/model/weights", method="GET").run(adapter)
        taken.set()
        await reader
        after = await Exchange(path="/model/weights", method="GET").run(adapter)
        return during, after

    during, after = run(scenario())
    assert (during.status, after.status) == (503, 200)


def admission_is_free(admission):
    """Whether one more page would be accepted."""
    try:
        admission.enter("read")
    except Overloaded:
        return False
    admission.leave("read")
    return True


def test_a_batch_answers_as_its_digits_do(adapter):
    """The long lane gives what the short one gives."""
    headers = {"Content-Type": "application/x-npy"}
    many = json.loads(exchange(adapter, pieces=[npy(60)], headers=headers).content)
    one = json.loads(exchange(adapter, pieces=[npy(1)], headers=headers).content)
    first = one["predictions"][0]
    score = pytest.approx(first["score"], rel=1e-5)  # a larger product adds up in another order
    assert many["predictions"] == [{**first, "image": index, "score": score} for index in range(60)]
