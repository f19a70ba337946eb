"""The playground in a real browser: what the service refuses is said where it is missing."""

import json

import pytest

from tests.e2e.test_playground import LABEL

CONV = "#sample=0&layer=conv2d_1&channel=12&row=3&column=4"
OVERLOADED = {"type": "urn:convscope:problem:overloaded", "title": "Overloaded", "detail": "Later."}
BUSY = "The service is busy. Try again in a moment."


@pytest.fixture
def open_refused(open_page):
    """Opens a page to which one route answers 503; returns it with what ends that."""

    def open_refused(link, pattern, lang="en"):
        page = open_page(f"#lang={lang}", errors=True)  # the browser reports the statuses
        page.route(pattern, lambda route: route.fulfill(status=503, body=json.dumps(OVERLOADED)))
        page.evaluate("(hash) => { location.hash = hash; }", f"{link}&lang={lang}")
        page.locator(LABEL).wait_for()
        return page, lambda: page.unroute(pattern)

    return open_refused


def says(page, selector):
    """Whether that part says that the service is busy."""
    page.locator(f"{selector} .warning", has_text=BUSY).wait_for()


def test_a_refused_explanation_takes_nothing_else_away(open_refused, screenshot):
    """The digit and the maps stay; the next cell is explained once the service can."""
    page, end = open_refused(CONV, "**/explain?*")
    says(page, ".terms")
    assert page.locator(LABEL).inner_text() == "7"
    assert page.locator('[data-plane="focus"]').is_visible()
    screenshot(page, "refused-explanation")
    end()
    page.locator('[data-plane="focus"]').press("ArrowLeft")
    page.locator(".tick").wait_for()
    assert page.locator(".terms .warning").count() == 0


def test_a_refused_occlusion_takes_nothing_else_away(open_refused):
    """It is said under its button, which asks again."""
    page, end = open_refused(CONV, "**/occlusion*")
    page.locator("#evidence button").click()
    says(page, "#evidence")
    assert page.locator(LABEL).inner_text() == "7"
    page.locator(".tick").wait_for()
    says(page, "#evidence")
    end()
    page.locator("#evidence button").click(click_count=2, delay=200)
    page.locator("#evidence .legend").wait_for()


def test_refused_patches_come_with_the_next_cell(open_refused):
    """A refusal is not kept for good."""
    page, end = open_refused(CONV, "**/model/patches*")
    says(page, ".patches")
    end()
    page.locator('[data-plane="focus"]').press("ArrowLeft")
    page.locator(".patches .patch").first.wait_for()


def test_refused_kernels_come_when_they_are_chosen_again(open_refused, screenshot):
    """It is said above the columns for as long as the kernels are chosen."""
    page, end = open_refused(CONV, "**/model/weights*")
    page.locator('label[for="view-stage-weights"]').click()
    says(page, "#network")
    screenshot(page, "refused-kernels")
    end()
    page.locator('label[for="view-stage-post"]').click()
    assert page.locator("#network .warning").count() == 0
    page.locator('label[for="view-stage-weights"]').click()
    page.locator('.column[data-layer="conv2d"] .legend').wait_for()
    assert page.locator("#network .warning").count() == 0


def test_a_refused_archive_is_said_in_the_dialog(open_refused):
    """Below its button, until it is pressed again."""
    page, end = open_refused(CONV, "**/activations?*format=npz*")
    page.locator('[data-menu="share"]').click()
    page.locator('[data-share="npz"]').click()
    says(page, "#share")
    end()
    with page.expect_download() as archive:
        page.locator('[data-share="npz"]').click()
    assert archive.value.suggested_filename == "convscope-post.npz"
    assert page.locator("#share .warning").count() == 0


@pytest.mark.parametrize("name", ["text.png", "text.txt"])
def test_a_file_that_is_no_picture_is_refused_in_the_page_s_language(open_page, tmp_path, name):
    """On a Korean page in Korean, whatever the file is called."""
    page = open_page("#lang=ko", errors=True)
    file = tmp_path / name
    file.write_text("no picture")
    page.locator("input[type=file]").set_input_files(file)
    page.locator("#answer").get_by_text("여기서 읽을 수 있는 형식의 그림이 아닙니다.").wait_for()
    assert "Content-Type" not in page.locator("#answer").inner_text()


def test_an_unknown_model_is_refused_in_the_page_s_language(browser, server):
    """Where there is no network to show, the page says why."""
    page = browser.new_context(locale="ko").new_page()
    page.goto(f"{server}/?model=none")
    page.get_by_role("alert").filter(has_text="이런 이름의 모델이 없습니다.").wait_for()
