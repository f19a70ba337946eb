"""The network in 3-D, drawn by a real browser's WebGL."""

import gzip
import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.conftest import ROOT

MAX_COMPRESSED = 200_000  # bytes
THREE = "/web/vendor/three.js"
CANVAS = "#space-view canvas"

# Counts the WebGL contexts of the page that have not been freed.
COUNT_CONTEXTS = """() => {
    const contexts = new Set();
    const original = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (...values) {
        const context = original.apply(this, values);
        if (values[0] === 'webgl2') contexts.add(context);
        return context;
    };
    window.contexts = () => [...contexts].map((each) => !each.isContextLost());
}"""


def open_space(page):
    """Press the button and return the canvas once its lines are drawn."""
    page.locator("#answer .label").wait_for()
    page.locator("#space button").click()
    canvas = page.locator(f"{CANVAS}:not([aria-busy])")
    canvas.wait_for()
    return canvas


@pytest.fixture
def open_picture(open_page):
    """Open a page without motion and its picture in a small window, which is drawn faster."""

    def open_picture(link="#sample=0", **options):
        page = open_page(link, **{"reduced_motion": "reduce", **options})
        page.set_viewport_size({"width": 800, "height": 500})
        open_space(page)
        return page

    return open_picture


def pixels(page):
    """Return the colours of the canvas without its focus ring, once all changes are drawn."""
    page.evaluate("() => new Promise((done) => setTimeout(() => requestAnimationFrame(done), 50))")
    image = page.locator(CANVAS).screenshot()
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB")).astype(int)[8:-8, 8:-8]


def is_orange(colours):
    """Return which colours are those of large values."""
    red, green, blue = np.moveaxis(colours, -1, 0)
    return (red > green + 30) & (green > blue + 30)


def test_three_js_is_small():
    """The vendored library takes at most 200 kB compressed, and evaluates no text as code."""
    source = (ROOT / "service" / "web" / "vendor" / "three.js").read_bytes()
    assert len(gzip.compress(source, 9)) <= MAX_COMPRESSED
    assert not re.search(rb"\beval\(|new Function|createObjectURL", source)
    assert b"SPDX-License-Identifier: MIT" in source


def test_the_picture_is_loaded_when_opened_and_shows_the_values(open_page, screenshot):
    """Three.js is requested when the button is pressed; another digit changes the colours."""
    page = open_page("#sample=0", reduced_motion="reduce")
    names = "() => performance.getEntriesByType('resource').map((each) => each.name).join()"
    assert THREE not in page.evaluate(names)
    open_space(page)
    assert THREE in page.evaluate(names)
    first = pixels(page)
    width = first.shape[1]
    assert is_orange(first).sum() > 3000
    assert (first[:, : width // 4].max(axis=-1) < 60).sum() > 300  # the digit's strokes
    screenshot(page, "space-light")
    page.evaluate("() => { location.hash = 'sample=1'; }")
    page.locator("#space-view .class.first", has_text="2").wait_for()
    changed = np.abs(pixels(page) - first).max(axis=-1) > 30
    assert changed[:, : width // 4].sum() > 300
    assert changed[:, width // 4 :].sum() > 1000


def test_a_cell_is_picked(open_picture, screenshot):
    """A click selects the box or cell under the pointer; the page explains it after Esc."""
    page = open_picture(color_scheme="dark")
    label = page.locator(".space .class.first").bounding_box()
    page.mouse.click(label["x"] - 16, label["y"] + label["height"] / 2)
    page.locator(".space .readout", has_text="class 7").wait_for()
    page.locator('[data-view="front"]').click()
    plain = pixels(page)
    box = page.locator(CANVAS).bounding_box()
    x, y = box["x"] + box["width"] / 2 + 4, box["y"] + box["height"] / 2 + 4
    page.mouse.move(x, y)
    named = page.locator(".pointed", has_text="pixel in row").inner_text()
    row, column = re.match(r"pixel in row (1\d), column (1\d): 0", named).groups()
    page.mouse.click(x, y)
    expect(page.locator(".space .readout")).to_have_text(named)
    cell = f"layer=digit&channel=0&row={row}&column={column}&"
    page.wait_for_function("(cell) => location.hash.includes(cell)", arg=cell)
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    assert (np.abs(pixels(page) - plain).max(axis=-1) > 60).sum() > 50  # its outline
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 90, y - 60, steps=4)
    page.mouse.up()  # A drag rotates, and selects nothing.
    expect(page.locator(".space .readout")).to_have_text(named)
    screenshot(page, "space-dark")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.closest('#space') !== null")
    page.locator("#inspector-title", has_text=f"row {row}, column {column}").wait_for()


def test_keys_move_the_camera_and_nothing_is_drawn_at_rest(open_picture):
    """Arrow keys rotate, + and - zoom, a view undoes it, and no frame is requested at rest."""
    page = open_picture()
    canvas = page.locator(CANVAS)
    canvas.focus()
    start = pixels(page)
    images = [start]
    for key in ("ArrowLeft", "ArrowUp", "+", "-"):
        page.keyboard.press(key)
        images.append(pixels(page))
        assert (np.abs(images[-1] - images[-2]).max(axis=-1) > 30).sum() > 1000, key
    page.locator('[data-view="overview"]').click()
    canvas.focus()
    assert (np.abs(pixels(page) - start).max(axis=-1) > 30).sum() < 100
    requests = page.evaluate(
        """() => new Promise((done) => {
            let count = 0;
            const original = window.requestAnimationFrame;
            window.requestAnimationFrame = (draw) => { count++; return original(draw); };
            setTimeout(() => done(count), 300);
        })"""
    )
    assert requests == 0


@pytest.mark.slow
def test_closing_frees_the_picture(open_page):
    """After five pictures no WebGL context, element or dialog is left over."""
    page = open_page("#sample=0")
    page.set_viewport_size({"width": 800, "height": 500})
    page.evaluate(COUNT_CONTEXTS)
    for count in range(1, 6):
        open_space(page)
        assert page.evaluate("contexts().filter(Boolean).length") == 1
        page.locator("#space-view .bar button").click()
        page.locator(CANVAS).wait_for(state="detached")
        page.wait_for_function("() => !contexts().some(Boolean)")
        assert page.evaluate("contexts().length") == count
    assert page.locator("#space-view .body > *").count() == 0
    assert page.locator('link[href$="space.css"]').count() == 1


@pytest.mark.parametrize(("lang", "phone"), [("en", False), ("ko", True)])
def test_axe_finds_nothing_wrong(open_page, axe, screenshot, lang, phone):
    """The open picture has no violation and fits the window: in light, and dark on a phone."""
    scheme = "dark" if phone else "light"
    link = f"#sample=0&lang={lang}&layer=conv2d_1&channel=12&row=3&column=4"
    page = open_page(link, phone=phone, color_scheme=scheme)
    canvas = open_space(page)
    assert axe(page) == []
    box, size = canvas.bounding_box(), page.viewport_size
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    foot = page.locator(".space .foot").bounding_box()
    assert foot["y"] + foot["height"] <= size["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    screenshot(page, f"space-{lang}-{'phone' if phone else 'desk'}")


def test_without_webgl_a_sentence_replaces_the_picture(open_picture, axe):
    """A browser without WebGL 2, or one that takes the context away, shows the reason."""
    page = open_picture()
    page.evaluate(
        f"""() => document.querySelector('{CANVAS}').getContext('webgl2')
            .getExtension('WEBGL_lose_context').loseContext()"""
    )
    page.locator(".missing", has_text="stopped the 3-D picture").wait_for()
    page.keyboard.press("Escape")
    page.evaluate(
        """() => {
            const { getContext } = HTMLCanvasElement.prototype;
            HTMLCanvasElement.prototype.getContext = function (kind, ...options) {
                return kind === 'webgl2' ? null : getContext.call(this, kind, ...options);
            };
        }"""
    )
    page.locator("#space button").click()
    page.locator(".missing", has_text="cannot draw in 3-D").wait_for()
    assert not page.locator(CANVAS).is_visible()
    assert axe(page) == []


@pytest.mark.slow
def test_a_failed_download_is_tried_again(open_page):
    """The page says that the picture could not be loaded; the next press loads it."""
    page = open_page("#sample=0", errors=True)
    page.route("**/space/space.js", lambda route: route.abort())
    page.locator("#space button").click()
    page.locator("#space .warning").wait_for()
    page.unroute("**/space/space.js")
    open_space(page)
    assert page.locator("#space .warning").count() == 0
