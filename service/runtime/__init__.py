"""The process: gunicorn and uvicorn, admission, drain, reload. Does not know routes or models.

server.py       gunicorn's arbiter and worker as ConvScope runs them
connections.py  limits on what one connection may do
request.py      one request on its way in: environment, deadline, body
adapter.py      ASGI on one side, the WSGI application on the other
admission.py    which requests a worker accepts
"""
