"""`python -m benchmarks`: the service's figures on this machine, measured on a running one.

Needs the service's dependencies and `requests`. Only ratios from one run compare well: machines are
noisy, and most of all shared ones.
"""

import io
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import requests
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from service.bundle import GRAPH, read_bundle
from service.engine import Engine

ROOT = Path(__file__).parents[1]
PORT = 8765
URL = f"http://127.0.0.1:{PORT}"
NPY = {"Content-Type": "application/x-npy"}
SEVEN = (ROOT / "tests" / "seven.png").read_bytes()
ROUTES = (
    "predict",
    "activations",
    "activations?format=npz",
    "activations?format=safetensors",
    "activations?layers=all&format=safetensors",
    "explain?layer=conv2d_1&channel=0&row=0&column=0",
    "occlusion",
)


def main() -> None:
    """Print every figure."""
    engine_overhead()
    score_cost()
    started = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-m", "service"],
        cwd=ROOT,
        env={**os.environ, "PORT": str(PORT), "WEB_CONCURRENCY": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_ready()
        print(f"start to /readyz: {time.perf_counter() - started:.2f} s")
        memory_after_requests(server.pid)
        routes()
        large_picture(server.pid)
        batch()
    finally:
        server.terminate()
        server.wait(timeout=40)


def wait_until_ready() -> None:
    """Ask /readyz until it answers."""
    while True:
        try:
            if requests.get(f"{URL}/readyz", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.01)


def engine_overhead() -> None:
    """The engine with every layer's values against the same graph's bare invoke, in turns."""
    bundle = read_bundle(ROOT / "models" / "mnist" / "1")
    engine = Engine(bundle)
    digit = bundle.golden[0].digit[np.newaxis]
    everything = [(layer.name, "post") for layer in bundle.layers]
    both = everything + [(layer.name, "pre") for layer in bundle.layers if layer.pre != layer.post]
    graph = Interpreter(model_path=str(bundle.path / GRAPH), num_threads=1)
    graph.allocate_tensors()
    for what, wanted in (("every layer", everything), ("every layer, before and after", both)):
        bare, whole = [], []
        for _ in range(60):
            bare.append(seconds(graph.invoke, 100))
            whole.append(seconds(lambda wanted=wanted: engine.run(digit, wanted), 100))
        ratios = [b / a for a, b in zip(bare, whole, strict=True)]
        print(
            f"engine, one image, {what}: {min(whole) * 1e6:.0f} µs, bare invoke "
            f"{min(bare) * 1e6:.0f} µs; ratio {min(whole) / min(bare):.2f} of the fastest, "
            f"{statistics.median(ratios):.2f} in the median pair"
        )


def score_cost() -> None:
    """What in_distribution costs beside the inference, in turns."""
    bundle = read_bundle(ROOT / "models" / "mnist" / "1")
    engine, distribution = Engine(bundle), bundle.distribution
    if distribution is None:
        return
    digit = bundle.golden[0].digit[np.newaxis]
    hidden, last = bundle.layers[-2].name, bundle.layers[-1].name
    values = engine.run(digit, [(hidden, "pre"), (last, "pre")])
    inner = values[hidden, "pre"], values[last, "pre"]
    graph, score = [], []
    for _ in range(60):
        graph.append(seconds(lambda: engine.probabilities(digit), 100))
        score.append(seconds(lambda: distribution.scores(*inner), 100))
    print(
        f"in_distribution: {min(score) * 1e6:.1f} µs, "
        f"{min(score) / min(graph):.0%} of the inference"
    )


def seconds(work: Callable[[], object], times: int) -> float:
    """Mean seconds of one call."""
    started = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - started) / times


def memory_after_requests(master: int) -> None:
    """Resident memory of the worker after 1,000 requests of both main routes."""
    session = requests.Session()
    for _ in range(500):
        session.post(f"{URL}/predict", data=SEVEN, timeout=10).raise_for_status()
        session.post(f"{URL}/activations", data=SEVEN, timeout=10).raise_for_status()
    for worker in workers(master):
        memory = kilobytes(worker, "VmRSS") / 1024
        print(f"resident memory of a worker after 1,000 requests: {memory:.0f} MiB")


def large_picture(master: int) -> None:
    """A picture of 12 megapixels, as cameras send them: seconds, and memory at the most."""
    rows, columns = np.mgrid[0:3000, 0:4000]
    digit = np.asarray(Image.open(io.BytesIO(SEVEN)).convert("L").resize((1200, 1200)))
    grey = 200 - 60 * rows / 3000 - 20 * columns / 4000
    grey[900:2100, 1400:2600] -= digit * 0.6
    grey += np.random.default_rng(0).normal(0, 4, grey.shape)
    photo = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).convert("RGB")
    for kind in ("JPEG", "PNG"):
        file = io.BytesIO()
        photo.save(file, kind, quality=90, compress_level=1)
        for worker in workers(master):
            Path(f"/proc/{worker}/clear_refs").write_text("5")  # its peak is from now on
        before = max(kilobytes(worker, "VmRSS") for worker in workers(master))
        ask = partial(requests.post, f"{URL}/predict", data=file.getvalue(), timeout=60)
        taken = [seconds(ask, 1) for _ in range(9)]
        more = max(kilobytes(worker, "VmHWM") for worker in workers(master)) - before
        print(
            f"12 megapixels, {kind} of {len(file.getvalue()) / 2**20:.1f} MiB: median "
            f"{statistics.median(taken) * 1e3:.0f} ms, {more / 1024:.0f} MiB more at the most"
        )


def workers(master: int) -> list[str]:
    """The worker processes' ids."""
    return Path(f"/proc/{master}/task/{master}/children").read_text().split()


def kilobytes(process: str, what: str) -> int:
    """A process's memory as /proc has it."""
    return int(Path(f"/proc/{process}/status").read_text().split(f"{what}:")[1].split()[0])


def routes() -> None:
    """What a request of each kind takes, one client's, in turns."""
    session = requests.Session()
    taken: dict[str, list[float]] = {route: [] for route in ROUTES}
    for _ in range(50):
        for route, times in taken.items():
            url = f"{URL}/{route}"
            times.append(seconds(lambda url=url: session.post(url, data=SEVEN, timeout=10), 1))
    medians = {route: statistics.median(times) for route, times in taken.items()}
    for route, median in medians.items():
        ratio = median / medians["predict"]
        print(f"POST /{route}: median {median * 1e3:.1f} ms, {ratio:.1f} × /predict")


def batch() -> None:
    """10,000 digits in one request against the bare engine, and what another client feels."""
    engine = Engine(read_bundle(ROOT / "models" / "mnist" / "1"))
    digits = np.random.default_rng(0).integers(0, 256, (10_000, 28, 28, 1), np.uint8)
    body = io.BytesIO()
    np.save(body, digits)
    ratios = []
    for _ in range(3):
        alone = seconds(lambda: engine.probabilities(digits), 1)
        asked = seconds(
            lambda: requests.post(
                f"{URL}/predict", data=body.getvalue(), headers=NPY, timeout=60
            ).raise_for_status(),
            1,
        )
        ratios.append(alone / asked)
    print(f"10,000 digits in one .npy: {statistics.median(ratios):.2f} × the bare engine's rate")
    waits: list[float] = []
    done = threading.Event()

    def other_client() -> None:
        session = requests.Session()
        while not done.is_set():
            started = time.perf_counter()
            session.post(f"{URL}/predict", data=SEVEN, timeout=10).raise_for_status()
            waits.append(time.perf_counter() - started)
            time.sleep(0.005)

    thread = threading.Thread(target=other_client)
    thread.start()
    for _ in range(3):
        requests.post(f"{URL}/predict", data=body.getvalue(), headers=NPY, timeout=60)
    done.set()
    thread.join()
    p99 = float(np.quantile(waits, 0.99))
    print(f"another client meanwhile: p99 {p99 * 1e3:.0f} ms over {len(waits)} requests")


if __name__ == "__main__":
    main()
