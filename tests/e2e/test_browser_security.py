"""CORS and the Content-Security-Policy, as a real browser applies them."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.e2e.running import SEVEN, running
from tests.e2e.test_access import ANNA

# posts an image; returns label and request ID, the type of a problem, or the browser's error
FETCH = """async ([url, bytes, headers]) => {
    try {
        const body = new Uint8Array(bytes);
        const response = await fetch(url, { method: 'POST', body, headers });
        const answer = await response.json();
        const id = response.headers.get('X-Request-ID');
        return response.ok ? [answer.predictions[0].label, id] : answer.type;
    } catch (error) { return error.message; }
}"""
# tries to run scripts and to contact another host; returns the directives that stopped each
INJECT = """async ([foreign, kinds]) => {
    const stopped = [];
    document.addEventListener('securitypolicyviolation', (event) => {
        stopped.push(event.effectiveDirective);
    });
    const add = (tag, properties) => {
        document.body.append(Object.assign(document.createElement(tag), properties));
    };
    add('script', { textContent: 'window.ran = "inline"' });
    add('script', { src: `${foreign}/evil.js` });
    add('script', { src: 'data:text/javascript,window.ran="data"' });
    add('div', { innerHTML: '<img src="/nowhere" onerror="window.ran = \\'handler\\'">' });
    add('a', { href: 'javascript:window.ran="link"', id: 'link' });
    document.getElementById('link').click();
    add('div', { innerHTML: '<p style="color: red">' });
    add('img', { src: `${foreign}/evil.png` });
    add('iframe', { src: `${foreign}/` });
    add('object', { data: `${foreign}/` });
    add('form', { action: `${foreign}/`, id: 'form' });
    document.getElementById('form').submit();
    await fetch(`${foreign}/stolen`).catch(() => {});
    while (new Set(stopped).size < kinds && !window.ran) {
        await new Promise((done) => { setTimeout(done, 20); });
    }
    return [stopped, window.ran ?? 'nothing'];
}"""

STOPPED = {
    "script-src-elem", "script-src-attr", "style-src-attr", "img-src", "frame-src", "object-src",
    "form-action", "connect-src",
}  # fmt: skip


@pytest.fixture(scope="module")
def foreign() -> Iterator[tuple[str, list[str]]]:
    """Start a site of another origin; return its address and the paths that were requested."""
    paths: list[str] = []

    class Site(BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            is_script = self.path.endswith(".js")
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if is_script else "text/html")
            self.end_headers()
            self.wfile.write(b"window.ran = 'foreign';" if is_script else b"<!doctype html>")

        def log_message(self, *_):
            pass

    # threads, because browsers open connections on which they send nothing
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        threading.Thread(target=site.serve_forever, args=(0.05,)).start()
        yield f"http://127.0.0.1:{site.server_port}", paths
        site.shutdown()


def test_only_pages_of_allowed_origins_read_answers(browser, foreign, server, tmp_path):
    """A page of an allowed origin reads answer and ID with its key; others get a network error."""
    origin, _ = foreign
    (tmp_path / "keys").write_text(f"anna:{ANNA}\n")
    environ = {"CONVSCOPE_CORS_ORIGINS": origin, "CONVSCOPE_API_KEYS_FILE": str(tmp_path / "keys")}
    headers = {"Content-Type": "image/png", "Authorization": f"Bearer {ANNA}"}
    with running(**environ) as (_, allowing):

        def read(page, url, **changed):
            return page.evaluate(FETCH, [f"{url}/predict", list(SEVEN), {**headers, **changed}])

        page = browser.new_page()
        page.goto(origin)
        label, identity = read(page, allowing)
        assert label == "7"
        assert len(identity) == 32
        problem = read(page, allowing, Authorization="Bearer unknown")
        assert problem == "urn:convscope:problem:unauthorized"
        assert read(page, server) == "Failed to fetch"  # allows no other origin
        page.goto(origin.replace("127.0.0.1", "localhost"))  # another origin, same host
        assert read(page, allowing) == "Failed to fetch"
        page.close()


def test_an_injected_script_does_not_run_and_is_reported(browser, foreign, server):
    """The policy stops scripts, styles, frames and requests to others; the browser reports each."""
    origin, requested = foreign
    for path in ("/", "/docs"):
        page = browser.new_page()
        reports = []
        page.on("console", lambda entry, reports=reports: reports.append(entry.text))
        page.goto(server + path)
        requested.clear()
        stopped, ran = page.evaluate(INJECT, [origin, len(STOPPED)])
        assert ran == "nothing"
        assert requested == []
        assert page.url.startswith(server + path)
        assert set(stopped) == STOPPED
        assert sum("Content Security Policy" in report for report in reports) >= len(STOPPED)
        page.close()


def test_only_the_playground_can_be_framed(browser, foreign, server):
    """A page of another origin can embed the playground, but neither /docs nor an answer."""
    origin, _ = foreign
    page = browser.new_page()
    page.goto(origin)
    page.evaluate(
        """(urls) => Promise.all(urls.map((src) => new Promise((onload) => {
            document.body.append(Object.assign(document.createElement('iframe'), { src, onload }));
        })))""",
        [f"{server}/", f"{server}/docs", f"{server}/model"],
    )
    titles = [frame.title() for frame in page.frames[1:]]
    assert len(titles) == 3
    assert titles[0].startswith("ConvScope")
    assert not any("ConvScope" in title for title in titles[1:])
    page.close()
