"""The versions in the models folder, each loaded or not."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Literal

import msgspec

from service.errors import BundleError
from service.model.bundle import Bundle, read_bundle, versions
from service.model.engine import Engine
from service.model.manifest import MANIFEST, MODEL
from service.model.session import Grown

RETRY_S = 60  # after a failed load; a reload retries at once

State = Literal["available", "loaded", "failed"]


@dataclass(eq=False)
class Model:
    """A verified bundle and the engine that runs it.

    Attributes:
        used: when a request last selected it, `monotonic` seconds.
    """

    bundle: Bundle
    engine: Engine
    used: float = 0.0

    @property
    def memory(self) -> int:
        """Return the bytes that its interpreters and its weights take."""
        return self.engine.memory + sum(each.nbytes for each in self.bundle.weights.values())


class _Hashes(msgspec.Struct):
    """The only part of a manifest that is read before a version is loaded."""

    sha256: dict[str, str]


class Version:
    """A version of a model, loaded at its first use.

    Attributes:
        name: of the model.
        number: of the version.
        sha256: of the model's file, as the manifest states it; empty where that cannot be read.
        model: None where it is not loaded.
        error: the reason why the last load failed; empty where it did not.
    """

    def __init__(self, models_dir: Path, name: str, number: int) -> None:
        """Read the hashes in the manifest, and load nothing."""
        self.name, self.number = name, number
        self.path = models_dir / name / str(number)
        self.model: Model | None = None
        self.error = ""
        self._lock = Lock()  # requests that need the same version load it once
        self._retry_at = 0.0
        self.sha256, self._manifest = "", ""
        try:
            path = self.path / MANIFEST
            manifest = path.read_bytes() if path.is_file() else b""  # a pipe would wait forever
            self._manifest = hashlib.sha256(manifest).hexdigest()
            self.sha256 = msgspec.json.decode(manifest, type=_Hashes).sha256[MODEL]
        except (OSError, msgspec.MsgspecError, ValueError, RecursionError, KeyError):
            pass  # the reason is reported when the version is loaded

    @property
    def state(self) -> State:
        """Return whether it is loaded, can be loaded, or failed to load."""
        if self.model is not None:
            return "loaded"
        return "failed" if self.error or not self.sha256 else "available"

    def is_same(self, other: "Version") -> bool:
        """Return whether the manifest is the same, so that the loaded model is still current."""
        return self._manifest == other._manifest

    def keep(self, before: "Version") -> None:
        """Keep the model that was loaded before the files changed, because they do not load."""
        self.model, self.sha256 = before.model, before.sha256

    def load(self, grown: Grown) -> tuple[Model | None, bool]:
        """Load and verify the bundle where it is not loaded yet.

        Args:
            grown: called when the model takes more memory.

        Returns:
            The model, and whether this call loaded it; None as the model where a load failed less
            than `RETRY_S` ago.

        Raises:
            BundleError: the bundle does not load.
        """
        with self._lock:
            if self.model is not None:
                return self.model, False
            if monotonic() < self._retry_at:
                return None, False
            try:
                model = _read(self.path, grown)
            except BundleError as error:
                self.error, self._retry_at = str(error), monotonic() + RETRY_S
                raise
            self.model, self.error = model, ""
            return model, True


def _read(path: Path, grown: Grown) -> Model:
    try:
        bundle = read_bundle(path)
        return Model(bundle, Engine(bundle, grown))
    except BundleError:
        raise
    except Exception as error:  # a defect of one model must not affect the others
        raise BundleError(
            f"{path} does not load ({type(error).__name__}: {error}); export the model again."
        ) from error


def list_versions(models_dir: Path) -> dict[str, dict[int, Version]]:
    """Return the versions in the models folder by model name and number, highest first."""
    paths = sorted(models_dir.iterdir()) if models_dir.is_dir() else []
    return {
        path.name: {number: Version(models_dir, path.name, number) for number in numbers[::-1]}
        for path in paths
        if (numbers := versions(models_dir, path.name))
    }
