"""The pages: the playground at /, the API's page at /docs, and the files that they load."""

from pathlib import Path

from flask import Blueprint, Response, send_from_directory

from service.api.describe import Operation, describe

WEB = Path(__file__).parents[1] / "web"


def blueprint() -> Blueprint:
    """The routes; whatever the pages load comes from here."""
    api = Blueprint("pages", __name__)

    @api.get("/")
    @describe(Operation(answers={"text/html": None}))
    def playground() -> Response:
        """Draw a digit and look inside the network."""
        return send_from_directory(WEB, "index.html")

    @api.get("/docs")
    @describe(Operation(answers={"text/html": None}))
    def docs() -> Response:
        """The OpenAPI document as a page, to try every route on."""
        return send_from_directory(WEB, "docs.html")

    @api.get("/web/<path:name>")
    def web(name: str) -> Response:
        """A file of the pages."""
        return send_from_directory(WEB, name)

    return api
