"""Write a site that runs without the service: `python -m tools.site FOLDER` (`site` by default).

The folder contains the pages and the default model's files, and works on any static host, in any
subfolder, because all its addresses are relative.
"""

import html
import json
import shutil
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

from service.api.routes.pages import WEB
from service.app import create_app

ROOT = Path(__file__).parents[1]
MAX_CHUNKS = 100  # of thumbnails, far more than a model has
FILES = {  # what the pages request → the file that replaces it, where the model has one
    "/model": "model/manifest.json",
    "/model/weights?format=safetensors": "model/weights.safetensors",
    "/model/report": "model/report.json",
    "/model/patches": "model/patches.json",
    "/model/map": "model/digit_map.safetensors",
    "/model/snapshots": "model/snapshots.safetensors",
    **{
        f"/model/map/thumbnails?chunk={chunk}": f"model/thumbnails/{chunk}.png"
        for chunk in range(MAX_CHUNKS)
    },
}
# the API's page, and the viewer of models that only the service can compute
NEEDS_SERVICE = ("docs", "docs.html", "viewer")


def write_site(folder: Path) -> None:
    """Write the site into a folder; files that are already there are replaced or kept.

    Raises:
        BundleError: the default model cannot be loaded.
    """
    web, ignored = folder / WEB.name, shutil.ignore_patterns(*NEEDS_SERVICE)
    shutil.copytree(WEB, web, ignore=ignored, dirs_exist_ok=True)
    files = {}
    for route, content in _responses():
        files[route] = FILES[route]
        path = folder / FILES[route]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    page = (web / "index.html").rename(folder / "index.html")
    page.write_text(_as_static(page.read_text(), files))
    shutil.copy(ROOT / "LICENSE", folder)


def _responses() -> Iterator[tuple[str, bytes]]:
    """Yield the routes and the service's responses, without what the model does not have."""
    client = create_app().test_client()
    for route in FILES:
        response = client.get(route)
        if response.status_code == HTTPStatus.OK:
            yield route, response.data
        elif response.status_code != HTTPStatus.NOT_FOUND:
            raise RuntimeError(f"GET {route} failed: {response.text}")


def _as_static(page: str, files: dict[str, str]) -> str:
    """Return the page with relative addresses and the table that `lib/static-api.js` reads."""
    table = html.escape(json.dumps(files))
    page = page.replace("</title>", f'</title>\n<meta name="convscope-files" content="{table}">')
    return page.replace('"/web/', '"web/')


if __name__ == "__main__":
    write_site(Path(sys.argv[1] if len(sys.argv) > 1 else "site"))
