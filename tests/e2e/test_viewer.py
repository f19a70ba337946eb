"""The view of a model that the playground does not explain, in a real browser."""

import base64
import io

import numpy as np
import pytest
import requests
from PIL import Image

from tests.e2e.conftest import RESTS
from tests.e2e.running import encode, running
from tests.graphs import SHAPE

LAYER = ".layer-list button"
ATLAS = "#atlas img:visible"
FIRST = ".predicted li:first-child .label"


@pytest.fixture(scope="module")
def server(graph_dir):
    """A service with the committed model and one whose layers are a graph."""
    with running(CONVSCOPE_MODELS_DIR=str(graph_dir)) as (_, url):
        yield url


@pytest.fixture
def picture(tmp_path):
    """A photo-like file of noise, wider than the model's input, and its middle as pixels."""
    pixels = np.random.default_rng(6).integers(0, 256, (*SHAPE[:2], 3), np.uint8)
    wide = np.pad(pixels, ((0, 0), (12, 12), (0, 0)))
    path = tmp_path / "noise.png"
    path.write_bytes(encode(Image.fromarray(wide)))
    return path, pixels


def rgb(png):
    """Decode a PNG, uint8 (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def choose(page, path):
    """Choose a picture; wait for its prediction and for an atlas."""
    page.locator("#picture input").set_input_files(path)
    page.locator(FIRST).wait_for()
    page.locator(ATLAS).wait_for()


@pytest.mark.parametrize(
    ("phone", "lang", "scheme"),
    [(False, "en", "light"), (True, "ko", "dark")],
    ids=["desk", "phone"],
)
def test_a_picture_is_predicted_and_a_layer_drawn(
    open_page, axe, screenshot, server, picture, phone, lang, scheme
):
    """The page sends the picture's middle as an array, and shows what the API returns for it."""
    path, pixels = picture
    page = open_page(f"?model=graph#lang={lang}", phone=phone, color_scheme=scheme)
    page.locator(f"{LAYER}[aria-current]", has_text="stem").wait_for()
    assert axe(page) == []
    name = f"viewer-{lang}-{'phone' if phone else 'desk'}"
    screenshot(page, f"{name}-empty")
    choose(page, path)
    body = io.BytesIO()
    np.save(body, pixels)
    response = requests.post(
        f"{server}/predict?model=graph&top_k=5",
        data=body.getvalue(),
        headers={"Content-Type": "application/x-npy"},
    )
    expected = response.json()["predictions"][0]["probabilities"]
    labels = page.locator(".predicted .label").all_inner_texts()
    assert labels == list(expected)
    shown = [float(each.get_attribute("value")) for each in page.locator(".predicted data").all()]
    assert shown == pytest.approx(list(expected.values()))
    page.evaluate(RESTS)
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    screenshot(page, name)


def test_layers_are_searched_and_opened_by_keyboard(open_page, picture):
    """The list shows blocks, inputs and shapes; search narrows it; Enter opens a layer's pages."""
    page = open_page("?model=graph")
    choose(page, picture[0])
    shown = page.locator("#atlas")
    row = page.locator(f'{LAYER}[data-layer="block1/add"]')
    assert "10 × 8 × 70 · from stem_relu, block1/tanh_35" in row.inner_text()
    assert page.locator(".layer-list h3").all_inner_texts() == ["block1"]
    page.locator("#layers input").fill("CONV")
    page.get_by_text("3 of 45 layers").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator("#atlas h2", has_text="block1/conv:2").wait_for()
    shown.get_by_text("Channels 0 to 63 of 70").wait_for()
    page.locator('[data-page="next"]').press("Enter")
    shown.get_by_text("Channels 64 to 69 of 70").wait_for()
    assert page.evaluate("document.activeElement.dataset.page") == "previous"
    page.locator("label[for=view-scale-map]").click()
    page.locator("#atlas .marks", has_text="max").wait_for()
    assert "block1/conv:2" in page.locator("#announcer").inner_text()
    page.wait_for_function("() => location.hash.includes('page=1')")
    page.reload()
    page.locator("#atlas h2", has_text="block1/conv:2").wait_for()


def test_units_and_values_that_cannot_be_drawn(open_page, screenshot, picture):
    """A softmax has a choice of stages; tokens show which route has their values."""
    page = open_page("?model=graph#layer=classes")
    choose(page, picture[0])
    page.locator("#atlas").get_by_text("Units 0 to 11 of 12").wait_for()
    page.locator("label[for=view-stage-pre]").click()
    page.locator("#atlas .marks", has_text="−").wait_for()
    screenshot(page, "viewer-units")
    page.locator(f"{LAYER}[data-layer=tokens]").click()
    page.get_by_text("have 2 axes and cannot be drawn").wait_for()
    assert page.locator(ATLAS).count() == 0


def test_a_picture_can_be_dropped_and_the_layout_does_not_shift(open_page, picture):
    """Neither a dropped picture nor opening layers moves what is already shown."""
    page = open_page("?model=graph")
    page.evaluate(
        """() => {
            window.shift = 0;
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) window.shift += entry.value;
            }).observe({ type: 'layout-shift', buffered: true });
        }"""
    )
    page.evaluate(
        """async (bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(bytes)], 'a.png', { type: 'image/png' }));
            const drop = new DragEvent('drop', { dataTransfer: transfer, bubbles: true });
            document.querySelector('.frame').dispatchEvent(drop);
        }""",
        list(picture[0].read_bytes()),
    )
    page.locator(ATLAS).wait_for()
    page.locator(FIRST).wait_for()
    for name in ("block1/conv:2", "classes", "stem_relu"):
        page.locator(f'{LAYER}[data-layer="{name}"]').click()
        page.locator(f'#atlas img[alt^="{name}:"]').wait_for()
    page.evaluate(RESTS)
    assert page.evaluate("window.shift") < 0.01


def test_a_model_with_a_preparation_gets_the_file_itself(open_page, server, picture):
    """Where the service prepares images, the page does not change the picture."""
    manifest = requests.get(f"{server}/model?model=graph").json()
    manifest["input"]["preparation"] = {"name": "resize", "fit": "crop"}
    page = open_page(errors=True)  # the browser logs requests that fail
    page.route("**/model?model=graph", lambda route: route.fulfill(json=manifest))
    sent = []

    def refuse(route):
        sent.append((route.request.headers["content-type"], route.request.post_data_buffer))
        route.fulfill(status=415, json={"type": "urn:convscope:problem:unsupported-format"})

    page.route("**/predict?*", refuse)
    page.route("**/atlas?*", refuse)
    page.goto(f"{server}/?model=graph#lang=en")
    page.locator(LAYER).first.wait_for()
    page.locator("#picture input").set_input_files(picture[0])
    page.locator(".predicted [role=alert]").wait_for()
    page.locator("#atlas [role=alert]").wait_for()
    assert sent == [("image/png", picture[0].read_bytes())] * 2


def test_models_are_chosen_from_the_list(open_page):
    """The playground lists the other model, which opens the view of layers, and back."""
    page = open_page()
    page.get_by_label("Model", exact=True).select_option("graph")
    page.locator(LAYER).first.wait_for()
    assert "model=graph" in page.url
    page.get_by_label("Model", exact=True).select_option("mnist")
    page.locator(".column").first.wait_for()


def test_the_occlusion_map_is_shown_or_its_problem(open_page, axe, screenshot, server, picture):
    """The button needs a prediction, opens a dialog with the service's PNG, and states an error."""
    page = open_page("?model=graph#lang=en", errors=True)  # the browser logs the failed request
    button = page.get_by_role("button", name="Occlusion map")
    assert button.is_disabled()
    choose(page, picture[0])
    dialog = page.locator("dialog#occlusion")
    button.click()
    dialog.wait_for()
    body = io.BytesIO()
    np.save(body, picture[1])
    expected = requests.post(
        f"{server}/occlusion?model=graph&format=png",
        data=body.getvalue(),
        headers={"Content-Type": "application/x-npy"},
    )
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
    page.locator("#picture [role=alert]").wait_for()
    assert button.is_enabled()
