"""The page of the OpenAPI document and the files of all pages are served correctly."""

import re

import pytest
import requests

from service.app import create_app


def test_the_page_loads_only_from_this_server(server):
    """/docs and its files come from this server, with their content types."""
    page = requests.get(f"{server}/docs", timeout=5)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    named += re.findall(r'url: "([^"]+)"', requests.get(f"{server}/web/docs.js", timeout=5).text)
    files = [name for name in named if name != "data:,"]
    assert len(files) == 4
    types = {"css": "text/css", "js": "javascript", "json": "application/json"}
    for name in files:
        answer = requests.get(f"{server}/{name}", timeout=5)
        assert answer.status_code == 200, name
        assert types[name.rpartition(".")[2]] in answer.headers["Content-Type"]
    styles = requests.get(f"{server}/web/vendor/swagger-ui.css", timeout=5).text
    assert all(url.startswith("data:") for url in re.findall(r"url\([\"']?([^)]*)", styles))


def test_files_of_the_pages_are_revalidated(server):
    """Files have an ETag and no-cache, and give 304 while they are unchanged."""
    for path in ("/docs", "/web/docs.js", "/web/vendor/swagger-ui.css"):
        first = requests.get(server + path, timeout=5)
        assert first.headers["Cache-Control"] == "no-cache"
        etag = {"If-None-Match": first.headers["ETag"]}
        assert requests.get(server + path, headers=etag, timeout=5).status_code == 304


@pytest.mark.parametrize(
    "path",
    ["../settings.py", "..%2fsettings.py", "%2e%2e/settings.py", "%2fetc/passwd", "vendor", "%00"],
)
def test_only_files_of_the_pages_are_served(path):
    """A path outside the folder, or of no file in it, is 404."""
    answer = create_app().test_client().get(f"/web/{path}")
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"
