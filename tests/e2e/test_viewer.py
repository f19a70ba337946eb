"""The view of a model that the playground does not explain, in a real browser."""

import base64

import numpy as np
import pytest
import requests

from tests.e2e.conftest import RESTS
from tests.e2e.running import running
from tests.e2e.viewer_page import (
    ATLAS,
    BLOCK,
    DRAWN,
    TILE,
    array_of,
    choose,
    layer,
    rgb,
    write_noise,
)


@pytest.fixture(scope="module")
def server(graph_dir):
    """A service with the committed model and one whose layers are a graph."""
    with running(CONVSCOPE_MODELS_DIR=str(graph_dir)) as (_, url):
        yield url


@pytest.fixture
def picture(tmp_path):
    """A picture's file, and the pixels of it that the model gets."""
    return write_noise(tmp_path)


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
    page.locator(f"{TILE}[aria-current]", has_text="stem").wait_for()
    name = f"viewer-{lang}-{'phone' if phone else 'desk'}"
    choose(page, path)
    url = f"{server}/predict?model=graph&top_k=5"
    expected = requests.post(url, **array_of(pixels)).json()["predictions"][0]["probabilities"]
    labels = page.locator(".predicted .label").all_inner_texts()
    assert labels == list(expected)
    shown = [float(each.get_attribute("value")) for each in page.locator(".predicted data").all()]
    assert shown == pytest.approx(list(expected.values()))
    page.locator(BLOCK).click()
    page.locator(".tile-grid button").first.click()
    page.locator("#sum .value data").wait_for()
    page.evaluate(RESTS)
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    screenshot(page, name)


def test_a_block_opens_to_its_layers_and_closes(open_page, picture):
    """Previews are requested for the columns in sight only, once for each picture."""
    page = open_page("?model=graph#lang=en")
    choose(page, picture[0])
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator(BLOCK).click()
    assert page.locator(BLOCK).get_attribute("aria-expanded") == "true"
    assert page.evaluate("document.activeElement.dataset.block") == "block1"
    names = page.locator(f"{TILE} .name").all_inner_texts()
    assert names == [
        "stem",
        "conv",
        "conv:2",
        *(f"tanh_{i}" for i in range(36)),
        "add",
        *names[40:],
    ]
    page.locator("#atlas h2", has_text="block1/add").wait_for()
    page.evaluate(RESTS)
    previews = [url for url in asked if "limit=4" in url]
    assert 3 < len(previews) < 20
    assert len(set(previews)) == len(previews)
    assert not any("tanh_30" in url for url in previews)
    page.locator(".scroller").evaluate("(node) => { node.scrollLeft = 1e5; }")
    with page.expect_response(lambda response: "tanh_35" in response.url):
        pass
    layer(page, "block1/tanh_35").press("Escape")
    assert page.locator(BLOCK).get_attribute("aria-expanded") == "false"
    assert page.evaluate("document.activeElement.dataset.block") == "block1"


def test_the_previews_are_of_the_strongest_channels(open_page, server, picture):
    """A tile shows the first maps of the atlas that the API draws, each in its own scale."""
    page = open_page("?model=graph")
    choose(page, picture[0])
    page.wait_for_function(f"() => ({DRAWN})() === 4")
    query = "model=graph&layer=stem_relu&order=strongest&scale=map&limit=4"
    answer = requests.post(f"{server}/atlas?{query}", **array_of(picture[1]))
    expected = rgb(answer.content)
    tile = page.locator(f"{TILE}[aria-current] canvas")
    drawn = tile.evaluate("(canvas) => canvas.toDataURL().split(',')[1]")
    shown = rgb(base64.b64decode(drawn))
    scale = 44 / 10  # pixels of a row, of which the map has 10
    left = (44 - 8 * scale) / 2
    for index in range(4):
        for row, column in [(0, 0), (4, 3), (9, 7)]:
            y, x = int(46 * index + (row + 0.5) * scale), int(left + (column + 0.5) * scale)
            source = expected[row * 7 + 3, index * 57 + column * 7 + 3]
            np.testing.assert_array_equal(shown[y, x], source)


def test_the_picture_is_searched_and_used_by_keyboard(open_page, picture):
    """Arrow keys move through columns and layers, Enter opens; a search finds layers in blocks."""
    page = open_page("?model=graph#lang=en")
    choose(page, picture[0])
    page.locator(f"{TILE}[aria-current]").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.block") == "block1"
    page.keyboard.press("Enter")
    page.locator("#atlas h2", has_text="block1/add").wait_for()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.layer") == "block1/conv:2"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.dataset.layer") == "classes"
    field = page.get_by_role("searchbox", name="Search layers")
    field.fill("CONV")
    page.get_by_text("3 of 45 layers").wait_for()
    assert page.locator(f"{TILE}:not(.dim)").count() == 3
    field.press("Enter")
    page.locator("#atlas h2", has_text="stem").wait_for()
    field.press("Enter")
    page.locator("#atlas h2", has_text="block1/conv").wait_for()


def test_the_atlas_has_pages_an_order_and_a_scale(open_page, picture):
    """The address has what is shown, so that a reload shows it again."""
    page = open_page("?model=graph#lang=en&layer=block1/conv:2")
    choose(page, picture[0])
    shown = page.locator("#atlas")
    shown.get_by_text("Channels ranked 1 to 64 of 70 by mean magnitude").wait_for()
    strongest = page.locator(".tile-grid button").first.get_attribute("title")
    page.locator('[data-page="next"]').press("Enter")
    shown.get_by_text("Channels ranked 65 to 70 of 70").wait_for()
    assert page.evaluate("document.activeElement.dataset.page") == "previous"
    page.locator("label[for=view-order-channel]").click()
    shown.get_by_text("Channels 0 to 63 of 70").wait_for()
    assert page.locator(".tile-grid button").first.get_attribute("title") == "Channel 0"
    assert strongest != "Channel 0"
    page.locator("label[for=view-scale-map]").click()
    page.locator("#atlas .legend", has_text="max").wait_for()
    assert "block1/conv:2" in page.locator("#announcer").inner_text()
    page.locator('[data-page="next"]').click()
    page.wait_for_function("() => location.hash.includes('page=1')")
    page.reload()
    shown.get_by_text("Channels 64 to 69 of 70").wait_for()
    assert layer(page, "block1/conv:2").get_attribute("aria-current") == "true"


def test_a_value_is_explained_in_short(open_page, server, picture):
    """A point of a map shows the API's value and its largest terms; fields move the point."""
    page = open_page("?model=graph#lang=en&layer=block1/conv&order=channel")
    choose(page, picture[0])
    page.locator('.tile-grid [data-channel="9"]').focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.get_by_role("spinbutton", name="Row").fill("9")
    page.get_by_role("spinbutton", name="Row").press("Enter")
    query = "model=graph&layer=block1/conv&channel=8&row=9&column=4&top=5"
    answer = requests.post(f"{server}/explain?{query}", **array_of(picture[1]))
    expected = answer.json()["explanation"]
    page.locator(f'#sum .value [value="{expected["post"]}"]').wait_for()
    page.get_by_text("The sum of 70 contributions").wait_for()
    values = [float(each.get_attribute("value")) for each in page.locator("#sum li data").all()]
    terms = [term["contribution"] for term in expected["terms"]]
    assert values == pytest.approx([*terms, expected["rest"]])
    assert page.evaluate("document.activeElement.dataset.axis") == "row"
    layer(page, "block1/add").click()
    page.locator("#sum", has_text="Select a point").wait_for()
    page.locator('#atlas img[alt^="block1/add:"]').wait_for()
    page.locator('.tile-grid [data-channel="0"]').click(position={"x": 2, "y": 2})
    assert page.get_by_role("spinbutton", name="Row").input_value() == "0"
    page.locator("#sum li", has_text="block1/tanh_35 0 (0, 0)").wait_for()


def test_the_reason_is_shown_where_a_layer_is_not_explained(open_page):
    """A refusal of the API is shown instead of the sum."""
    page = open_page("?model=graph#lang=en&layer=norm", errors=True)  # the failed request is logged
    refusal = {"type": "urn:convscope:problem:not-explainable", "detail": "No arithmetic."}
    page.route("**/explain?*", lambda route: route.fulfill(status=422, json=refusal))
    layer(page, "classes").click()
    page.locator(".tile-grid button").first.click()
    page.locator("#sum [role=alert]", has_text="No arithmetic.").wait_for()


def test_units_and_values_that_cannot_be_drawn(open_page, screenshot, picture):
    """A softmax has a choice of stages; tokens show which route has their values."""
    page = open_page("?model=graph#layer=classes")
    choose(page, picture[0])
    page.locator("#atlas").get_by_text("Units ranked 1 to 12 of 12").wait_for()
    page.locator("label[for=view-stage-pre]").click()
    page.locator("#atlas .legend", has_text="−").wait_for()
    screenshot(page, "viewer-units")
    page.locator('[data-block="pool"]').click()
    layer(page, "tokens").click()
    page.get_by_text("have 2 axes and cannot be drawn").wait_for()
    assert page.locator(ATLAS).count() == 0


def test_models_are_chosen_from_the_list(open_page):
    """The playground lists the other model, which opens the view of layers, and back."""
    page = open_page()
    page.get_by_label("Model", exact=True).select_option("graph")
    page.locator(TILE).first.wait_for()
    assert "model=graph" in page.url
    page.get_by_label("Model", exact=True).select_option("mnist")
    page.locator(".column").first.wait_for()
