"""The playground in a real browser: a problem is shown in the part of the page that it concerns."""

import json

import pytest
import requests

from tests.e2e.test_playground import LABEL

CONV = "#sample=0&layer=conv2d_1&channel=12&row=3&column=4"
OVERLOADED = {"type": "urn:convscope:problem:overloaded", "title": "Overloaded", "detail": "Later."}
BUSY = "The service is busy. Try again in a moment."


@pytest.fixture
def open_failing(open_page):
    """Open a page on which one route responds 503; return it with a function that ends this."""

    def open_failing(link, pattern, lang="en"):
        page = open_page(f"#lang={lang}", errors=True)  # the browser logs these responses as errors
        page.route(pattern, lambda route: route.fulfill(status=503, body=json.dumps(OVERLOADED)))
        page.evaluate("(hash) => { location.hash = hash; }", f"{link}&lang={lang}")
        page.locator(LABEL).wait_for()
        return page, lambda: page.unroute(pattern)

    return open_failing


def shows_overload(page, selector):
    """Wait until a part of the page shows that the service is busy."""
    page.locator(f"{selector} .warning", has_text=BUSY).wait_for()


def test_a_failed_explanation_affects_nothing_else(open_failing, screenshot):
    """The digit and the maps stay; the next cell is explained once the service responds."""
    page, end = open_failing(CONV, "**/explain?*")
    shows_overload(page, ".terms")
    assert page.locator(LABEL).inner_text() == "7"
    assert page.locator('[data-plane="focus"]').is_visible()
    screenshot(page, "refused-explanation")
    end()
    page.locator('[data-plane="focus"]').press("ArrowLeft")
    page.locator(".tick").wait_for()
    assert page.locator(".terms .warning").count() == 0


def test_a_failed_occlusion_map_affects_nothing_else(open_failing):
    """The problem is shown under the button, which sends the request again."""
    page, end = open_failing(CONV, "**/occlusion*")
    page.locator("#evidence button").click()
    shows_overload(page, "#evidence")
    assert page.locator(LABEL).inner_text() == "7"
    page.locator(".tick").wait_for()
    shows_overload(page, "#evidence")
    end()
    page.locator("#evidence button").click(click_count=2, delay=200)
    page.locator("#evidence .legend").wait_for()


def test_failed_patches_are_requested_again_with_the_next_cell(open_failing):
    """The next cell's patches are shown once the service responds."""
    page, end = open_failing(CONV, "**/model/patches*")
    shows_overload(page, ".patches")
    end()
    page.locator('[data-plane="focus"]').press("ArrowLeft")
    page.locator(".patches .patch").first.wait_for()


def test_failed_kernels_are_requested_again_when_selected(open_failing, screenshot):
    """The problem is shown above the columns while the kernels are selected."""
    page, end = open_failing(CONV, "**/model/weights*")
    page.locator('label[for="view-stage-weights"]').click()
    shows_overload(page, "#network")
    screenshot(page, "refused-kernels")
    end()
    page.locator('label[for="view-stage-post"]').click()
    assert page.locator("#network .warning").count() == 0
    page.locator('label[for="view-stage-weights"]').click()
    page.locator('.column[data-layer="conv2d"] .legend').wait_for()
    assert page.locator("#network .warning").count() == 0


def test_a_failed_archive_is_reported_in_the_dialog(open_failing):
    """The problem is shown below the button until it is pressed again."""
    page, end = open_failing(CONV, "**/activations?*format=npz*")
    page.locator('[data-menu="share"]').click()
    page.locator('[data-share="npz"]').click()
    shows_overload(page, "#share")
    end()
    with page.expect_download() as archive:
        page.locator('[data-share="npz"]').click()
    assert archive.value.suggested_filename == "convscope-post.npz"
    assert page.locator("#share .warning").count() == 0


@pytest.mark.parametrize("name", ["text.png", "text.txt"])
def test_a_file_that_is_no_image_is_reported_in_the_pages_language(open_page, tmp_path, name):
    """A Korean page shows the problem in Korean, with any name of the file."""
    page = open_page("#lang=ko", errors=True)
    file = tmp_path / name
    file.write_text("no picture")
    page.locator("input[type=file]").set_input_files(file)
    page.locator("#answer").get_by_text("여기서 읽을 수 있는 형식의 그림이 아닙니다.").wait_for()
    assert "Content-Type" not in page.locator("#answer").inner_text()


def test_an_unknown_model_is_reported_in_the_pages_language(browser, server):
    """Without a network the page shows the reason."""
    page = browser.new_context(locale="ko").new_page()
    page.goto(f"{server}/?model=none")
    page.get_by_role("alert").filter(has_text="이런 이름의 모델이 없습니다.").wait_for()


def test_a_kind_of_layer_that_is_not_explained_opens_the_view_of_layers(browser, server):
    """A model with a kind that the page does not define is shown without explanations."""
    manifest = requests.get(f"{server}/model").json()
    manifest["layers"][1]["kind"] = "SeparableConv2D"
    page = browser.new_context(locale="en").new_page()
    page.route("**/model", lambda route: route.fulfill(json=manifest))
    page.goto(f"{server}/")
    page.locator(".layer-list button", has_text="SeparableConv2D").wait_for()
    assert page.locator("#playground").is_hidden()
