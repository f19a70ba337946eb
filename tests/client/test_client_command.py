"""The command `convscope`."""

import json
import os
import subprocess
import sys
import termios

import numpy as np
import pytest
import requests
from PIL import Image

from tests.client.servers import RESPONSE, scripted_server
from tests.conftest import ROOT, free_port


def run(url, folder, *arguments, stderr=subprocess.PIPE):
    """Run `python -m convscope_client` in a folder with images."""
    return subprocess.run(
        [sys.executable, "-m", "convscope_client", *arguments, "--url", url],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT / "client"), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        timeout=60,
    )


def test_the_command_prints_a_table(server, client, folder):
    """Predict prints file, digit and confidence per line in order; a pipe gets no bar."""
    done = run(server, folder, "predict", "two.png", "seven.png")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["file", "digit", "confidence"]
    assert [row[:2] for row in rows[1:]] == [["two.png", "2"], ["seven.png", "7"]]
    expected = client.predict(folder / "seven.png").confidence
    assert float(rows[2][2]) == pytest.approx(expected, abs=1e-4)


def test_the_command_continues_after_an_invalid_file(server, folder):
    """Failed files are reported on stderr and exit 1; the others are classified."""
    files = "seven.png", "broken.png", "missing.png", "blank.png", "two.png"
    done = run(server, folder, "predict", *files)
    assert done.returncode == 1
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "file",
        "seven.png",
        "two.png",
    ]
    response = dict(line.split(": ", 1) for line in done.stderr.splitlines())
    assert set(response) == {"broken.png", "missing.png", "blank.png"}
    assert response["missing.png"] == "No such file or directory"


def test_the_command_shows_a_bar_on_a_terminal(server, folder):
    """Several files show a bar on stderr only; one file shows none."""
    for files, shown in ((["seven.png", "two.png"], True), (["seven.png"], False)):
        reader, terminal = os.openpty()
        termios.tcsetwinsize(terminal, (24, 80))  # tqdm shows no bar on a terminal of 0 columns
        done = run(server, folder, "predict", *files, stderr=terminal)
        os.write(terminal, b"end")  # os.read blocks until there is something to read
        seen = b""
        while not seen.endswith(b"end"):
            seen += os.read(reader, 1000)
        assert (b"| 0/2 [" in seen) is shown
        os.close(terminal)
        os.close(reader)
        assert [line.split()[0] for line in done.stdout.splitlines()] == ["file", *files]


def test_the_command_prints_json_lines(server, client, folder):
    """--json prints an object per line: the service's prediction and the file's name."""
    done = run(server, folder, "predict", "seven.png", "broken.png", "two.png", "--json")
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["file"], line["label"]) for line in lines] == [
        ("seven.png", "7"),
        ("two.png", "2"),
    ]
    assert lines[0]["probabilities"] == client.predict(folder / "seven.png").probabilities
    assert {"confidence", "preprocessing", "model"} <= set(lines[0])


def test_the_command_prints_the_segments_of_an_image(server, client, folder):
    """Segment prints row, digit and confidence of each segment; --json its other fields too."""
    table = run(server, folder, "segment", "seven.png")
    lines = run(server, folder, "segment", "seven.png", "--json", "--details")
    (segment,) = client.segment(folder / "seven.png")
    header, row = (line.split() for line in table.stdout.splitlines())
    assert header == ["row", "digit", "confidence"]
    assert row == ["0", "7", f"{segment.confidence:.4f}"]
    (printed,) = map(json.loads, lines.stdout.splitlines())
    assert printed["touching"] is False
    assert "stroke" in printed["preprocessing"]


def test_the_command_prints_the_cells_of_a_grid(folder):
    """--grid prints the column too; an empty cell and an operator have no digit."""
    cells = [
        {"label": "7", "confidence": 0.9, "segment": {"column": 0, "is_digit": True}},
        {"label": None, "confidence": None, "segment": {"column": 1, "is_digit": False}},
        {"label": "4", "confidence": 0.5, "segment": {"column": 2, "is_digit": False}},
    ]
    shared = {"index": 0, "row": 3, "touching": False}
    predictions = [
        RESPONSE["predictions"][0] | cell | {"segment": cell["segment"] | shared} for cell in cells
    ]
    with scripted_server((200, {}, RESPONSE | {"predictions": predictions})) as server:
        done = run(server.url, folder, "segment", "seven.png", "--grid")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["row", "column", "digit", "confidence"],
        ["3", "0", "7", "0.9000"],
        ["3", "1", "-", "-"],
        ["3", "2", "-", "-"],
    ]


def test_the_command_saves_activations(server, client, folder):
    """-o writes the arrays of Client.activations by name."""
    done = run(server, folder, "activations", "seven.png", "--layers", "all", "-o", "seven.npz")
    assert (done.returncode, done.stderr) == (0, "")
    with np.load(folder / "seven.npz") as saved:
        expected = client.activations(folder / "seven.png", "all")
        assert set(saved) == set(expected)
        for name, array in expected.items():
            np.testing.assert_array_equal(saved[name], array)


def test_the_command_saves_a_sheet(server, folder):
    """--sheet writes a PNG."""
    done = run(server, folder, "activations", "seven.png", "--sheet", "seven-layers.png")
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(folder / "seven-layers.png") as sheet:
        assert sheet.format == "PNG"


def test_the_command_explains_a_cell(server, folder):
    """Explain prints the service's JSON, indented, or with --json on one line."""
    query = {"layer": "conv2d_1", "channel": "3", "row": "5", "column": "7", "top": "2"}
    cell = [part for name, value in query.items() for part in (f"--{name}", value)]
    image = (folder / "seven.png").read_bytes()
    expected = requests.post(f"{server}/explain", params=query, data=image).json()
    read = run(server, folder, "explain", "seven.png", *cell)
    line = run(server, folder, "explain", "seven.png", *cell, "--json")
    assert json.loads(read.stdout) == json.loads(line.stdout) == expected
    assert len(read.stdout.splitlines()) > 1 == len(line.stdout.splitlines())


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["activations", "seven.png"], 2, "name what to write: -o FILE, --sheet FILE or both"),
        (["activations", "broken.png", "-o", "x.npz"], 1, "PNG, JPEG"),
        (["activations", "seven.png", "-o", "no/x.npz"], 1, "no/x.npz: No such file"),
        (["predict"], 2, "the following arguments are required: FILE"),
        (["predict", "seven.png", "--api-key-file", "k"], 1, "k: No such file"),
    ],
)
def test_the_command_reports_errors(server, folder, arguments, status, message):
    """An error is one line on stderr and exit 1, or usage and exit 2; never a traceback."""
    done = run(server, folder, *arguments)
    assert done.returncode == status
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_fails_without_a_service(folder):
    """Without a service, one line reports it for all files."""
    done = run(f"http://127.0.0.1:{free_port()}", folder, "predict", "seven.png", "two.png")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("No response from http://127.0.0.1:")


def test_the_command_reads_the_key_from_a_file(folder):
    """--api-key-file: the key is read from a file, which the list of processes does not show."""
    (folder / "key").write_text("k-1\n")
    with scripted_server((200, {}, RESPONSE)) as server:
        done = run(server.url, folder, "predict", "seven.png", "--api-key-file", "key")
        assert done.returncode == 0
        assert server.requests[0].headers["Authorization"] == "Bearer k-1"


def test_the_client_imports_requests_and_numpy_only():
    """Importing the client loads no web framework, no runtime, no image library."""
    others = "flask gunicorn ai_edge_litert orjson PIL safetensors tensorflow keras tqdm training"
    code = (
        f"import sys, convscope_client; print([m for m in {others.split()} if m in sys.modules], "
        "sorted(m for m in sys.modules if m.startswith('service')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "client",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[] []\n"
