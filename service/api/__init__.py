"""Handle HTTP: parse requests, call the domain, write responses. `routes` imports from `http`.

routes/native.py     /predict, /activations          http/queries.py     query parameters
routes/insight.py    /explain, /occlusion, …         http/bodies.py      forms of request bodies
routes/catalog.py    /model, /models                 http/inputs.py      request → model inputs
routes/oip.py        Open Inference Protocol V2      http/formats.py     response bodies
routes/tfserving.py  TensorFlow Serving's REST API   http/problems.py    errors → statuses
routes/ops.py        health and metrics              http/describe.py    a route's contract
routes/pages.py      /, /docs and their files        http/openapi.py     the OpenAPI document
http/lifecycle.py    runs around every request       http/rejections.py  responses without Flask
http/lanes.py        where a request should run      http/metrics.py     Prometheus metrics
http/access.py       keys, CORS, rate limits         http/selections.py  selected layers
"""
