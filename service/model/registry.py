"""The models of a worker: loaded at their first use, evicted where they exceed a memory limit."""

import logging
from collections import deque
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Literal

from service.errors import BundleError, ModelUnavailable, UnknownModel
from service.model.bundle import newest
from service.model.session import return_memory
from service.model.versions import Model, Version, list_versions

__all__ = ["Model", "Models"]

log = logging.getLogger(__name__)

MEMORY_LIMIT = 1024 * 2**20  # bytes


class Models:
    """The models that `model=` and `version=` select from.

    Attributes:
        default: the model of requests that name none.
        errors: the reasons why versions did not load at the start or at the last reload.
        events: loads and evictions that the metrics have not counted yet, with the model's name.
    """

    def __init__(
        self, folder: Path, default: str, *, lenient: bool = False, memory_limit: int = MEMORY_LIMIT
    ) -> None:
        """List the folder; load and verify the default model's highest version.

        Args:
            folder: contains `<name>/<version>/`.
            default: the model of requests that name none.
            lenient: where the default model's highest version fails, load the highest that does
                not: for a worker that replaces another while the folder contains a broken version.
            memory_limit: bytes that the loaded models may take.

        Raises:
            BundleError: the default model's bundle fails, or the folder has no such model.
        """
        self.default = default
        self.errors: list[str] = []
        self.events: deque[tuple[Literal["load", "eviction"], str]] = deque()
        self._folder, self._memory_limit = folder, memory_limit
        self._lock = Lock()  # held while the attributes below change, never during a load
        self._versions = self._list()
        self._current: dict[str, Model] = {}  # loaded models of requests that state no version
        self._has_warned = False
        candidates = list(self._versions[default].values())
        *others, last = candidates if lenient else candidates[:1]
        if not any(self._try(version, self.errors) for version in others):
            self._load(last)

    @property
    def loaded(self) -> list[Model]:
        """Return the loaded models."""
        every = self.versions().values()
        return [model for numbers in every for each in numbers if (model := each.model)]

    def versions(self) -> dict[str, list[Version]]:
        """Return the versions by model name, highest first."""
        return {name: list(numbers.values()) for name, numbers in self._versions.items()}

    def newest(self) -> list[Version]:
        """Return of each model the highest version that has not failed to load."""
        return [_newest(numbers) for numbers in self.versions().values()]

    def find(self, name: str, version: int | None = None) -> Version:
        """Return a version without loading it; with None, the newest.

        Raises:
            UnknownModel: there is no such model or version; the message lists what there is.
        """
        versions = self._versions.get(name)
        if versions is None:
            raise UnknownModel(f"There is no model {name!r}. Models: {', '.join(self._versions)}.")
        if version is None:
            return _newest(list(versions.values()))
        if version not in versions:
            numbers = ", ".join(map(str, versions))
            raise UnknownModel(f"Model {name!r} has no version {version}. Versions: {numbers}.")
        return versions[version]

    def get_loaded(self, name: str | None = None, version: int | None = None) -> Model | None:
        """Return the model if it is loaded; count it as used, so that others are evicted first.

        Raises:
            UnknownModel: there is no such model or version.
        """
        model = self._current.get(name or self.default) if version is None else None
        if model is None:
            found = self.find(name or self.default, version)
            if version is None or found.model is None:
                return None
            model = found.model
        model.used = monotonic()
        return model

    def get(self, name: str | None = None, version: int | None = None) -> Model:
        """Return the model; load it where it is not loaded.

        Args:
            name: of the model; None: the default one.
            version: of the model; None: the newest that loads.

        Raises:
            UnknownModel: there is no such model or version; the message lists what there is.
            ModelUnavailable: no such version loads.
        """
        model = self.get_loaded(name, version)
        return model if model is not None else self._use(name or self.default, version)

    def reload(self) -> None:
        """List the folder again: add and drop versions.

        New versions of models in use are loaded before they replace others. Where one fails, the
        model before it is kept, and `errors` has the reason. Requests in progress keep the model
        that they started with.
        """
        try:
            listed = self._list()
        except (BundleError, OSError) as error:
            self.errors = [str(error)]
            return
        errors: list[str] = []
        for name, versions in listed.items():
            listed[name] = self._update(name, versions, errors)
        with self._lock:
            self._versions, self.errors = listed, errors
            self._current = {}
            for name in listed:
                self._choose_current(name)
        self._evict()
        return_memory()  # of dropped models

    def _list(self) -> dict[str, dict[int, Version]]:
        newest(self._folder, self.default)  # raises where there is none
        return list_versions(self._folder)

    def _update(
        self, name: str, versions: dict[int, Version], errors: list[str]
    ) -> dict[int, Version]:
        """Take over unchanged versions; load changed ones that were loaded, and the newest in use.

        Args:
            name: of the model.
            versions: its versions in the folder, highest first.
            errors: the reasons why versions did not load; extended.

        Returns:
            The versions, among them the current one, where no other has been loaded instead.
        """
        listed_before = self._versions.get(name, {})
        for number, version in versions.items():
            before = listed_before.get(number)
            if before is None:
                continue
            if before.is_same(version) and not before.error:
                versions[number] = before
            elif before.model is not None and not self._try(version, errors):
                version.keep(before)
        current = self._current.get(name)
        newest = next(iter(versions.values()))
        if current is None or newest.error or self._try(newest, errors):
            return versions
        if not any(each.model for each in versions.values()):  # the current one was removed
            removed = {n: each for n, each in listed_before.items() if each.model is current}
            versions = dict(sorted((versions | removed).items(), reverse=True))
        return versions

    def _try(self, version: Version, errors: list[str]) -> bool:
        """Load a version and return whether it loads; add the reason to `errors` if not."""
        try:
            self._load(version)
        except BundleError as error:
            errors.append(str(error))
            return False
        return True

    def _use(self, name: str, version: int | None) -> Model:
        """Load a version for a request; without a version, the highest that loads."""
        by_number = self._versions.get(name, {})  # a reload may have dropped it since it was found
        for each in [self.find(name, version)] if version else list(by_number.values()):
            try:
                model = self._load(each)
            except BundleError as error:
                log.error("Loading for a request failed: %s", error, exc_info=error.__cause__)
                continue
            if model is not None:
                model.used = monotonic()
                return model
        wanted = f"Model {name!r}" + (f" version {version}" if version else "")
        raise ModelUnavailable(
            f"{wanted} cannot be loaded; the service's log has the reason. Use another model or "
            "version, or retry once the operator has repaired it."
        )

    def _load(self, version: Version) -> Model | None:
        """Load a version where it is not loaded; None where it failed recently.

        Raises:
            BundleError: it does not load.
        """
        try:
            model, is_new = version.load(self._evict)
        finally:
            with self._lock:
                self._choose_current(version.name)
        if is_new:
            self.events.append(("load", version.name))
            self._evict(keep=model)
        return model

    def _choose_current(self, name: str) -> None:
        """Set the model of requests without a version: the newest, where it is loaded."""
        numbers = self._versions.get(name)
        model = _newest(list(numbers.values())).model if numbers else None
        if model is None:
            self._current.pop(name, None)
        else:
            self._current[name] = model

    def _evict(self, keep: Model | None = None) -> None:
        """Unload the models used least recently while all together exceed the memory limit.

        Requests that have selected an evicted model keep it until they end.

        Args:
            keep: a model that stays loaded; the default model's newest version stays, too.
        """
        with self._lock:
            total = sum(model.memory for model in self.loaded)
            evicted = self._least_used(total - self._memory_limit, keep)
            for version in evicted:
                total -= version.model.memory if version.model else 0
                version.model = None
                self._choose_current(version.name)
                self.events.append(("eviction", version.name))
        if evicted:
            return_memory()
        if total > self._memory_limit and not self._has_warned:
            self._has_warned = True
            log.warning(
                "The models in use take %.0f MiB, more than CONVSCOPE_MODEL_MEMORY (%.0f MiB): "
                "models are loaded again and again. Raise the setting, or serve fewer models.",
                *(total / 2**20, self._memory_limit / 2**20),
            )

    def _least_used(self, excess: int, keep: Model | None) -> list[Version]:
        """Return versions to evict, together as large as the excess where there are enough."""
        kept = (keep, self._current.get(self.default))
        candidates = [
            (model.used, version.path, model, version)
            for numbers in self.versions().values()
            for version in numbers
            if (model := version.model) and model not in kept and not model.engine.is_busy
        ]
        chosen: list[Version] = []
        for _, _, model, version in sorted(candidates, key=lambda each: each[:2]):
            if excess <= 0:
                break
            excess -= model.memory
            chosen.append(version)
        return chosen


def _newest(versions: list[Version]) -> Version:
    """Return the highest version that has not failed to load; the highest where all have."""
    return next((each for each in versions if each.state != "failed"), versions[0])
