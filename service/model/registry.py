"""The models that are loaded: of each name in the models folder, its highest version."""

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
    """What can be asked for by `model=` and `version=`."""

    def __init__(self, folder: Path, default: str, *, lenient: bool = False) -> None:
        """Load and verify the highest version of every model in the folder.

        Args:
            folder: holds `<name>/<version>/`.
            default: the model that answers where a request names none.
            lenient: of a model whose highest version fails, load the highest that does not: for a
                worker that takes another's place while a broken version lies in the folder.

        Raises:
            BundleError: a bundle fails, or the default model is not there.
        """
        self.default = default
        self.loaded: dict[str, Model] = {}
        self.errors: list[str] = []
        self._folder = folder
        for name, found in self._versions().items():
            self.loaded[name] = self._load_first(name, found if lenient else found[:1])

    def reload(self) -> None:
        """Look for higher versions and other models; what fails stays as it was.

        `errors` then says why each that failed did. Requests that are being answered keep the
        model that they began with.
        """
        errors: list[str] = []
        loaded: dict[str, Model] = {}
        try:
            latest = self._versions()
        except (BundleError, OSError) as error:
            self.errors = [str(error)]
            return
        for name, found in latest.items():
            try:
                loaded[name] = self._load(name, found[0])
            except BundleError as error:
                errors.append(str(error))
                if name in self.loaded:
                    loaded[name] = self.loaded[name]
        self.loaded, self.errors = loaded, errors

    def _versions(self) -> dict[str, list[int]]:
        """By name, the versions that lie in the folder, highest first."""
        folder = self._folder
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        there = {name: found[::-1] for name in names if (found := versions(folder, name))}
        if self.default not in there:
            raise BundleError(
                f"{folder} holds no model {self.default!r}: export one there, or point "
                "CONVSCOPE_MODELS_DIR and CONVSCOPE_DEFAULT_MODEL at one."
            )
        return there

    def _load_first(self, name: str, candidates: list[int]) -> Model:
        """The first of these versions that loads; `errors` says why those before it did not."""
        *others, last = candidates
        for version in others:
            try:
                return self._load(name, version)
            except BundleError as error:
                self.errors.append(str(error))
        return self._load(name, last)

    def _load(self, name: str, version: int) -> Model:
        """That version, verified; the very model that is loaded where it is the same."""
        path = self._folder / name / str(version)
        try:
            bundle = read_bundle(path)
            loaded = self.loaded.get(name)
            if loaded is not None and loaded.bundle.manifest == bundle.manifest:
                return loaded
            return Model(bundle, Engine(bundle))
        except BundleError:
            raise
        except Exception as error:  # whatever is wrong with one must not stop the others
            raise BundleError(
                f"{path} does not load ({type(error).__name__}: {error}); export the model again."
            ) from error

    def get(self, name: str | None = None, version: int | None = None) -> Model:
        """The loaded model of that name (None: the default one) and version (None: the loaded one).

        Raises:
            UnknownModel: it is not loaded; says what is.
        """
        loaded = self.loaded  # once: it may be another a moment later
        model = loaded.get(name or self.default)
        if model is None or version not in (None, model.bundle.version):
            there = ", ".join(f"{n} version {m.bundle.version}" for n, m in loaded.items())
            asked = f"Model {name or self.default!r}" + (f" version {version}" if version else "")
            raise UnknownModel(f"{asked} is not loaded. Loaded: {there}.")
        return model
