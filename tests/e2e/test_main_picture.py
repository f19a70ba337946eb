"""The playground's main picture: links, the path to the pixels, the pop-over, and its size."""

import re

import pytest
from playwright.sync_api import expect

from tests.conftest import ROOT
from tests.e2e.conftest import RESTS

SIZES = {
    "laptop": (1280, 720),
    "desk": (1440, 900),
    "projector": (1920, 1080),
    "zoomed": (640, 360),  # 1280 × 720 at 200 %
    "phone": (390, 844),
}
STEPS = "#inspector .trail .step"
# Whether anything is drawn in a canvas.
IS_DRAWN = """(canvas) => canvas.getContext('2d')
    .getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value)"""
PIXELS = """(canvas) => [...canvas.getContext('2d')
    .getImageData(0, 0, canvas.width, canvas.height).data].join()"""
# Elements whose text or content does not fit into them, outside frames that scroll.
CUT = """() => [...document.querySelectorAll('main:not([hidden]) *, header *')].filter((node) => {
    const { overflowX, display } = getComputedStyle(node);
    const isText = display !== 'inline' && !node.matches('canvas, select, option, .unseen');
    if (!node.clientWidth || !isText) return false;
    return node.scrollWidth > node.clientWidth + 2 && overflowX !== 'auto' && overflowX !== 'scroll'
        && !node.closest('.pop-over, .column');
}).map((node) => node.outerHTML.slice(0, 120))"""


@pytest.fixture
def page(open_page):
    """The page as it opens, with its links drawn."""
    page = open_page("")
    page.locator(STEPS).nth(7).wait_for()
    return page


def test_it_opens_with_an_answer_and_a_path_to_the_pixels(page, screenshot):
    """The first look shows a sample's answer, and the path class → unit → … → pixel."""
    assert page.locator("#answer .label").inner_text() == "7"
    names = page.locator(STEPS).evaluate_all("(all) => all.map((one) => one.title)")
    assert names[0] == "class 7"
    layers = ["dense,", "conv2d_2,", "max_pooling2d_1,", "conv2d_1,", "max_pooling2d,", "conv2d,"]
    assert [name.split()[0] for name in names[1:7]] == layers
    assert names[-1].startswith("pixel in row")
    for canvas in page.locator("canvas.links").all():
        assert canvas.evaluate(IS_DRAWN)
    page.evaluate(RESTS)
    screenshot(page, "main-picture")


def test_a_step_of_the_path_is_explained_and_the_path_stays(page):
    """A click on a step explains it; the steps above it lead back."""
    before = page.locator(STEPS).evaluate_all("(all) => all.map((one) => one.title)")
    page.locator(STEPS).nth(3).click()
    title = page.locator("#inspector-title")
    expect(title).to_have_text(before[3])
    expect(page.locator(f"{STEPS}[aria-current]")).to_have_attribute("title", before[3])
    after = page.locator(STEPS).evaluate_all("(all) => all.map((one) => one.title)")
    assert after == before
    page.locator(STEPS).first.click()
    expect(title).to_have_text("class 7")


def test_the_path_follows_the_answer_until_a_cell_is_selected(page):
    """Another sample's class is explained at once; a selected cell stays selected."""
    page.locator('[data-tool="sample"]').click()
    label = page.locator("#answer .label")
    expect(label).not_to_have_text("7")
    expect(page.locator("#inspector-title")).to_have_text(f"class {label.inner_text()}")
    page.locator('.column[data-layer="dense"] .sheet').press("Home")
    chosen = page.locator("#inspector-title").inner_text()
    page.locator('[data-tool="sample"]').click()
    page.evaluate(RESTS)
    assert page.locator("#inspector-title").inner_text() == chosen == "dense, unit 0"


def test_a_tile_is_named_and_enlarged_where_it_is_pointed_at(page, screenshot):
    """Pointing names a map and its strongest value; a click opens it to select cells."""
    sheet = page.locator('.column[data-layer="conv2d_1"] .sheet')
    pop_over = page.locator(".pop-over")
    sheet.hover(position={"x": 12, "y": 12})
    expect(pop_over).to_contain_text("conv2d_1, channel 0, row")
    page.mouse.move(5, 5)
    expect(pop_over).to_be_hidden()
    sheet.click(position={"x": 12, "y": 12})
    page.mouse.move(5, 5)
    expect(pop_over).to_be_visible()
    pop_over.locator("canvas").click(position={"x": 10, "y": 10})
    expect(page.locator("#inspector-title")).to_have_text("conv2d_1, channel 0, row 0, column 0")
    screenshot(page, "pop-over")
    page.keyboard.press("Escape")
    expect(pop_over).to_be_hidden()


def test_selecting_fades_nothing(page):
    """The tiles of other layers look the same whatever cell is selected."""
    canvas = page.locator('.column[data-layer="flatten"] canvas')
    before = canvas.evaluate(PIXELS)
    page.locator('.column[data-layer="conv2d"] .sheet').click(position={"x": 12, "y": 12})
    expect(page.locator("#inspector-title")).to_contain_text("conv2d, channel 0")
    assert canvas.evaluate(PIXELS) == before


def test_exact_values_are_shown_on_demand(page):
    """The inspector shows four significant digits, and every digit after a press of the button."""
    value = page.locator('.equation [data-role="post"]')
    assert re.fullmatch(r"0\.\d{1,4}", value.inner_text())
    page.locator('[data-action="exact"]').click()
    expect(value).to_have_text(re.compile(r"0\.\d{6,}"))


@pytest.mark.parametrize("stage", ["post", pytest.param("weights", marks=pytest.mark.slow)])
@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_and_the_page_does_not_scroll_sideways(open_page, screenshot, size, stage):
    """At every size all columns, the inspector and all texts are inside the page."""
    width, height = SIZES[size]
    page = open_page("", viewport={"width": width, "height": height})
    page.locator(STEPS).nth(7).wait_for(state="attached")
    page.locator(f"label[for=view-stage-{stage}]").click()
    page.evaluate(RESTS)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT) == []
    if width >= 1280:
        columns = page.locator("#columns")
        assert columns.evaluate("(node) => node.scrollWidth - node.clientWidth") <= 0
        box = page.locator("#inspector").bounding_box()
        assert box["y"] + box["height"] <= height
        assert page.evaluate("document.documentElement.scrollHeight") <= height
    screenshot(page, f"main-picture-{size}-{stage}")


def test_dark_tiles_are_dark(open_page):
    """In dark mode a value of 0 is dark, in the maps and on the paper."""
    page = open_page("", color_scheme="dark")
    page.locator(STEPS).nth(7).wait_for()
    for selector in ('.column[data-layer="conv2d_2"] canvas', "#paper canvas"):
        brightest = page.locator(selector).evaluate(
            """(canvas) => {
                const { width, height } = canvas;
                const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
                const isLight = (i) => data[i + 3] && Math.min(...data.subarray(i, i + 3)) > 235;
                const light = data.filter((_, i) => i % 4 === 0 && isLight(i));
                return light.length / (data.length / 4);
            }"""
        )
        assert brightest < 0.05, selector


def test_every_module_of_the_first_picture_is_preloaded():
    """The page names all modules that the first one imports, so that they come in two rounds."""
    web = ROOT / "service" / "web"
    found, queue = set(), [web / "main.js"]
    while queue:
        path = queue.pop()
        if path in found:
            continue
        found.add(path)
        imports = re.findall(r"^(?:im|ex)port[^;]*?from '([^']+)'", path.read_text(), re.MULTILINE)
        queue += [(path.parent / name).resolve() for name in imports]
    expected = {f"/web/{path.relative_to(web)}" for path in found} - {"/web/main.js"}
    preloaded = re.findall(r'modulepreload" href="([^"]+)"', (web / "index.html").read_text())
    assert sorted(preloaded) == sorted(expected)
