"""The map of the test digits in a real browser: a view that is loaded when it is opened."""

import re

import pytest
import requests

from tests.e2e.conftest import RESTS

MAX_BYTES = 3_000_000
CARD, NEIGHBOURS = ".digit-card", ".digit-card .digits button"
MISTAKES = ".digit-list button"


@pytest.fixture
def open_map(open_page):
    """Open the map on a page with a playground's state; wait until it is drawn."""

    def open_map(state="sample=0", **options):
        page = open_page(f"#{state}", **options)
        if "sample" in state:
            page.locator("#answer .label").wait_for()
        page.evaluate("location.hash = 'map'")
        page.locator(MISTAKES).first.wait_for()
        return page

    return open_map


def test_the_map_is_loaded_when_it_is_opened(open_page):
    """Without the view no part of it is loaded; with all thumbnails it takes 3 MB at most."""
    page = open_page("#sample=0")
    sizes = {}

    def record(response):
        if re.search("/web/map/|/model/map", response.url):
            sizes[response.url] = len(response.body())

    page.on("requestfinished", lambda request: record(request.response()))
    page.locator("#answer .label").wait_for()
    assert sizes == {}
    page.evaluate("location.hash = 'map'")
    page.locator(NEIGHBOURS).first.wait_for()
    page.wait_for_load_state("networkidle")
    assert len([url for url in sizes if "thumbnails" in url]) < 5
    base = page.url.split("#")[0]
    for chunk in range(10):
        url = f"{base}model/map/thumbnails?chunk={chunk}"
        sizes[url] = len(requests.get(url).content)
    assert sum(sizes.values()) < MAX_BYTES


def neighbours_of_class(page, label):
    """Return how many of the neighbours in the card have a class."""
    shown = page.locator(f"{NEIGHBOURS} [aria-hidden]:not(canvas)")
    return [text.split(" ")[0] for text in shown.all_inner_texts()].count(label)


def test_a_drawing_lies_among_digits_of_its_class(open_map):
    """Most neighbours of a 7 are sevens; another drawing gets other neighbours."""
    page = open_map()
    assert "Your drawing" in page.locator(CARD).inner_text()
    assert page.locator(NEIGHBOURS).count() == 10
    assert neighbours_of_class(page, "7") > 5
    page.evaluate("location.hash = 'sample=2'")  # a 1
    page.locator("#answer .label", has_text="1").wait_for()
    page.evaluate("location.hash = 'map'")
    page.locator(".digit-card dd", has_text="1,").wait_for()
    assert neighbours_of_class(page, "1") > 5


def test_the_filter_of_mistakes_has_those_of_the_report(open_map, server):
    """The list has the report's mistakes, of one class or of all; outliers replace them."""
    mistakes = requests.get(f"{server}/model/report").json()["misclassified"]
    page = open_map()
    page.locator("label[for=map-mistakes]", has_text=f"({len(mistakes)})").click()
    buttons = page.locator(MISTAKES)
    rows = {int(button.get_attribute("data-row")) for button in buttons.all()}
    assert rows == {each["index"] for each in mistakes}
    page.locator("#map-class-9").click()
    of_nines = [each for each in mistakes if each["label"] == 9]
    assert buttons.count() == len(of_nines)
    page.locator("#map-class-9").click()
    page.locator("label[for=map-outliers]").click()
    page.locator(".digit-list h3", has_text="Outliers").wait_for()
    assert buttons.count() == 100


def test_a_mistake_opens_in_the_playground_with_the_same_answer(open_map, server):
    """A digit's card links to its exact pixels, for which the playground has the same answer."""
    mistake = requests.get(f"{server}/model/report").json()["misclassified"][0]
    page = open_map("lang=en")
    page.locator(f'{MISTAKES}[data-row="{mistake["index"]}"]').click()
    assert f"Test digit {mistake['index']}" in page.locator(CARD).inner_text()
    page.locator("[data-do=playground][href]").click()
    page.locator("#answer .label", has_text=str(mistake["predicted"])).wait_for()
    confidence = page.locator("#answer .confidence").get_attribute("value")
    assert float(confidence) == pytest.approx(mistake["confidence"], abs=1e-5)


def test_the_keyboard_moves_zooms_and_opens(open_map):
    """Arrow keys go to a digit and announce it, Enter opens it, plus enlarges, 0 shows all."""
    page = open_map()
    chart = page.locator(".chart-area")
    page.evaluate(RESTS)  # the drawing is confirmed and placed
    chart.focus()
    page.keyboard.press("ArrowRight")
    first = page.locator("#announcer", has_text="Test digit").inner_text()
    chart.press("ArrowDown")
    next_digit = page.locator("#announcer", has_text="Test digit", has_not_text=first)
    next_digit.wait_for(state="attached")
    reached = page.locator(".tip").inner_text().split(":")[0]
    page.keyboard.press("Enter")
    page.locator(f"{CARD} h3", has_text=reached).wait_for()
    page.keyboard.press("+")
    assert "enlarged" in chart.get_attribute("class")
    page.keyboard.press("0")
    assert "enlarged" not in chart.get_attribute("class")


def test_thumbnails_replace_points_where_the_map_is_enlarged(open_map):
    """The wheel zooms in on the pointer; a deep zoom requests further chunks, and draws digits."""
    page = open_map("lang=en")
    chart = page.locator(".chart-area")
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    with page.expect_response("**/model/map/thumbnails?chunk=7"):  # the middle is among the sevens
        page.mouse.wheel(0, -1600)
    pixels = "(canvas) => new Set(canvas.getContext('2d').getImageData(0, 0, 500, 300).data).size"
    page.wait_for_function(
        f"() => ({pixels})(document.querySelector('.chart-area canvas')) > 100"
    )  # the many shades of digits, unlike points, whose edges have few


@pytest.mark.parametrize("phone", [pytest.param(False, marks=pytest.mark.slow), True])
def test_axe_finds_nothing_wrong(open_map, axe, screenshot, phone):
    """The map with a card has no violation in any light and language; nothing is cut off."""
    page = open_map(phone=phone)
    page.locator(MISTAKES).first.click()
    page.locator("[data-do=playground][href]").wait_for()
    for lang in ("en", "ko"):
        page.evaluate("(lang) => { location.hash = `map&lang=${lang}`; }", lang)
        page.locator(f'html[lang="{lang}"]').wait_for()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert axe(page) == []
            screenshot(page, f"map-{lang}-{scheme}-{'phone' if phone else 'desk'}")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
