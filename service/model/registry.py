"""The loaded models: the highest version of each model in the models folder."""

from dataclasses import dataclass
from pathlib import Path

from service.errors import BundleError, UnknownModel
from service.model.bundle import Bundle, read_bundle, versions
from service.model.engine import Engine


@dataclass(frozen=True)
class Model:
    """A verified bundle and the engine that runs it."""

    bundle: Bundle
    engine: Engine


class Models:
    """The models that `model=` and `version=` select from.

    Attributes:
        default: the model of requests that name none.
        loaded: by name.
        errors: the reasons why versions did not load at the start or at the last reload.
    """

    def __init__(self, folder: Path, default: str, *, lenient: bool = False) -> None:
        """Load and verify the highest version of every model in the folder.

        Args:
            folder: contains `<name>/<version>/`.
            default: the model of requests that name none.
            lenient: where a model's highest version fails, load the highest that does not: for a
                worker that replaces another while the folder contains a broken version.

        Raises:
            BundleError: a bundle fails, or the folder has no model of the default name.
        """
        self.default = default
        self.loaded: dict[str, Model] = {}
        self.errors: list[str] = []
        self._folder = folder
        for name, candidates in self._versions().items():
            self.loaded[name] = self._load_first(name, candidates if lenient else candidates[:1])

    def reload(self) -> None:
        """Load higher versions and new models, and drop removed ones.

        Where a version fails, the loaded one stays, and `errors` has the reason. Requests in
        progress keep the model that they started with.
        """
        errors: list[str] = []
        loaded: dict[str, Model] = {}
        try:
            latest = self._versions()
        except (BundleError, OSError) as error:
            self.errors = [str(error)]
            return
        for name, candidates in latest.items():
            try:
                loaded[name] = self._load(name, candidates[0])
            except BundleError as error:
                errors.append(str(error))
                if name in self.loaded:
                    loaded[name] = self.loaded[name]
        self.loaded, self.errors = loaded, errors

    def _versions(self) -> dict[str, list[int]]:
        """Return the versions in the folder by model name, highest first."""
        folder = self._folder
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        by_name = {name: numbers[::-1] for name in names if (numbers := versions(folder, name))}
        if self.default not in by_name:
            raise BundleError(
                f"{folder} holds no model {self.default!r}: export it there, or set "
                "CONVSCOPE_MODELS_DIR and CONVSCOPE_DEFAULT_MODEL to an exported model."
            )
        return by_name

    def _load_first(self, name: str, candidates: list[int]) -> Model:
        """Load the first of these versions that does not fail; add the failures to `errors`."""
        *others, last = candidates
        for version in others:
            try:
                return self._load(name, version)
            except BundleError as error:
                self.errors.append(str(error))
        return self._load(name, last)

    def _load(self, name: str, version: int) -> Model:
        """Load and verify that version; return the loaded model where it is the same one."""
        path = self._folder / name / str(version)
        try:
            bundle = read_bundle(path)
            loaded = self.loaded.get(name)
            if loaded is not None and loaded.bundle.manifest == bundle.manifest:
                return loaded
            return Model(bundle, Engine(bundle))
        except BundleError:
            raise
        except Exception as error:  # a defect of one model must not affect the others
            raise BundleError(
                f"{path} does not load ({type(error).__name__}: {error}); export the model again."
            ) from error

    def get(self, name: str | None = None, version: int | None = None) -> Model:
        """Return the loaded model.

        Args:
            name: of the model; None: the default one.
            version: of the model; None: the loaded one.

        Raises:
            UnknownModel: it is not loaded; the message lists the loaded models.
        """
        loaded = self.loaded  # read once, because a reload may replace it at any time
        model = loaded.get(name or self.default)
        if model is None or version not in (None, model.bundle.version):
            available = ", ".join(f"{n} version {m.bundle.version}" for n, m in loaded.items())
            missing = f"Model {name or self.default!r}" + (f" version {version}" if version else "")
            raise UnknownModel(f"{missing} is not loaded. Loaded: {available}.")
        return model
