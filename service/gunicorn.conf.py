"""How gunicorn runs the service. `server.py` reads this; values come from settings."""

from typing import Any

from service.settings import Settings

_HEALTH_THREADS = 8  # for health and metrics, whatever else goes on
_settings = Settings.from_env()

bind = f"{_settings.host}:{_settings.port}"
workers = _settings.workers
# for work, and for whatever else is asked for, such as pages
threads = 2 * (_settings.threads + _settings.queue) + _HEALTH_THREADS
worker_class = "service.worker.Worker"
logger_class = "service.logs.Logger"
accesslog = "-"
http_parser = "auto"  # gunicorn_h1c where it is installed
keepalive = 75  # longer than a load balancer's idle time, so that it never meets a closed one
timeout = 30
graceful_timeout = 30
control_socket_disable = True  # known to deadlock around fork (gunicorn #3509, #3529)


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001 - as gunicorn calls it
    """What a worker that is gone holds at the moment is nothing; what it has counted stays."""
    from prometheus_client.multiprocess import mark_process_dead  # once its folder is known

    mark_process_dead(worker.pid)
