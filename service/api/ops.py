"""Health: is the process alive, can it answer."""

from dataclasses import dataclass
from typing import Literal

from flask import Blueprint, Response

from service.api import formats, outputs
from service.api.describe import Operation, describe
from service.models import Models


@dataclass(frozen=True)
class HealthAnswer:
    """The process lives."""

    status: Literal["ok"] = "ok"


@dataclass(frozen=True)
class ReadyAnswer:
    """The service can answer, with these models."""

    status: Literal["ready"]
    models: list[outputs.ModelId]


def blueprint(models: Models) -> Blueprint:
    """The routes, bound to the loaded models."""
    api = Blueprint("ops", __name__)

    @api.get("/healthz")
    @describe(Operation(answers={formats.MEDIA_TYPES["json"]: HealthAnswer}))
    def healthz() -> Response:
        """Live: the process answers."""
        return formats.json(HealthAnswer())

    @api.get("/readyz")
    @describe(Operation(answers={formats.MEDIA_TYPES["json"]: ReadyAnswer}))
    def readyz() -> Response:
        """Ready: the bundles are verified and their graphs warmed (else there is no app)."""
        loaded = [outputs.model_id(model.bundle) for model in models.loaded.values()]
        return formats.json(ReadyAnswer("ready", loaded))

    return api
