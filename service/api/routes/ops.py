"""Report liveness, readiness and metrics."""

from dataclasses import dataclass
from typing import Literal

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST

from service.api.http import formats, metrics
from service.api.http.describe import Operation, describe
from service.api.routes import answers
from service.control import Control
from service.errors import Draining
from service.state import State


@dataclass(frozen=True)
class HealthAnswer:
    """The process is alive."""

    status: Literal["ok"] = "ok"


@dataclass(frozen=True)
class ReadyAnswer:
    """The service is ready.

    Attributes:
        models: the newest version of each model.
        reload_errors: the errors of the last reload, after which the former version is served.
    """

    status: Literal["ready"]
    models: list[answers.ModelId]
    reload_errors: list[str]


def check_readiness(control: Control) -> None:
    """Check that the service is not draining.

    Raises:
        Draining: the service received SIGTERM.
    """
    if control.draining:
        raise Draining("The service is draining before it stops; use another replica.")


def blueprint(state: State) -> Blueprint:
    """Build the routes for a worker's state."""
    api = Blueprint("ops", __name__)

    @api.get("/healthz")
    @describe(
        Operation(answers={formats.MEDIA_TYPES["json"]: HealthAnswer}, public=True, health=True)
    )
    def healthz() -> Response:
        """Report that the process is alive."""
        return formats.json(HealthAnswer())

    @api.get("/readyz")
    @describe(
        Operation(
            answers={formats.MEDIA_TYPES["json"]: ReadyAnswer},
            problems=[Draining],
            public=True,
            health=True,
        )
    )
    def readyz() -> Response:
        """Report readiness: the default model is verified and warm; the service is not draining."""
        check_readiness(state.control)
        newest = [
            answers.ModelId(each.name, each.number, each.sha256) for each in state.models.newest()
        ]
        return formats.json(ReadyAnswer("ready", newest, list(state.errors)))

    @api.get("/metrics")
    @describe(Operation(answers={"text/plain": None}, public=True, health=True))
    def exposition() -> Response:
        """Return the metrics of all workers in Prometheus's text format."""
        return formats.respond(metrics.exposition(), CONTENT_TYPE_LATEST)

    return api
