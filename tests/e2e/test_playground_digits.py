"""Pictures and drawings of several digits in the playground, in a real browser."""

import base64

import numpy as np
import pytest
import requests
from PIL import Image

from tests.e2e.running import encode

TILES = "#digits button[data-segment]"
SELECTED = f"{TILES}[aria-pressed=true]"
DIGIT_ON_PAGE = "() => document.querySelector('#answer .label')?.textContent"
SHOWN = "(label) => document.querySelector('#answer .label')?.textContent === label"
PIXELS = """() => import('/web/models/strokes.js').then(({ fromText }) =>
    [...fromText(new URLSearchParams(location.hash.slice(1)).get('pixels') ?? '')])"""
PAPER = "document.querySelector('#paper canvas').toDataURL()"


@pytest.fixture(scope="module")
def some(mnist):
    """The first test digit of each label."""
    return {
        label: mnist.test_images[mnist.test_labels.tolist().index(label)] for label in range(10)
    }


def picture_of(some, *rows):
    """Return digits in rows, dark on a bright page, as a PNG."""
    page = Image.new("L", (40 * max(map(len, rows)) + 20, 60 * len(rows) + 20), 255)
    for row, text in enumerate(rows):
        for column, label in enumerate(text):
            if label != " ":
                digit = Image.fromarray(255 - some[int(label)])
                page.paste(digit, (16 + 40 * column, 20 + 60 * row))
    return encode(page)


def sudoku(some):
    """Return a ruled table of 3 × 3 cells with four digits."""
    page = Image.new("L", (220, 220), 255)
    for at in range(10, 211, 66):
        page.paste(0, (at, 10, at + 3, 211))
        page.paste(0, (10, at, 211, at + 3))
    for label, row, column in ((4, 0, 0), (9, 0, 2), (7, 1, 1), (2, 2, 0)):
        page.paste(Image.fromarray(255 - some[label]), (30 + 66 * column, 30 + 66 * row))
    return encode(page)


def open_file(page, content):
    """Choose a picture from a file."""
    file = {"name": "page.png", "mimeType": "image/png", "buffer": content}
    page.locator("input[type=file]").set_input_files(file)


def draw(page, *strokes):
    """Draw strokes with the mouse, in shares of the paper's side."""
    box = page.locator("#paper").bounding_box()
    for start, *rest in strokes:
        page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
        page.mouse.down()
        for x, y in rest:
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=12)
        page.mouse.up()


def test_each_digit_of_a_picture_can_be_selected(open_page, server, some, screenshot):
    """Tiles show label and confidence in reading order; the selected digit is the whole page's."""
    content = picture_of(some, "314")
    query = {"segment": "true", "details": "true"}
    expected = requests.post(f"{server}/predict", params=query, data=content).json()["predictions"]
    page = open_page("#lang=en")
    open_file(page, content)
    page.locator(TILES).nth(2).wait_for()
    assert page.locator("#digits .number").inner_text() == "314"
    assert page.locator(f"{TILES} b").all_inner_texts() == ["3", "1", "4"]
    shares = page.locator(f"{TILES} small").all_inner_texts()
    for text, each in zip(shares, expected, strict=True):
        assert float(text.removesuffix(" %")) == pytest.approx(100 * each["confidence"], abs=0.1001)
    page.wait_for_function(SHOWN, arg="3")
    papers = {page.evaluate(PAPER)}
    for index, label in ((2, "4"), (1, "1")):
        page.locator(TILES).nth(index).click()
        page.wait_for_function(SHOWN, arg=label)
        assert page.locator(SELECTED).get_attribute("data-segment") == str(index)
        probability = page.locator(".classes .share data").nth(int(label))
        assert float(probability.get_attribute("value")) == pytest.approx(
            expected[index]["confidence"], abs=1e-5
        )
        page.locator(".tick").wait_for()  # the service confirms the values of this digit
        papers.add(page.evaluate(PAPER))
    assert len(papers) == 3  # another box is marked each time
    screenshot(page, "digits")


def test_the_pixels_of_a_selected_digit_are_the_services(open_page, server, some):
    """The page computes with the pixels that the service classified, and its link has them."""
    content = picture_of(some, "58")
    query = {"segment": "true", "details": "true"}
    page = open_page("#lang=en")
    open_file(page, content)
    page.locator(TILES).nth(1).click()
    page.wait_for_function(SHOWN, arg="8")
    page.wait_for_function("() => location.hash.includes('pixels=')")
    page.wait_for_timeout(300)  # the address is written 120 ms after the change
    pixels = np.array(page.evaluate(PIXELS), np.uint8).tobytes()
    second = requests.post(f"{server}/predict", params=query, data=content).json()["predictions"][1]
    assert base64.b64decode(second["digit"]) == pixels


def test_rows_are_reached_with_arrow_keys(open_page, some, axe):
    """Tab reaches the selected digit, arrow keys select along and between rows; no violations."""
    page = open_page("#lang=en")
    open_file(page, picture_of(some, "27", "90"))
    page.locator(TILES).nth(3).wait_for()
    assert page.locator("#digits .number").all_inner_texts() == ["27", "90"]
    page.locator(SELECTED).focus()
    for key, label in (("ArrowRight", "7"), ("ArrowDown", "0"), ("ArrowLeft", "9"), ("Home", "2")):
        page.keyboard.press(key)
        page.wait_for_function(SHOWN, arg=label)
        assert page.locator(f"{SELECTED}:focus b").inner_text() == label
    assert page.locator(f'{TILES}[tabindex="0"]').count() == 1
    assert axe(page) == []


def test_a_single_digit_has_no_tiles_and_another_sheet_removes_them(open_page, some):
    """Tiles are shown for a picture of several digits only, and as long as it is the sheet."""
    page = open_page("#lang=en")
    open_file(page, picture_of(some, "6"))
    page.wait_for_function(SHOWN, arg="6")
    assert page.locator("#digits").is_hidden()
    open_file(page, picture_of(some, "65"))
    page.locator(TILES).nth(1).wait_for()
    page.locator('[data-tool="sample"]').click()
    page.locator("#digits").wait_for(state="hidden")
    page.locator('[data-tool="undo"]').click()
    page.locator(TILES).nth(1).wait_for()


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_a_grid_is_read_cell_by_cell(open_page, some, axe, screenshot, phone):
    """The switch reads a ruled table as a grid, also in Korean on a phone in the dark."""
    page = open_page("#lang=ko", phone=phone, color_scheme="dark" if phone else "light")
    open_file(page, sudoku(some))
    page.locator("#digits input").check()
    page.locator(".tiles.table").wait_for()
    rows = page.evaluate(
        """() => [...document.querySelectorAll('.tiles.table .row')].map((row) =>
            [...row.children].map(({ textContent }) => textContent))"""
    )
    assert rows == [["4", "", "9"], ["", "7", ""], ["2", "", ""]]
    page.locator(TILES).nth(2).click()
    page.wait_for_function(SHOWN, arg="7")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert axe(page) == []
    screenshot(page, f"digits-grid-{'phone' if phone else 'desk'}")


def test_a_picture_without_a_grid_says_so(open_page, some):
    """The switch explains that there is no grid, and turned off it shows the digits again."""
    page = open_page("#lang=en", errors=True)  # the browser logs the response as an error
    open_file(page, picture_of(some, "31"))
    page.locator("#digits input").check()
    page.get_by_text("There is no grid in this picture.").wait_for()
    page.locator("#digits input").uncheck()
    page.locator(TILES).nth(1).wait_for()


def test_a_drawing_of_two_digits_is_searched_once_it_rests(open_page):
    """One digit is not searched; two are, and a third, but not at every point of a stroke."""
    page = open_page("#lang=en")
    searches = []
    page.on("request", lambda call: "segment=" in call.url and searches.append(call.url))
    one = [(0.15, 0.25), (0.15, 0.75)]
    seven = [(0.4, 0.25), (0.62, 0.25), (0.5, 0.75)]
    draw(page, one)
    page.locator(".tick").wait_for()
    assert searches == []
    draw(page, seven)
    page.locator(TILES).nth(1).wait_for()
    assert page.locator("#digits .number").inner_text() == "17"
    assert len(searches) <= 3  # more than one where the machine pauses within a stroke
    page.locator(TILES).nth(1).click()
    page.wait_for_function(SHOWN, arg="7")
    draw(page, [(0.85, 0.25), (0.85, 0.75)])
    page.locator(TILES).nth(2).wait_for()
    assert page.locator("#digits .number").inner_text() == "171"
    assert page.evaluate(DIGIT_ON_PAGE) == "7"  # it stays selected
    assert len(searches) <= 6
    for _ in range(2):
        page.locator('[data-tool="undo"]').click()
    page.locator("#digits").wait_for(state="hidden")
    page.wait_for_function(SHOWN, arg="1")
