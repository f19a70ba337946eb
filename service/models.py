"""The models that are loaded: of each name in the models folder, its highest version."""

from dataclasses import dataclass
from pathlib import Path

from service.bundle import Bundle, read_bundle, versions
from service.engine import Engine
from service.errors import BundleError, UnknownModel


@dataclass(frozen=True)
class Model:
    """A verified bundle and the engine that runs it."""

    bundle: Bundle
    engine: Engine


class Models:
    """What can be asked for by `model=` and `version=`."""

    def __init__(self, folder: Path, default: str) -> None:
        """Load and verify the highest version of every model in the folder.

        Args:
            folder: holds `<name>/<version>/`.
            default: the model that answers where a request names none.

        Raises:
            BundleError: a bundle fails, or the default model is not there.
        """
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        latest = {name: max(found) for name in names if (found := versions(folder, name))}
        if default not in latest:
            raise BundleError(
                f"{folder} holds no model {default!r}: export one there, or point "
                "CONVSCOPE_MODELS_DIR and CONVSCOPE_DEFAULT_MODEL at one."
            )
        self.default = default
        self.loaded: dict[str, Model] = {}
        for name, version in latest.items():
            bundle = read_bundle(folder / name / str(version))
            self.loaded[name] = Model(bundle, Engine(bundle))

    def get(self, name: str | None = None, version: int | None = None) -> Model:
        """The loaded model of that name (None: the default one) and version (None: the loaded one).

        Raises:
            UnknownModel: it is not loaded; says what is.
        """
        model = self.loaded.get(name or self.default)
        if model is None or version not in (None, model.bundle.version):
            there = ", ".join(f"{n} version {m.bundle.version}" for n, m in self.loaded.items())
            asked = f"Model {name or self.default!r}" + (f" version {version}" if version else "")
            raise UnknownModel(f"{asked} is not loaded. Loaded: {there}.")
        return model
