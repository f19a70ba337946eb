"""How gunicorn runs the service. `python -m service` reads this; values come from settings."""

from service.settings import Settings

_settings = Settings.from_env()

wsgi_app = "service.app:create_app()"
bind = f"{_settings.host}:{_settings.port}"
workers = _settings.workers
threads = _settings.threads
worker_class = "gthread"
http_parser = "auto"  # gunicorn_h1c where it is installed
keepalive = 75  # longer than a load balancer's idle time, so that it never meets a closed one
timeout = 30
graceful_timeout = 30
control_socket_disable = True  # known to deadlock around fork (gunicorn #3509, #3529)
