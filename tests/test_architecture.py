"""The layout is the architecture: who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# each layer may import from those after it, never from those before it
SERVICE_LAYERS = (
    ("__main__",),
    ("app", "runtime"),
    ("api",),
    ("state",),
    ("models", "keys", "logs"),
    ("trace", "occlusion", "sheets", "engine"),
    (
        "bundle",
        "images",
        "preprocessing",
        "segmentation",
        "ink",
        "background",
        "strokes",
        "components",
        "settings",
    ),
    ("errors", "distribution", "version", "control", "environ", "control"),
)
TRAINING_MAY_IMPORT = ("bundle", "distribution", "errors", "images", "preprocessing")


def imports(path: Path) -> set[str]:
    """Every dotted name that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part(dotted: str) -> str:
    """`service.api.inputs.read` → `api`."""
    return dotted.split(".")[1] if "." in dotted else ""


def files(package: str) -> list[Path]:
    """Every Python file of a package."""
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", files("service"), ids=lambda path: str(path.relative_to(ROOT)))
def test_service_imports_point_one_way(path):
    """A service module imports only from layers below its own, never training or TensorFlow."""
    own = part(".".join(path.relative_to(ROOT).with_suffix("").parts)) or "__init__"
    rank = {name: level for level, names in enumerate(SERVICE_LAYERS) for name in names}
    for dotted in imports(path):
        top = dotted.split(".")[0]
        assert top not in ("training", "tensorflow", "keras"), dotted
        if top == "flask":
            assert own in ("app", "api"), f"{path.name} knows Flask"
        if top in ("gunicorn", "uvicorn", "uvicorn_worker"):
            assert own in ("__main__", "runtime", "logs"), f"{path.name} knows the server"
        if top == "service" and own != part(dotted):
            assert "client" not in (own, part(dotted)), "the client stands apart"
            assert rank[part(dotted)] >= rank[own], f"{path.name} imports {dotted}"
            assert (own, part(dotted)) != ("runtime", "app"), "the server takes any application"


@pytest.mark.parametrize("path", files("training"), ids=lambda path: str(path.relative_to(ROOT)))
def test_training_imports_little_of_the_service(path):
    """Training knows of the service only bundles, and how a picture becomes a digit."""
    for dotted in imports(path):
        if dotted.split(".")[0] == "service":
            assert part(dotted) in TRAINING_MAY_IMPORT, f"{path.name} imports {dotted}"


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
