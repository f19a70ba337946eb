"""The pages: the playground at /, the API's page at /docs, and the files that they load."""

from pathlib import Path

from flask import Blueprint, Response, send_from_directory

from service.api.http.describe import Operation, describe

WEB = Path(__file__).parents[2] / "web"
# what a page may load and do: from here alone, no script or style in its text
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'{styles}; img-src 'self' data: blob:; "
    "media-src 'self' blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors {frames}"
)
PLAYGROUND_POLICY = _POLICY.format(styles="", frames="*")  # lessons embed it
DOCS_POLICY = _POLICY.format(styles=" 'unsafe-inline'", frames="'none'")  # as Swagger UI styles


def blueprint() -> Blueprint:
    """The routes; whatever the pages load comes from here."""
    api = Blueprint("pages", __name__)

    @api.get("/")
    @describe(Operation(answers={"text/html": None}, public=True))
    def playground() -> Response:
        """Draw a digit and look inside the network."""
        return _page("index.html", PLAYGROUND_POLICY)

    @api.get("/docs")
    @describe(Operation(answers={"text/html": None}, public=True))
    def docs() -> Response:
        """The OpenAPI document as a page, to try every route on."""
        return _page("docs.html", DOCS_POLICY)

    @api.get("/web/<path:name>")
    def web(name: str) -> Response:
        """A file of the pages."""
        return send_from_directory(WEB, name)

    return api


def _page(name: str, policy: str) -> Response:
    page = send_from_directory(WEB, name)
    page.headers["Content-Security-Policy"] = policy
    return page
