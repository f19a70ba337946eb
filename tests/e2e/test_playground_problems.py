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
        page = open_page("docs", errors=True)  # the browser logs these responses as errors
        page.route(pattern, lambda route: route.fulfill(status=503, body=json.dumps(OVERLOADED)))
        page.evaluate("(link) => location.assign(link)", f"./{link}&lang={lang}")
        page.locator(LABEL).wait_for()
        return page, lambda: page.unroute(pattern)

    return open_failing


def shows_overload(page, selector):
    """Wait until a part of the page shows that the service is busy."""
    page.locator(f"{selector} .warning", has_text=BUSY).wait_for()


def test_a_failed_explanation_affects_nothing_else(open_failing, screenshot):
    """The page's own explanation stays; the service confirms it once it responds."""
    page, end = open_failing(CONV, "**/explain?*")
    shows_overload(page, "#answer")
    assert page.locator(LABEL).inner_text() == "7"
    assert page.locator('[data-plane="focus"]').is_visible()
    page.locator('.equation[data-is-confirmed="false"] .tick').wait_for()
    screenshot(page, "refused-explanation")
    end()
    page.locator('.equation[data-is-confirmed="true"]').wait_for()
    assert page.locator("#answer .warning").count() == 0


def test_failed_patches_are_requested_again_with_the_next_cell(open_failing):
    """The next cell's patches are shown once the service responds."""
    page, end = open_failing(CONV, "**/model/patches*")
    page.locator('[data-tab="examples"]').click()
    shows_overload(page, ".patches")
    end()
    page.locator('.column[data-layer="conv2d_1"] .sheet').press("ArrowLeft")
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
    page.locator("#answer").get_by_text("지원하는 형식의 이미지가 아닙니다.").wait_for()
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
    page.locator('.tile[title*="SeparableConv2D"]').wait_for()
    assert page.locator("#playground").is_hidden()


@pytest.mark.parametrize("pattern", ["**/lab/lab.js*", "**/lab/exhibits.js", "**/lab/**"])
def test_the_lab_opens_once_the_service_is_back(open_page, pattern):
    """During an outage one message is shown, however often the lab is visited; then it opens."""
    page = open_page(errors=True)
    page.route(pattern, lambda route: route.abort())
    for _ in range(3):
        page.evaluate("location.hash = '#lab/stride'")
        page.get_by_role("alert").wait_for()
        page.evaluate("location.hash = '#sample=0'")
        page.locator("#playground").wait_for()
    page.evaluate("location.hash = '#lab/stride'")
    page.locator("#lab .failure").wait_for()
    assert page.locator(".failure").count() == 1
    page.unroute(pattern)
    page.evaluate("location.hash = '#sample=0'")
    page.evaluate("location.hash = '#lab/stride'")
    page.locator('#lab [data-role="formula"]').wait_for()
    assert page.locator(".failure").count() == 0


def test_a_file_dropped_beside_the_paper_does_not_leave_the_page(open_page):
    """The browser would open the file in place of the page."""
    page = open_page()
    is_kept = page.evaluate(
        """() => ['dragover', 'drop'].every((type) => {
            const event = new DragEvent(type, { bubbles: true, cancelable: true });
            document.querySelector('#network').dispatchEvent(event);
            return event.defaultPrevented;
        })"""
    )
    assert is_kept


def test_an_activation_function_changes_no_value_that_it_passes_on(open_page):
    """Beside a ReLU, the values before and after it are the same number where it is above 0."""
    page = open_page("#sample=0&layer=conv2d_1&channel=12&row=3&column=4")
    page.route(
        "**/explain?*",
        lambda route: route.fulfill(json=with_other_rounding(route.fetch().json())),
    )
    page.evaluate("location.hash = '#sample=0&layer=conv2d_1&channel=12&row=3&column=5'")
    page.locator('.equation[data-cell$="/5"][data-is-confirmed="true"]').wait_for()
    before, after = (
        page.locator(f'.equation [data-role="{role}"]').get_attribute("value")
        for role in ("sum", "post")
    )
    assert float(before) > 0
    assert before == after


def with_other_rounding(answer):
    """Change the last digits of the sum, as another order of its terms would."""
    explanation = answer["explanation"]
    explanation["pre"] = abs(explanation["pre"]) * (1 + 1e-9) + 0.1
    explanation["post"] = explanation["pre"]
    return answer
