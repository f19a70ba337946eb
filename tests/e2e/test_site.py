"""The pages on a static host, in a subfolder: they answer without the service."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from playwright.sync_api import expect

from service.model.engine import Engine
from tests.conftest import ROOT
from tests.e2e.lab_page import EXHIBITS, LOADED, go
from tests.e2e.test_playground import LABEL, draw_with_mouse
from tools.site import write_site

CONFIDENCE = "#answer .confidence"
FILTER = "sample=0&layer=conv2d_2&channel=47&row=1&column=1"  # class 7 depends on it most
# a seven in a frame: the service would remove the frame
FRAMED = [
    [[20, 20], [236, 20], [236, 236], [20, 236], [20, 20]],
    [[90, 80], [165, 80], [120, 180]],
]
STROKES = """async ([brush, ...lines]) => {
    const { encodeStrokes } = await import('./web/models/strokes.js');
    location.hash = `strokes=${encodeStrokes(lines.map((points) => ({ brush, points })))}`;
}"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Write the site into a subfolder of a host; `open_page` fails for requests outside of it."""
    host = tmp_path_factory.mktemp("host")
    write_site(host / "lectures" / "cnn")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=host)) as files:
        threading.Thread(target=files.serve_forever).start()
        yield f"http://127.0.0.1:{files.server_port}/lectures/cnn"
        files.shutdown()


def confidence(page):
    """Return the confidence of the answer, 0–1, with all its digits."""
    return float(page.locator(CONFIDENCE).get_attribute("value"))


def test_a_digit_is_answered_drawn_and_changed_without_a_service(open_page, axe):
    """The sample, a drawing and a changed network are answered; photographs need the service."""
    page = open_page("")
    expect(page.locator(LABEL)).to_have_text("7")
    assert page.locator("#menu a").count() == 0  # to the API's page
    page.evaluate("(hash) => { location.hash = hash; }", FILTER)
    page.locator("[data-tab=change]").click()
    before = confidence(page)
    page.locator("[data-change=silence]").click()
    page.locator("#what-if .comparison").wait_for()
    assert abs(confidence(page) - before) > 1e-5
    page.locator("[data-tab=evidence]").click()
    page.locator("#evidence section:first-child .legend").wait_for()  # of the occlusion map
    assert axe(page) == []

    page.locator("[data-tool=clear]").click()
    expect(page.locator(LABEL)).to_have_count(0)
    draw_with_mouse(page)
    expect(page.locator(LABEL)).to_have_text("7")
    page.locator("input[type=file]").set_input_files(ROOT / "tests" / "seven.png")
    note = page.locator("#photographs")
    expect(note).to_contain_text("docker compose up")
    note.locator("button").click()
    page.locator("[data-menu=language]").click()
    page.locator("html[lang=ko]").wait_for()
    page.locator("[data-tool=picture]").click()
    expect(note).to_contain_text("사진")
    assert axe(page) == []
    note.locator("button").click()
    page.locator("[data-menu=share]").click()
    shared = page.locator("dialog [data-share]").evaluate_all(
        "(all) => all.map((button) => button.dataset.share)"
    )
    assert shared == ["link", "embed", "png"]


@pytest.mark.slow
def test_answers_are_the_services(open_page, mnist, mnist_bundle):
    """For 20 test digits, label and confidence are the service's."""
    page = open_page("")
    expect(page.locator(LABEL)).to_have_text("7")
    probabilities = Engine(mnist_bundle).probabilities(mnist.test_images[:100, ..., np.newaxis])
    labels = probabilities.argmax(axis=1)
    # No label follows itself, so that an answer to the digit before is not taken for the next one.
    for index in [np.flatnonzero(labels == i % 10)[i // 10] for i in range(20)]:
        page.evaluate(
            """async (pixels) => {
                const { toText } = await import('./web/models/strokes.js');
                location.hash = `pixels=${toText(Uint8Array.from(pixels))}`;
            }""",
            mnist.test_images[index].ravel().tolist(),
        )
        expect(page.locator(LABEL)).to_have_text(str(labels[index]))
        assert confidence(page) == pytest.approx(probabilities[index].max(), abs=1e-4)


def test_a_drawing_that_the_service_might_prepare_otherwise_is_answered(open_page):
    """A framed digit is answered by the page's own preparation; a speck is no digit."""
    page = open_page("#sample=1")
    expect(page.locator(LABEL)).to_have_text("2")
    page.evaluate(STROKES, [14, *FRAMED])
    expect(page.locator(LABEL)).not_to_have_text("2")
    page.evaluate(STROKES, [3, [[100, 100]]])
    expect(page.locator("#answer")).to_contain_text("No digit")


def test_every_view_works(open_page, axe):
    """A visitor who begins in the lab has exhibits and views that compute with the model."""
    page = open_page("#lab/convolution&source=digit&filter=1")
    page.locator(LOADED["convolution"]).wait_for()
    assert page.locator(".exhibit .warning:visible").count() == 0
    assert axe(page) == []
    page.evaluate("location.hash = 'map'")
    page.locator(".digit-list button").first.wait_for()
    page.evaluate("location.hash = 'learning'")
    page.locator("#learning .label").wait_for()
    page.evaluate("location.hash = 'compare'")
    page.locator("#compare canvas").first.wait_for()


@pytest.mark.slow
def test_every_exhibit_works(open_page):
    """No exhibit shows a problem."""
    page = open_page("#lab/convolution")
    for exhibit in EXHIBITS:
        go(page, exhibit)
        page.locator(LOADED.get(exhibit, ".exhibit")).first.wait_for()
        assert page.locator(".exhibit .warning:visible").all_inner_texts() == [], exhibit
