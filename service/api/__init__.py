"""HTTP, and only HTTP: reads requests, calls the domain, writes answers.

native.py     /predict, /activations          queries.py   query parameters
insight.py    /explain, /occlusion, …         inputs.py    request → pictures → pixels
catalog.py    /model, /models                 outputs.py   values → what an answer says
oip.py        Open Inference Protocol V2      formats.py   … and its bytes
tfserving.py  TensorFlow Serving's REST API   problems.py  errors → statuses, the only place
ops.py        health                          describe.py  what a route takes and answers
pages.py      /, /docs and their files        openapi.py   … as a document
lifecycle.py  before and after every request  rejections.py  responses without Flask
lanes.py      where a request should run      metrics.py, counters.py  counts, of all workers
access.py     keys, CORS, rates, headers      selections.py  which layers, and their values
"""
