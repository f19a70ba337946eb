"""FastAPI with the service's features: preprocessing, score, log, metrics and request id."""

import logging
import os
import time

import numpy as np
import orjson
from asgi_correlation_id import CorrelationIdFilter, CorrelationIdMiddleware
from fastapi import FastAPI, Request, Response
from prometheus_fastapi_instrumentator import Instrumentator
from pythonjsonlogger.orjson import OrjsonFormatter

from benchmarks.peers.digits import MODEL, NPY, read
from service.images.decode import decode
from service.images.digit.preprocessing import NO_PREPROCESSING, prepare
from service.model.bundle import read_bundle
from service.model.engine import Engine

bundle = read_bundle(MODEL)
engine = Engine(bundle)
last, features = bundle.layers[-1].name, bundle.layers[-3].name
outputs = [(last, "post"), (features, "post")]

log = logging.getLogger("access")
log.setLevel(logging.INFO)
log.propagate = False
handler = logging.StreamHandler()
handler.setFormatter(OrjsonFormatter("%(asctime)s %(levelname)s %(message)s %(correlation_id)s"))
handler.addFilter(CorrelationIdFilter())
log.addHandler(handler)

app = FastAPI()


class AccessLog:
    """Write one JSON line for each response: plain ASGI, as Starlette's docs advise for speed."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        """Call the application; log the response's status and duration."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, begin = 500, time.perf_counter()

        async def send_and_record_status(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_record_status)
        finally:
            fields = {
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "seconds": round(time.perf_counter() - begin, 6),
                "remote": scope["client"][0],
                "pid": os.getpid(),
            }
            log.info("%s %s %d", fields["method"], fields["path"], status, extra=fields)


app.add_middleware(AccessLog)
app.add_middleware(CorrelationIdMiddleware)
Instrumentator().instrument(app).expose(app)


@app.get("/healthz")
async def healthz() -> Response:
    """Respond once the model is loaded."""
    return Response()


@app.post("/predict")
async def predict(request: Request) -> Response:
    """Predict an image, or each digit of a NumPy array, with all fields of the service."""
    body = await request.body()
    if request.headers.get("content-type") == NPY:
        digits = read(body, NPY)
        applied = [NO_PREPROCESSING] * len(digits)
    else:
        prepared = prepare(decode(body, 50_000_000))
        digits, applied = prepared.digit[np.newaxis], [prepared.applied]
    values = engine.run(digits[..., np.newaxis], outputs)
    scores = bundle.distribution.scores(values[features, "post"]).tolist()
    rows = values[last, "post"].tolist()
    predictions = [
        prediction(index, *each)
        for index, each in enumerate(zip(rows, scores, applied, strict=True))
    ]
    model = {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256}
    content = orjson.dumps({"model": model, "predictions": predictions})
    return Response(content, media_type="application/json")


def prediction(image, row, score, applied):
    """Return an image's prediction, its classes by descending probability."""
    ranked = sorted(zip(row, bundle.labels, strict=True), key=lambda pair: -pair[0])
    return {
        "image": image,
        "label": ranked[0][1],
        "confidence": ranked[0][0],
        "probabilities": {label: value for value, label in ranked},
        "in_distribution": score >= bundle.distribution.threshold,
        "score": score,
        "preprocessing": {
            "mode": applied.mode,
            "inverted": applied.inverted,
            "bounding_box": applied.bounding_box,
            "removed": applied.removed,
        },
    }
