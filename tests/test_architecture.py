"""The layout is the architecture: which module may import which, and how long a file may be."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAX_LINES = 300
# Each row may import from itself and from the rows below it; groups of one row not from each other.
LAYERS = (
    ("service.__main__",),
    ("service.app", "service.runtime", "service.bulk"),
    ("service.api.routes",),
    ("service.api.http",),
    ("service.state",),
    ("service.logs", "service.keys", "service.inference"),
    ("service.preparation",),
    ("service.candidates",),
    ("service.predictions", "service.inputs"),
    ("service.model", "service.images", "service.settings"),
    ("service.errors", "service.environ", "service.control", "service.timing", "service.version"),
)
LIBRARIES = {  # which parts may import a library that only they need
    "flask": ("service.app", "service.api"),
    "gunicorn": ("service.__main__", "service.runtime"),
    "uvicorn": ("service.runtime",),
    "uvicorn_worker": ("service.runtime",),
    "ai_edge_litert": ("service.model",),
    "pyarrow": ("service.bulk",),
    "ray": ("service.bulk",),
    "tensorflow": (),
    "keras": (),
    "training": (),
    "examples": (),
}
TRAINING_MAY_IMPORT = (
    *("service.model.activations", "service.model.bundle", "service.model.checksums"),
    "service.model.distribution",
    *("service.model.engine", "service.model.exact"),
    *("service.model.layer", "service.model.manifest", "service.model.normalisation"),
    *("service.model.receptive_field", "service.model.session"),
    *("service.model.kinds", "service.images", "service.inference", "service.predictions"),
    *("service.inputs", "service.preparation", "service.errors"),
)


def imports(path: Path) -> set[str]:
    """Return every dotted name that a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def is_within(dotted: str, packages: tuple[str, ...]) -> bool:
    """Return whether a dotted name is one of the packages or lies in one."""
    return any(f"{dotted}.".startswith(f"{package}.") for package in packages)


def layer(dotted: str) -> tuple[int, str] | None:
    """Return the row and the group of a dotted name; None for the package `service` itself."""
    for row, groups in enumerate(LAYERS):
        for group in groups:
            if is_within(dotted, (group,)):
                return row, group
    return None


def files(folder: str, suffix: str = "py") -> list[Path]:
    """Return every file of a folder with that suffix, vendored ones left out."""
    paths = sorted((ROOT / folder).rglob(f"*.{suffix}"))
    return [path for path in paths if "vendor" not in path.parts]


def name(path: Path) -> str:
    """Return a file's path from the root, to name a test by."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", files("service"), ids=name)
def test_service_imports_point_one_way(path):
    """A module imports only from its own group and from the rows below it."""
    own = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    if path.name == "__init__.py":
        assert imports(path) == set()
        return
    own_layer = layer(own)
    assert own_layer is not None, f"{own} is in no layer of the list above"
    for dotted in imports(path):
        if is_within(dotted, ("service",)):
            other = layer(dotted)
            assert other is not None, f"{own} imports {dotted}, which is in no layer"
            assert other == own_layer or other[0] > own_layer[0], f"{own} imports {dotted}"
        users = LIBRARIES.get(dotted.split(".")[0])
        assert users is None or is_within(own, users), f"{own} imports {dotted}"


@pytest.mark.parametrize("path", files("training"), ids=name)
def test_training_imports_little_of_the_service(path):
    """Training imports bundles, engine, layer kinds, images and errors of the service, no more."""
    for dotted in imports(path):
        assert not is_within(dotted, ("examples",)), f"{name(path)} imports {dotted}"
        if is_within(dotted, ("service",)):
            assert is_within(dotted, TRAINING_MAY_IMPORT), f"{name(path)} imports {dotted}"


@pytest.mark.parametrize(
    "path",
    [
        path
        for folder in (
            "service",
            "training",
            "examples",
            "client",
            "benchmarks",
            "torture",
            "tests",
        )
        for suffix in ("py", "js", "css")
        for path in files(folder, suffix)
        if "i18n" not in path.parts  # message catalogues may be as long as they need
    ],
    ids=name,
)
def test_no_source_file_is_longer_than_300_lines(path):
    """A file of more than 300 lines holds several things: split it."""
    assert len(path.read_text().splitlines()) <= MAX_LINES


def test_the_service_never_loads_tensorflow():
    """Building the app loads neither TensorFlow nor Keras, even where they are installed."""
    code = (
        "import sys; from service.app import create_app; create_app();"
        "print([m for m in ('tensorflow', 'keras', 'training', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
