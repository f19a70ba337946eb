"""Serve the pages: the playground at /, the API's page at /docs, and their files."""

from pathlib import Path

from flask import Blueprint, Response, send_from_directory

from service.api.http.describe import Operation, describe

WEB = Path(__file__).parents[2] / "web"
# pages load files of this service only, and no inline scripts or styles
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors {frames}"
)
PLAYGROUND_POLICY = _POLICY.format(frames="*")  # lessons embed the playground
DOCS_POLICY = _POLICY.format(frames="'none'")
# A web worker has the policy of its own file; Firefox applies it to the modules it imports, too.
FILE_POLICY = "default-src 'none'; script-src 'self'; frame-ancestors 'none'"


def blueprint() -> Blueprint:
    """Build the routes of the pages and their files."""
    api = Blueprint("pages", __name__)

    @api.get("/")
    @describe(Operation(answers={"text/html": None}, public=True))
    def playground() -> Response:
        """Show the playground: draw a digit and look inside the network."""
        return _file("index.html", PLAYGROUND_POLICY)

    @api.get("/docs")
    @describe(Operation(answers={"text/html": None}, public=True))
    def docs() -> Response:
        """Show the OpenAPI document as a page on which every route can be tried."""
        return _file("docs.html", DOCS_POLICY)

    @api.get("/web/<path:name>")
    def web(name: str) -> Response:
        """Return a file of the pages."""
        return _file(name, FILE_POLICY)

    return api


def _file(name: str, policy: str) -> Response:
    response = send_from_directory(WEB, name)
    response.headers["Content-Security-Policy"] = policy
    return response
