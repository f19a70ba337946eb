"""The Python client and its command line: against the service, and against servers that fail."""

import io
import json
import os
import subprocess
import sys
import termios
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from service.client import Client, ConvScopeError, Prediction, Problem, TimedOut, Unreachable

from tests.conftest import ROOT, free_port
from tests.e2e.test_predict import png

ANSWER = {
    "model": {"name": "mnist", "version": 1, "sha256": "ab"},
    "predictions": [
        {"label": "7", "confidence": 0.9, "probabilities": {"7": 0.9}, "preprocessing": {}}
    ],
}
BUSY = {
    "type": "urn:convscope:problem:overloaded",
    "title": "Overloaded",
    "status": 503,
    "detail": "Too many requests wait; try again later.",
    "request_id": "r-1",
}
DROP, STALL, HALF = object(), object(), object()  # what a server does instead of answering


@pytest.fixture
def client(server):
    """A client of the running service."""
    with Client(server) as found:
        yield found


@pytest.fixture
def digits(mnist):
    """The first twelve test digits, uint8 (12, 28, 28)."""
    return mnist.test_images[:12]


@pytest.fixture
def slept(monkeypatch):
    """The seconds that were waited between tries; nobody really waits."""
    seconds = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@dataclass
class Asked:
    """A request that a scripted server got."""

    path: str
    query: dict[str, list[str]]
    headers: Message
    body: bytes
    port: int  # the client's: one a connection


@dataclass
class Scripted:
    """A server that gives its answers in turn, and the last one again and again."""

    answers: list[object]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def scripted(*answers):
    """Answers are (status, headers, body as JSON or text), DROP, STALL, or HALF."""
    script, released = Scripted(list(answers)), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = urlsplit(self.path)
            query, port = parse_qs(parts.query), self.client_address[1]
            script.asked.append(Asked(parts.path, query, self.headers, body, port))
            answer = script.answers[min(len(script.asked), len(script.answers)) - 1]
            if answer in (DROP, STALL):
                released.wait(10 if answer is STALL else 0)
                self.close_connection = True
                return
            status, headers, told = answer if isinstance(answer, tuple) else (200, {}, ANSWER)
            content = told.encode() if isinstance(told, str) else json.dumps(told).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content[:10] if answer is HALF else content)
            if answer is HALF:
                released.wait(10)
                self.close_connection = True

        do_GET = do_POST = answer  # noqa: N815 - http.server's names

        def log_message(self, *args):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        script.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield script
        finally:
            released.set()
            server.shutdown()


# a digit, and a file with its picture, as whatever the client takes
FORMS = {
    "path": lambda _, file: file,
    "path as text": lambda _, file: str(file),
    "bytes": lambda _, file: file.read_bytes(),
    "bytearray": lambda _, file: bytearray(file.read_bytes()),
    "PIL image": lambda digit, _: Image.fromarray(digit),
    "uint8": lambda digit, _: digit,
    "float": lambda digit, _: digit / 255,
    "with its channel": lambda digit, _: digit[..., np.newaxis],
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_image_gets_one_prediction(client, digits, tmp_path, form):
    """Path, bytes, PIL image or array: the same answer, with all that the service said of it."""
    file = tmp_path / "seven.png"
    file.write_bytes(png(digits[0]))
    found = client.predict(FORMS[form](digits[0], file))
    assert isinstance(found, Prediction)
    assert found.label == "7"
    assert found.confidence == found.probabilities["7"] == max(found.probabilities.values())
    assert set(found.probabilities) == set("0123456789")
    assert found.probabilities == pytest.approx(client.predict(digits[0]).probabilities, abs=1e-6)
    assert found.preprocessing["mode"] == "none"
    assert found.model["name"] == "mnist"


@pytest.mark.parametrize(
    "batch",
    [
        lambda digits: digits,
        lambda digits: digits[..., np.newaxis],
        lambda digits: digits / 255,
        list,
        lambda digits: tuple(png(digit) for digit in digits),
        # neighbours of every kind: none may overtake another
        lambda digits: [
            (png(digit), digit, digit / np.float32(255), Image.fromarray(digit), digit)[i % 5]
            for i, digit in enumerate(digits)
        ],
    ],
    ids=["uint8", "with a channel", "float", "list of arrays", "pictures", "mixed"],
)
def test_several_images_are_answered_in_their_order(client, digits, batch):
    """An array of several, or a list of any kinds, gives a list: each image's own prediction."""
    found = client.predict(batch(digits))
    assert len(found) == len(digits)
    for prediction, digit in zip(found, digits, strict=True):
        alone = client.predict(digit).probabilities
        assert prediction.probabilities == pytest.approx(alone, abs=1e-6)


def test_a_list_of_one_gives_a_list_and_an_empty_one_nothing(client, digits):
    """What comes back follows from what was given, not from how many there were."""
    assert [found.label for found in client.predict([digits[0]])] == ["7"]
    assert [found.label for found in client.predict(digits[:1])] == ["7"]
    assert client.predict([]) == []
    assert client.activations([]) == {}


def test_a_long_batch_goes_in_several_requests(client, mnist):
    """1,234 digits are answered as they are alone, wherever the requests were cut."""
    many = mnist.test_images[:1234]
    found = client.predict(many, top_k=1)
    expected = [client.predict(digit).label for digit in many[::100]]
    assert len(found) == 1234
    assert [prediction.label for prediction in found[::100]] == expected


def test_large_pictures_do_not_share_a_request():
    """Three pictures of 3 MB are three requests, so that none exceeds what a service takes."""
    with scripted((200, {}, ANSWER)) as server, Client(server.url) as client:
        assert len(client.predict([b"x" * 3_000_000] * 3)) == 3
        assert [len(asked.body) for asked in server.asked] == [3_000_000] * 3


def test_choices_reach_the_service(client, digits):
    """preprocess, top_k, model and version do what they do in the query."""
    assert len(client.predict(digits[0], top_k=3).probabilities) == 3
    assert client.predict(digits[0], preprocess="mnist").preprocessing["mode"] == "mnist"
    colours = np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)
    found = client.predict(colours, model="tiny", version=3)
    assert (found.model["name"], len(found.probabilities)) == ("tiny", 3)
    with pytest.raises(Problem, match="version 9 is not loaded"):
        client.predict(digits[0], version=9)


def test_what_the_service_adds_is_kept():
    """A field that this client does not know is in `extra`."""
    told = ANSWER | {"predictions": [ANSWER["predictions"][0] | {"mood": "good"}]}
    with scripted((200, {}, told)) as server, Client(server.url) as client:
        assert client.predict(b"x").extra == {"mood": "good"}


def test_a_prediction_says_whether_the_model_knows_such_pictures(client, digits):
    """The score of a digit is above that of noise; a model that cannot tell says None."""
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    digit, stranger = client.predict([digits[0], noise])
    assert (digit.in_distribution, stranger.in_distribution) == (True, False)
    assert digit.score > stranger.score
    with scripted((200, {}, ANSWER)) as server, Client(server.url) as other:
        assert other.predict(b"x").in_distribution is None


def test_every_digit_of_a_picture_is_found(client, mnist):
    """A picture of 2026 gives four predictions, left to right, each with its place."""
    wanted = [int(np.flatnonzero(mnist.test_labels == digit)[0]) for digit in (2, 0, 2, 6)]
    row = np.pad(np.concatenate(mnist.test_images[wanted], axis=1), 20)
    found = client.segment(Image.fromarray(255 - row))
    assert [each.label for each in found] == ["2", "0", "2", "6"]
    assert [each.extra["touching"] for each in found] == [False] * 4
    lefts = [each.preprocessing["bounding_box"][0] for each in found]
    assert lefts == sorted(lefts)


def test_activations_are_arrays_by_layer(client, digits):
    """Every convolution by default: float32, images first, channels last; and the probabilities."""
    arrays = client.activations(digits[0])
    shapes = {name: array.shape for name, array in arrays.items()}
    convolutions = [layer for layer in client.model()["layers"] if layer["kind"] == "Conv2D"]
    assert shapes.pop("probabilities") == (1, 10)
    assert shapes.pop("score") == (1,)
    assert shapes == {layer["name"]: (1, *layer["output_shape"]) for layer in convolutions}
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}


def test_layers_and_stage_are_chosen(client, digits):
    """All, one, or several layers; `pre` values, named so, become `post` by the activation."""
    names = {layer["name"] for layer in client.model()["layers"]}
    assert set(client.activations(digits[0], "all")) == {"probabilities", "score", *names}
    assert set(client.activations(digits[0], "dense")) == {"probabilities", "score", "dense"}
    post = client.activations(digits[0], ["dense", "conv2d"])
    pre = client.activations(digits[0], ["dense", "conv2d"], "pre")
    assert set(pre) == {"probabilities", "score", "dense/pre", "conv2d/pre"}
    np.testing.assert_array_equal(post["conv2d"], np.maximum(pre["conv2d/pre"], 0))


def test_activations_of_many_come_in_one_array(client, mnist):
    """150 digits: row i of every array is digit i's, wherever the requests were cut."""
    many = mnist.test_images[:150]
    arrays = client.activations(many, "conv2d_2")
    assert arrays["conv2d_2"].shape[0] == arrays["probabilities"].shape[0] == 150
    for index in (0, 63, 64, 149):
        alone = client.activations(many[index], "conv2d_2")
        np.testing.assert_array_equal(arrays["conv2d_2"][index], alone["conv2d_2"][0])


def test_a_sheet_is_a_picture(client, digits):
    """PNG bytes that open; more layers, a larger picture."""
    few, many = client.sheet(digits[0], "conv2d"), client.sheet(digits[0], "all")
    sizes = [Image.open(io.BytesIO(sheet)).size for sheet in (few, many)]
    assert few.startswith(b"\x89PNG")
    assert np.prod(sizes[0]) < np.prod(sizes[1])


def test_explain_tells_the_arithmetic_of_the_cell_asked_for(client, digits):
    """Its `pre` and `post` are the activations at that layer, channel, row and column."""
    pre = client.activations(digits[0], "conv2d", "pre")["conv2d/pre"]
    row, column, channel = (int(i) for i in np.unravel_index(np.argmax(pre[0]), pre[0].shape))
    told = client.explain(digits[0], "conv2d", channel, row, column)["explanation"]
    assert told["pre"] == pytest.approx(pre[0, row, column, channel], abs=1e-4)
    assert told["post"] == pytest.approx(max(told["pre"], 0), abs=1e-6)
    unit = client.explain(digits[0], "dense", 5)["explanation"]
    dense = client.activations(digits[0], "dense")["dense"]
    assert unit["post"] == pytest.approx(dense[0, 5], abs=1e-4)


def test_preprocess_gives_the_digit(client, digits):
    """An array as the model sees it, and an image again for every other call."""
    paper = Image.fromarray(255 - digits[0]).resize((280, 280))
    digit = client.preprocess(paper)
    assert (digit.dtype, digit.shape) == (np.uint8, (28, 28))
    assert client.predict(digit).probabilities == pytest.approx(
        client.predict(paper).probabilities, abs=1e-6
    )


def test_explain_and_preprocess_ask_by_the_contract(digits):
    """POST /explain?layer=&channel=&row=&column=, and /preprocess as JSON; None is left out."""
    answers = (200, {}, {"pre": 1.5}), (200, {}, {"pre": 2.5}), (200, {}, {"digit": [[0, 255]]})
    with scripted(*answers) as server, Client(server.url) as client:
        assert client.explain(digits[0], "conv2d", 3, 5, 0) == {"pre": 1.5}
        assert client.explain(b"x", "dense", 0, model="mnist") == {"pre": 2.5}
        np.testing.assert_array_equal(client.preprocess(b"x"), np.array([[0, 255]], np.uint8))
        cell, unit, digit = server.asked
    assert cell.path == unit.path == "/explain"
    assert cell.query == {"layer": ["conv2d"], "channel": ["3"], "row": ["5"], "column": ["0"]}
    assert unit.query == {"layer": ["dense"], "channel": ["0"], "model": ["mnist"]}
    assert digit.path == "/preprocess"
    assert digit.headers["Accept"].startswith("application/json")


def test_what_is_no_image_is_refused_at_once(client, digits, tmp_path):
    """A wrong type, a file that is not there, several where one is taken: Python's own errors."""
    with pytest.raises(TypeError, match="not int"):
        client.predict(7)
    with pytest.raises(FileNotFoundError, match=r"nine\.png"):
        client.predict(tmp_path / "nine.png")
    with pytest.raises(ValueError, match="one image, not 12"):
        client.explain(digits, "dense", 0)


def test_an_error_carries_the_problem(client):
    """Type, title, status, detail and request_id as the service told them; str() is the detail."""
    with pytest.raises(Problem) as caught:
        client.predict([b"hello", b"world"])
    problem = caught.value
    assert isinstance(problem, ConvScopeError)
    assert problem.type == "urn:convscope:problem:unsupported-format"
    assert (problem.title, problem.status) == ("Unsupported format", 415)
    assert str(problem) == problem.detail != ""
    assert len(problem.request_id) == 32


def test_an_error_that_is_no_problem_document_is_told_all_the_same():
    """A proxy's HTML page is a Problem with its status; a page instead of JSON is said so."""
    page = (502, {"X-Request-ID": "p-1"}, "<html>"), (200, {}, "<html>")
    with scripted(*page) as server, Client(server.url) as client:
        with pytest.raises(Problem, match="answered 502 Bad Gateway") as caught:
            client.predict(b"x")
        assert (caught.value.type, caught.value.request_id) == ("about:blank", "p-1")
        with pytest.raises(Unreachable, match="does not answer as ConvScope does"):
            client.predict(b"x")


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_asked_again_when_it_says(slept, status):
    """429 and 503 wait for Retry-After, in seconds or as a date, but not for ever; then ask."""
    waits = "2", formatdate(time.time() + 9, usegmt=True), "86400"
    busy = [(status, {"Retry-After": wait}, BUSY) for wait in waits]
    with scripted(*busy, (200, {}, ANSWER)) as server, Client(server.url) as client:
        assert client.predict(b"x").label == "7"
        assert [asked.body for asked in server.asked] == [b"x"] * 4
    assert slept[0] == 2
    assert 5 < slept[1] <= 9
    assert slept[2] == 30


def test_retries_end(slept):
    """After `retries` the last problem is raised; without Retry-After the waits grow."""
    with scripted((503, {}, BUSY)) as server, Client(server.url, retries=4) as client:
        with pytest.raises(Problem, match="Too many requests wait") as caught:
            client.predict(b"x")
        assert caught.value.request_id == "r-1"
        assert len(server.asked) == 5
    assert len(slept) == 3  # the first retry is at once
    assert slept == sorted(slept)
    assert slept[-1] > 3 * slept[0] / 1.5


@pytest.mark.parametrize("status", [400, 500])
def test_other_errors_are_not_asked_again(status):
    """What was wrong stays wrong."""
    with scripted((status, {}, BUSY)) as server, Client(server.url) as client:
        with pytest.raises(Problem):
            client.predict(b"x")
        assert len(server.asked) == 1


def test_a_dropped_connection_is_tried_again(slept, digits):
    """A service that hangs up twice is asked a third time, with the whole request."""
    with scripted(DROP, DROP, (200, {}, ANSWER)) as server, Client(server.url) as client:
        assert client.predict([png(digits[0]), png(digits[1])])[0].label == "7"
        assert [asked.body == server.asked[0].body != b"" for asked in server.asked] == [True] * 3
    assert len(slept) == 1


def test_no_service_is_unreachable(slept):
    """Where nothing listens, `Unreachable` names the address, after the retries."""
    url = f"http://127.0.0.1:{free_port()}"
    with Client(url) as client, pytest.raises(Unreachable, match="refused") as caught:
        client.predict(b"x")
    assert url in str(caught.value)
    assert not isinstance(caught.value, TimedOut)
    assert len(slept) == 2
    with Client("localhost:8000") as client, pytest.raises(Unreachable, match="localhost:8000"):
        client.predict(b"x")


@pytest.mark.parametrize("late", [STALL, HALF], ids=["no answer", "half an answer"])
def test_a_late_answer_times_out_once(late):
    """`TimedOut` after the time-out, and no retry, that could only be later."""
    start = time.monotonic()
    with scripted(late) as server, Client(server.url, timeout=0.2) as client:
        with pytest.raises(TimedOut, match=r"within 0\.2 s"):
            client.predict(b"x")
        assert time.monotonic() - start < 5
        assert len(server.asked) == 1


def test_the_connection_is_kept():
    """Three calls, one connection; a service may stand below a path."""
    with scripted((200, {}, ANSWER)) as server, Client(server.url + "/digits/") as client:
        for _ in range(3):
            client.predict(b"x")
        assert len({asked.port for asked in server.asked}) == 1
        assert {asked.path for asked in server.asked} == {"/digits/predict"}


def test_the_api_key_is_sent(tmp_path, monkeypatch):
    """As a bearer token, whatever else the user's netrc has for this host; none without a key."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    with scripted((200, {}, ANSWER)) as server:
        with Client(server.url) as client:
            client.predict(b"x")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        with Client(server.url, api_key="k-1") as client:
            client.predict(b"x")
        sent = [asked.headers["Authorization"] for asked in server.asked]
    assert sent == [None, "Bearer k-1"]


def test_readiness_is_asked_once(client, slept):
    """True where the service can answer; False where it says no or does not answer, at once."""
    assert client.ready() is True
    with scripted((503, {"Retry-After": "5"}, BUSY)) as server, Client(server.url) as busy:
        assert busy.ready() is False
        assert len(server.asked) == 1
    with Client(f"http://127.0.0.1:{free_port()}") as nobody:
        assert nobody.ready() is False
    assert slept == []


def test_the_manifest_is_the_models(client, mnist_bundle):
    """`model()` is GET /model, of any model that is loaded."""
    assert client.model()["layers"] == mnist_bundle.manifest["layers"]
    assert client.model("tiny", 3)["name"] == "tiny"


def test_it_needs_requests_and_numpy_only():
    """Importing the client loads no web framework, no runtime, no picture library."""
    others = "flask gunicorn ai_edge_litert orjson PIL safetensors tensorflow keras tqdm training"
    code = (
        f"import sys, service.client; print([m for m in {others.split()} if m in sys.modules], "
        "sorted(m for m in sys.modules if m.startswith('service.') and 'client' not in m))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[] []\n"


def run(url, folder, *arguments, stderr=subprocess.PIPE):
    """`python -m service.client` in a folder of pictures."""
    return subprocess.run(
        [sys.executable, "-m", "service.client", *arguments, "--url", url],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        timeout=60,
    )


@pytest.fixture
def folder(digits, tmp_path):
    """Four files: two digits, something that is no picture, and a blank sheet."""
    (tmp_path / "seven.png").write_bytes(png(digits[0]))
    (tmp_path / "two.png").write_bytes(png(digits[1]))
    (tmp_path / "broken.png").write_text("hello")
    (tmp_path / "blank.png").write_bytes(png(np.zeros((50, 50), np.uint8)))
    return tmp_path


def test_the_command_prints_a_table(server, client, folder):
    """One line a file, in the order named: file, digit, confidence; exit 0; no bar in a pipe."""
    done = run(server, folder, "predict", "two.png", "seven.png")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["file", "digit", "confidence"]
    assert [row[:2] for row in rows[1:]] == [["two.png", "2"], ["seven.png", "7"]]
    expected = client.predict(folder / "seven.png").confidence
    assert float(rows[2][2]) == pytest.approx(expected, abs=1e-4)


def test_the_command_goes_on_after_a_bad_file(server, folder):
    """What failed is told by file on stderr and with exit 1; the others are answered."""
    files = "seven.png", "broken.png", "missing.png", "blank.png", "two.png"
    done = run(server, folder, "predict", *files)
    assert done.returncode == 1
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "file",
        "seven.png",
        "two.png",
    ]
    told = dict(line.split(": ", 1) for line in done.stderr.splitlines())
    assert set(told) == {"broken.png", "missing.png", "blank.png"}
    assert told["missing.png"] == "No such file or directory"


def test_the_command_shows_a_bar_on_a_terminal(server, folder):
    """Several files get a bar on stderr, which leaves stdout as it is; one file gets none."""
    for files, shown in ((["seven.png", "two.png"], True), (["seven.png"], False)):
        reader, terminal = os.openpty()
        termios.tcsetwinsize(terminal, (24, 80))  # one without columns has no room for a bar
        done = run(server, folder, "predict", *files, stderr=terminal)
        os.write(terminal, b"end")  # reading waits for something to read
        seen = b""
        while not seen.endswith(b"end"):
            seen += os.read(reader, 1000)
        assert (b"| 0/2 [" in seen) is shown
        os.close(terminal)
        os.close(reader)
        assert [line.split()[0] for line in done.stdout.splitlines()] == ["file", *files]


def test_the_command_prints_json_lines(server, client, folder):
    """--json: an object a line, all that the service said and the file's name."""
    done = run(server, folder, "predict", "seven.png", "broken.png", "two.png", "--json")
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["file"], line["label"]) for line in lines] == [
        ("seven.png", "7"),
        ("two.png", "2"),
    ]
    assert lines[0]["probabilities"] == client.predict(folder / "seven.png").probabilities
    assert {"confidence", "preprocessing", "model"} <= set(lines[0])


def test_the_command_saves_activations(server, client, folder):
    """-o writes the arrays that the client gives, by name."""
    done = run(server, folder, "activations", "seven.png", "--layers", "all", "-o", "seven.npz")
    assert (done.returncode, done.stderr) == (0, "")
    with np.load(folder / "seven.npz") as saved:
        expected = client.activations(folder / "seven.png", "all")
        assert set(saved) == set(expected)
        for name, array in expected.items():
            np.testing.assert_array_equal(saved[name], array)


def test_the_command_saves_a_sheet(server, folder):
    """--sheet writes a picture."""
    done = run(server, folder, "activations", "seven.png", "--sheet", "seven-layers.png")
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(folder / "seven-layers.png") as sheet:
        assert sheet.format == "PNG"


def test_the_command_explains_a_cell(server, client, folder):
    """The client's answer as JSON: to read, or with --json on one line."""
    cell = ("--layer", "conv2d", "--channel", "3", "--row", "5", "--column", "7")
    expected = client.explain(folder / "seven.png", "conv2d", 3, 5, 7)
    read = run(server, folder, "explain", "seven.png", *cell)
    line = run(server, folder, "explain", "seven.png", *cell, "--json")
    assert json.loads(read.stdout) == json.loads(line.stdout) == expected
    assert len(read.stdout.splitlines()) > 1 == len(line.stdout.splitlines())


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["activations", "seven.png"], 2, "name what to write: -o FILE, --sheet FILE or both"),
        (["activations", "broken.png", "-o", "x.npz"], 1, "is not supported"),
        (["activations", "seven.png", "-o", "no/x.npz"], 1, "no/x.npz: No such file"),
        (["predict"], 2, "the following arguments are required: FILE"),
        (["predict", "seven.png", "--api-key-file", "k"], 1, "k: No such file"),
    ],
)
def test_the_command_says_what_is_wrong(server, folder, arguments, status, said):
    """One line on stderr and exit 1, or usage and exit 2; never a stack trace."""
    done = run(server, folder, *arguments)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_gives_up_where_nobody_answers(folder):
    """Without a service one line says so, for all the files."""
    done = run(f"http://127.0.0.1:{free_port()}", folder, "predict", "seven.png", "two.png")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("No answer from http://127.0.0.1:")


def test_the_command_sends_the_key_of_a_file(folder):
    """--api-key-file: the key is read from there, so that no list of processes shows it."""
    (folder / "key").write_text("k-1\n")
    with scripted((200, {}, ANSWER)) as server:
        done = run(server.url, folder, "predict", "seven.png", "--api-key-file", "key")
        assert done.returncode == 0
        assert server.asked[0].headers["Authorization"] == "Bearer k-1"
