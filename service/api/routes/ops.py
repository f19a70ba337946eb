"""Health: is the process alive, can it answer; and what it has counted."""

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
    """The process lives."""

    status: Literal["ok"] = "ok"


@dataclass(frozen=True)
class ReadyAnswer:
    """The service can answer, with these models.

    Attributes:
        reload_errors: why the last SIGHUP left a model or the keys as they were.
    """

    status: Literal["ready"]
    models: list[answers.ModelId]
    reload_errors: list[str]


def refuse_while_draining(control: Control) -> None:
    """Not ready from SIGTERM on.

    Raises:
        Draining: the arbiter is about to stop.
    """
    if control.draining:
        raise Draining("The service is about to stop; ask another replica.")


def blueprint(state: State) -> Blueprint:
    """The routes, bound to what is loaded."""
    api = Blueprint("ops", __name__)

    @api.get("/healthz")
    @describe(
        Operation(answers={formats.MEDIA_TYPES["json"]: HealthAnswer}, public=True, health=True)
    )
    def healthz() -> Response:
        """Live: the process answers."""
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
        """Ready: the bundles are verified, their graphs warmed (else there is no app); no stop."""
        refuse_while_draining(state.control)
        loaded = [answers.model_id(model.bundle) for model in state.models.loaded.values()]
        return formats.json(ReadyAnswer("ready", loaded, list(state.errors)))

    @api.get("/metrics")
    @describe(Operation(answers={"text/plain": None}, public=True, health=True))
    def exposition() -> Response:
        """What was counted and timed, of all workers, in Prometheus's text format."""
        return formats.answer(metrics.exposition(), CONTENT_TYPE_LATEST)

    return api
