"""Run the process: gunicorn and uvicorn, admission, drain, reload. Knows no routes or models.

server.py       gunicorn's arbiter and worker, configured for ConvScope
connections.py  limits on each connection
request.py      a request's WSGI environment, deadline and body
adapter.py      an ASGI application that calls the WSGI application
admission.py    which requests a worker accepts
logger.py       gunicorn's logger in the service's format
"""
