"""Make models folders from copies of the committed bundle."""

import json
import shutil

from service.model.checksums import write_manifest
from tests.conftest import ROOT

COMMITTED = ROOT / "models" / "mnist" / "1"


def add(folder, version, name="mnist", **changes):
    """Add a version with changes in its manifest."""
    path = shutil.copytree(COMMITTED, folder / name / str(version))
    manifest = json.loads((path / "manifest.json").read_text())
    manifest |= {"name": name, "version": version, **changes}
    write_manifest(path, manifest)
    return path


def change(path, **changes):
    """Change fields of a version's manifest."""
    manifest = json.loads((path / "manifest.json").read_text()) | changes
    write_manifest(path, manifest)


def damage(path):
    """Alter a version's graph, which is noticed when it is loaded."""
    (path / "graph.tflite").write_bytes(b"damaged")
