"""A naive FastAPI application: the work runs in the event loop, without log or metrics."""

import orjson
from fastapi import FastAPI, Request, Response

from benchmarks.peers.digits import Graph, predictions, read

app = FastAPI()
graph = Graph()


@app.get("/healthz")
async def healthz() -> Response:
    """Respond once the graph is loaded."""
    return Response()


@app.post("/predict")
async def predict(request: Request) -> Response:
    """Classify one image, or each digit of a NumPy array."""
    digits = read(await request.body(), request.headers.get("content-type"))
    answer = predictions(graph.probabilities(digits))
    return Response(orjson.dumps(answer), media_type="application/json")


@app.post("/activations")
async def activations(request: Request) -> Response:
    """Return the feature maps of the three convolutions as JSON."""
    layers = graph.convolutions(read(await request.body(), None))
    answer = orjson.dumps(layers, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(answer, media_type="application/json")


@app.post("/activations/float16")
async def activations_as_bytes(request: Request) -> Response:
    """Return the feature maps of the three convolutions as float16, one after the other."""
    layers = graph.convolutions(read(await request.body(), None))
    body = b"".join(values.astype("float16").tobytes() for values in layers.values())
    return Response(body, media_type="application/octet-stream")
