"""A reload every second, of good, broken and large versions, while clients send requests."""

import hashlib
import http.client
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

from benchmarks.environments import ROOT
from service.model.checksums import write_manifest
from torture.row import Figure, Row
from torture.seeds import digits
from torture.target import target
from torture.traffic import Load, Request, show_progress

SECONDS = 60
CLIENTS = 9
_MNIST = ROOT / "models" / "mnist" / "1"
_LARGE = ROOT / "models" / "efficientnet-lite0" / "1"
_LARGE_BYTES = 60 * 2**20  # of the stand-in, where that example has not been built
_KEPT = 4  # versions of a model in the folder, besides the first
_SETTLES_S = 20  # after the last reload


class Folder:
    """A models folder whose versions' labels name their version.

    Attributes:
        published: the numbers of the good versions, by model.
        served: those that have answered.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.published: dict[str, set[int]] = {"mnist": set(), "large": set()}
        self.served: set[int] = set()
        self._sources = {"mnist": path / ".mnist", "large": path / ".large"}
        shutil.copytree(_MNIST, self._sources["mnist"])
        shutil.copytree(_LARGE if _LARGE.exists() else _MNIST, self._sources["large"])
        if not _LARGE.exists():
            _enlarge(self._sources["large"])
        self._number = 0
        self.good()
        self.large()

    def good(self) -> None:
        """Publish the next version, at once."""
        self._publish("mnist", self._next("mnist"))

    def large(self) -> None:
        """Publish a version of a model of tens of megabytes."""
        self._publish("large", self._next("large"))

    def truncated(self) -> None:
        """Publish a version whose graph is half there."""
        bundle = self._next("mnist")
        content = (bundle / "graph.tflite").read_bytes()
        _replace(bundle / "graph.tflite", content[: len(content) // 2])
        bundle.rename(self._path / "mnist" / str(self._number))

    def altered(self) -> None:
        """Publish a version whose weights have another hash than the manifest states."""
        bundle = self._next("mnist")
        content = (bundle / "weights.safetensors").read_bytes()
        _replace(bundle / "weights.safetensors", content[:-1] + bytes([content[-1] ^ 1]))
        bundle.rename(self._path / "mnist" / str(self._number))

    def half_copied(self) -> None:
        """Begin to copy a version: there is the manifest, and no graph yet."""
        bundle = self._next("mnist")
        for file in bundle.iterdir():
            if file.name not in ("manifest.json", "model.keras"):
                file.unlink()
        bundle.rename(self._path / "mnist" / str(self._number))

    def check(self, body: bytes) -> str:
        """Return what is wrong with the version that a response states, and with its label."""
        answer = json.loads(body)
        name, number = answer["model"]["name"], answer["model"]["version"]
        if number not in self.published[name]:
            return f"{name} {number} answers, which is broken"
        self.served.add(number)
        label = answer["predictions"][0]["label"] if "predictions" in answer else f" of {number}"
        return "" if label.endswith(f" of {number}") else f"{name} {number} answers {label}"

    def _next(self, name: str) -> Path:
        """Return a bundle with the next number, outside the models' folders."""
        self._number += 1
        bundle = self._path / ".next"
        shutil.copytree(
            self._sources[name], bundle, copy_function=os.link, ignore=lambda *_: ["digit_map"]
        )
        manifest = json.loads((bundle / "manifest.json").read_text())
        manifest |= {"name": name, "version": self._number}
        manifest["labels"] = [f"{label} of {self._number}" for label in manifest["labels"]]
        (bundle / "manifest.json").unlink()  # a link to that of the source
        write_manifest(bundle, manifest)
        return bundle

    def _publish(self, name: str, bundle: Path) -> None:
        """Rename the bundle, so that it is there at once; remove old versions."""
        folder = self._path / name
        folder.mkdir(exist_ok=True)
        self.published[name].add(self._number)
        bundle.rename(folder / str(self._number))
        numbers = sorted(int(each.name) for each in folder.iterdir())
        for number in numbers[1:-_KEPT]:
            shutil.rmtree(folder / str(number))


def run(share: float) -> list[Figure]:
    """Change the folder and send SIGHUP, once a second."""
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(Path(name))
        changes: tuple[Callable[[], None], ...] = (
            *(folder.good, folder.truncated, folder.good, folder.large),
            *(folder.altered, folder.good, folder.half_copied),
        )
        reloads = max(int(SECONDS * share), len(changes))
        with (
            target({"CONVSCOPE_MODELS_DIR": name}) as tested,
            Load(tested.server.port, CLIENTS, _requests(folder)) as load,
        ):
            time.sleep(1)  # every worker has loaded both models
            for number, change in zip(range(1, reloads + 1), cycle(changes), strict=False):
                begin = time.monotonic()
                change()
                tested.server.process.send_signal(signal.SIGHUP)
                show_progress(f"reload {number} of {reloads} ")
                time.sleep(max(begin + 1 - time.monotonic(), 0))
            settled = _settle(tested.server.port, max(folder.published["mnist"]))
        faults = load.faults
        faults.update(tested.faults)
    return [
        Figure("reloads, one a second", reloads),
        Figure("versions published that are valid", sum(map(len, folder.published.values()))),
        Figure("of these: versions that answered", len(folder.served)),
        Figure("requests answered", load.answered),
        Figure("requests failed, wrong or of a version that was not valid", faults.total(), 0),
        *(Figure(f"of these: {fault}", count) for fault, count in faults.items()),
        Figure("idle connections closed, request sent again", load.closed),
        Figure("seconds until only the newest version answers", settled, _SETTLES_S),
    ]


def _settle(port: int, newest: int) -> float:
    """Return the seconds until 20 new connections in a row are answered by the newest version."""
    begin = time.monotonic()
    row = 0
    while row < 20 and time.monotonic() < begin + _SETTLES_S + 1:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SETTLES_S)
        connection.request("GET", "/model")
        model = json.loads(connection.getresponse().read())
        connection.close()
        row = row + 1 if model["version"] == newest else 0
    return time.monotonic() - begin


def _requests(folder: Folder) -> list[Request]:
    paths = (
        *("/predict", "/predict?details=true", "/predict?version=1", "/activations?layers=conv2d"),
        *("/explain?layer=conv2d_1&channel=3&row=4&column=5", "/predict?model=large"),
    )
    return [Request(path, image, folder.check) for image in digits(5) for path in paths]


def _enlarge(bundle: Path) -> None:
    """Make a bundle large; the service reads the model's file to verify it."""
    model = (bundle / "model.keras").read_bytes() + os.urandom(_LARGE_BYTES)
    _replace(bundle / "model.keras", model)
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["graph"]["made_from"] = hashlib.sha256(model).hexdigest()
    write_manifest(bundle, manifest)


def _replace(path: Path, content: bytes) -> None:
    """Write a file of its own, where it may be a link to a file of another bundle."""
    path.unlink()
    path.write_bytes(content)


ROW = Row("New versions, broken ones included, are loaded without a failed request.", run)
