"""No key, password or query string leaves the service: not in logs, responses or processes."""

import base64
import json
import signal
from pathlib import Path

import pytest
import requests

from service.app import create_app
from service.settings import Settings
from tests.conftest import free_port
from tests.e2e.running import PATIENCE_S, SEVEN, running, samples, until, workers
from tests.e2e.test_access import ANNA, BEN, sha256
from tests.e2e.test_observing import send_raw

PASSWORD = "the-password-of-redis"  # noqa: S105 - of no server
WRONG = "a-mistyped-key-of-cleo"
SECRETS = (ANNA, BEN, sha256(ANNA), sha256(BEN), PASSWORD, WRONG)
PUBLIC = ("/metrics", "/readyz", "/healthz", "/openapi.json")


def misplaced(key):
    """Return requests (path, headers, body) that have a key, in its place or in another."""
    form = {"Content-Type": "multipart/form-data; boundary=a"}
    part = f'--a\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{key}\r\n--a--\r\n'
    basic = base64.b64encode(f"anna:{key}".encode()).decode()
    return [
        ("/predict", {"Authorization": f"Bearer {key}"}, SEVEN),
        ("/predict", {"X-API-Key": key}, SEVEN),
        ("/predict", {"Authorization": f"Bearer {key}"}, b"no image"),
        ("/predict", {"Authorization": f"Basic {basic}"}, SEVEN),
        ("/predict", {"Authorization": key}, SEVEN),
        ("/predict", {"Cookie": f"key={key}"}, SEVEN),
        ("/predict", {"Proxy-Authorization": key, "Referer": f"http://a/?key={key}"}, SEVEN),
        ("/predict", {"User-Agent": key, "Origin": f"http://{key}", "tracestate": key}, SEVEN),
        ("/predict", {"traceparent": key, "X-Request-ID": f"key {key}"}, SEVEN),
        (f"/predict?api_key={key}", {}, SEVEN),
        (f"/predict?top_k={key}", {"X-API-Key": ANNA}, SEVEN),
        (f"/nowhere?{key}", {}, b""),
        ("/predict", {**form, "X-API-Key": ANNA}, part.encode()),
        ("/predict", {"X-API-Key": ANNA}, json.dumps({"api_key": key}).encode()),
        ("/v2/models/mnist/infer", {"X-API-Key": key}, json.dumps({"id": 1, key: key}).encode()),
    ]


@pytest.mark.parametrize("log_format", ["json", pytest.param("text", marks=pytest.mark.slow)])
def test_no_secret_is_in_a_log_line_a_public_answer_or_a_command_line(tmp_path, log_format):
    """Keys in headers, queries and wrong places, a broken file of keys, a password of Redis."""
    keys, log = tmp_path / "keys", tmp_path / "log"
    keys.write_text(f"anna:{ANNA}\nben:sha256:{sha256(BEN)}\n")
    environ = {
        "CONVSCOPE_API_KEYS_FILE": str(keys),
        "CONVSCOPE_LOG_FORMAT": log_format,
        "CONVSCOPE_RATE_LIMIT": "1000/hour",
        "CONVSCOPE_RATE_LIMIT_STORAGE": f"redis://:{PASSWORD}@127.0.0.1:{free_port()}",
    }
    texts = []
    with log.open("w") as out, running(out, **environ) as (process, url):
        requested = [request for key in (ANNA, BEN, WRONG) for request in misplaced(key)]
        for path, headers, body in requested:
            response = requests.post(url + path, data=body, headers=headers, timeout=PATIENCE_S)
            texts += [str(response.headers), response.text if response.status_code == 401 else ""]
        for raw in (f"GET / HTTP/1.1\r\n{ANNA}\x01: x\r\n\r\n", f"{ANNA} / HTTP/1.1\r\n\r\n"):
            send_raw(url, raw.encode())
        keys.write_text(f"anna:{ANNA}\n{WRONG}\n")  # a line without a name
        process.send_signal(signal.SIGHUP)
        until(lambda: samples(url)["convscope_reload_failed", ()] == 1)
        texts += [requests.get(url + path, timeout=PATIENCE_S).text for path in PUBLIC]
        pids = [process.pid, *workers(process)]
        texts += [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids]
        process.terminate()
        texts.append(process.communicate(timeout=PATIENCE_S)[1])
    assert log.read_text().count("/predict") > 30
    for secret in SECRETS:
        for text in (log.read_text(), *texts):
            assert secret not in text


def test_an_unexpected_error_reveals_nothing(models_dir, caplog):
    """A 500 response states only a request ID; the log's trace has no key and no query string."""
    app = create_app(Settings(models_dir=models_dir))
    app.add_url_rule("/fails", view_func=lambda: {}["detail"])
    response = app.test_client().get(f"/fails?key={ANNA}", headers={"X-API-Key": ANNA})
    assert response.status_code == 500
    problem = response.get_json()
    assert problem["type"].endswith(":internal-error")
    assert problem["request_id"] == response.headers["X-Request-ID"]
    assert "KeyError: 'detail'" in caplog.text
    for text in ("KeyError", "Traceback", "service/", ANNA):
        assert text not in response.text
    assert ANNA not in caplog.text
