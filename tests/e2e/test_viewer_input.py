"""The pictures that the view of any model takes, and the prediction that it shows for them."""

import base64

import numpy as np
import pytest
import requests
from PIL import Image

from tests.e2e.conftest import RESTS
from tests.e2e.running import encode, running
from tests.e2e.viewer_page import ATLAS, DRAWN, FIRST, array_of, choose, layer, rgb, write_noise
from tests.graphs import SHAPE


@pytest.fixture(scope="module")
def server(graph_dir):
    """A service with the committed model and one whose layers are a graph."""
    with running(CONVSCOPE_MODELS_DIR=str(graph_dir)) as (_, url):
        yield url


@pytest.fixture
def picture(tmp_path):
    """A picture's file, and the pixels of it that the model gets."""
    return write_noise(tmp_path)


def test_a_sample_is_shown_first(open_page):
    """At first a photograph is predicted and its strongest maps are drawn."""
    page = open_page("?model=graph#lang=en")
    page.locator(FIRST).wait_for()
    page.wait_for_function(f"() => ({DRAWN})() === 4")
    assert page.locator("#picture img").evaluate("(image) => image.naturalWidth") == SHAPE[1]
    first = page.locator(".predicted").inner_text()
    page.get_by_role("button", name="Sample").click()
    page.evaluate(RESTS)
    assert page.locator(".predicted").inner_text() == first


def test_a_picture_can_be_dropped_and_the_layout_does_not_shift(open_page, picture):
    """Neither a dropped picture nor choosing layers moves what is already shown."""
    page = open_page("?model=graph#layer=stem&lang=en")
    page.locator(ATLAS).wait_for()
    page.evaluate(RESTS)
    page.evaluate(
        """() => {
            window.shift = 0;
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) window.shift += entry.value;
            }).observe({ type: 'layout-shift' });
        }"""
    )
    sample = page.locator(".frame img").get_attribute("src")
    page.evaluate(
        """async (bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(bytes)], 'a.png', { type: 'image/png' }));
            const drop = new DragEvent('drop', { dataTransfer: transfer, bubbles: true });
            document.querySelector('.frame').dispatchEvent(drop);
        }""",
        list(picture[0].read_bytes()),
    )
    page.wait_for_function("(old) => document.querySelector('.frame img').src !== old", arg=sample)
    for name in ("classes", "stem_relu", "stem"):
        layer(page, name).click()
        page.locator(f'#atlas img[alt^="{name}:"]').wait_for()
    page.evaluate(RESTS)
    assert page.evaluate("window.shift") < 0.01


def test_the_service_prepares_a_picture_once(open_page, server, picture):
    """Where the model has a preparation, the service gets the file, and then what it returned."""
    manifest = requests.get(f"{server}/model?model=graph").json()
    manifest["input"]["preparation"] = {"name": "resize", "fit": "crop"}
    page = open_page(errors=True)  # the browser logs requests that fail
    page.route("**/model?model=graph", lambda route: route.fulfill(json=manifest))
    prepared = encode(Image.fromarray(picture[1]))
    sent = []

    def prepare(route):
        sent.append(route.request.post_data_buffer)
        route.fulfill(body=prepared, content_type="image/png")

    def refuse(route):
        sent.append(route.request.post_data_buffer)
        assert "preprocess=none" in route.request.url
        route.fulfill(status=415, json={"type": "urn:convscope:problem:unsupported-format"})

    page.route("**/preprocess?*", prepare)
    page.route("**/predict?*", refuse)
    page.route("**/atlas?*", refuse)
    page.goto(f"{server}/?model=graph#lang=en")
    page.locator(".predicted [role=alert]").wait_for()
    page.evaluate(RESTS)
    sent.clear()
    page.locator("#picture input").set_input_files(picture[0])
    page.wait_for_function("() => document.querySelector('.frame img').naturalWidth === 16")
    page.locator("#atlas [role=alert]").wait_for()
    page.evaluate(RESTS)
    assert sent[0] == picture[0].read_bytes()
    assert len(sent) > 3
    assert set(sent[1:]) == {prepared}
    assert page.locator("#picture img").evaluate("(image) => image.naturalWidth") == SHAPE[1]


def test_a_photograph_is_taken_with_the_camera(open_page, axe):
    """The dialog shows the camera's picture; the photograph becomes the model's input."""
    page = open_page("?model=graph#lang=en")
    page.locator(FIRST).wait_for()
    page.evaluate(
        """() => {
            const canvas = document.createElement('canvas');
            const context = canvas.getContext('2d');
            setInterval(() => {
                context.fillStyle = '#0a0';
                context.fillRect(0, 0, canvas.width, canvas.height);
            }, 20);
            const camera = { getUserMedia: async () => canvas.captureStream() };
            Object.defineProperty(navigator, 'mediaDevices', { value: camera });
        }"""
    )
    sample = page.locator(".frame img").get_attribute("src")
    page.get_by_role("button", name="Camera").click()
    page.wait_for_function("() => document.querySelector('#camera video').videoWidth > 0")
    page.get_by_text("Point the camera at something").wait_for()
    assert axe(page) == []
    page.get_by_role("button", name="Take a photo").click()
    page.wait_for_function("(old) => document.querySelector('.frame img').src !== old", arg=sample)
    page.locator("#camera").wait_for(state="hidden")
    colour = page.locator(".frame img").evaluate(
        """async (image) => {
            await image.decode();
            const context = document.createElement('canvas').getContext('2d');
            context.drawImage(image, 0, 0);
            return [...context.getImageData(8, 10, 1, 1).data];
        }"""
    )
    assert np.abs(np.array(colour) - [0, 170, 0, 255]).max() < 8


def test_a_file_that_is_no_picture_is_reported(open_page, tmp_path):
    """The reason replaces the prediction, and no picture is shown."""
    page = open_page("?model=graph#lang=en")
    page.locator(FIRST).wait_for()
    path = tmp_path / "a.png"
    path.write_bytes(b"no picture")
    page.locator("#picture input").set_input_files(path)
    page.locator(".predicted [role=alert]").wait_for()
    assert page.locator(".frame img").is_hidden()


def test_labels_are_searched_and_pinned(open_page, server, picture):
    """A search shows the probabilities of the labels it finds; a chosen one stays in the list."""
    page = open_page("?model=graph#lang=en")
    choose(page, picture[0])
    url = f"{server}/predict?model=graph"
    expected = requests.post(url, **array_of(picture[1])).json()["predictions"][0]["probabilities"]
    last = list(expected)[-1]
    field = page.get_by_role("searchbox", name="Search 12 labels")
    field.fill("CLASS 1")
    page.get_by_text("3 of 12 labels").wait_for()
    shown = page.locator(".predicted li button")
    assert {each.get_attribute("data-label") for each in shown.all()} == {
        "class 1",
        "class 10",
        "class 11",
    }
    field.fill(last.replace("class", ""))
    page.locator(f'[data-label="{last}"]').click()
    field.fill("")
    assert shown.count() == 6
    assert page.locator(f'[data-label="{last}"] .label').inner_text() == f"12. {last}"
    value = float(page.locator(f'[data-label="{last}"] data').get_attribute("value"))
    assert value == pytest.approx(expected[last])


def test_the_occlusion_map_is_shown_or_its_problem(open_page, axe, screenshot, server, picture):
    """The button opens a dialog with the service's PNG, and states an error."""
    page = open_page("?model=graph#lang=en", errors=True)  # the browser logs the failed request
    button = page.get_by_role("button", name="Occlusion map")
    choose(page, picture[0])
    dialog = page.locator("dialog#occlusion")
    button.click()
    dialog.wait_for()
    url = f"{server}/occlusion?model=graph&format=png"
    expected = requests.post(url, **array_of(picture[1]))
    drawn = dialog.locator("img").evaluate(
        """(image) => {
            const canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            canvas.getContext('2d').drawImage(image, 0, 0);
            return canvas.toDataURL().split(',')[1];
        }"""
    )
    np.testing.assert_array_equal(rgb(base64.b64decode(drawn)), rgb(expected.content))
    page.evaluate(RESTS)
    assert axe(page) == []
    screenshot(page, "viewer-occlusion")
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.textContent") == "Occlusion map"
    refusal = {"type": "urn:convscope:problem:overloaded"}
    page.route("**/occlusion?*", lambda route: route.fulfill(status=503, json=refusal))
    button.press("Enter")
    page.locator("#predicted [role=alert]").wait_for()
    assert button.is_enabled()
