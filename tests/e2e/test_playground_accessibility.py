"""The playground in a real browser is accessible: by keyboard, in two languages, light and dark."""

from itertools import product

import pytest

from tests.e2e.conftest import RESTS

CELLS = {
    "convolution": "layer=conv2d_1&channel=12&row=3&column=4",
    "pooling": "layer=max_pooling2d_1&channel=12&row=1&column=2",
    "flatten": "layer=flatten&channel=100",
    "dense": "layer=dense&channel=5",
    "class": "layer=dense_1&channel=7",
}
# the contrasts of each class's number with what is under it, for bars of 11 lengths
CONTRASTS = """() => {
    const light = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((byte) => byte / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const contrast = (...colours) => {
        const [low, high] = colours.map(light).sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const meet = (a, b) =>
        a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    const at = (length) => [...document.querySelectorAll('.classes .share')].flatMap((share) => {
        const [bar, text] = share.children;
        bar.style.cssText = `--share: ${length}; transition: none`;
        const range = document.createRange();
        range.selectNodeContents(text);
        const touches = meet(range.getBoundingClientRect(), bar.getBoundingClientRect());
        return [share, ...(touches ? [bar] : [])].map((ground) =>
            contrast(getComputedStyle(text).color, getComputedStyle(ground).backgroundColor));
    });
    return Array.from({ length: 11 }, (_, i) => at(i / 10)).flat();
}"""

# the area that the tour's dialog covers of what it describes, square pixels
COVERED = """() => {
    const [a, b] = ['#tour', '.highlight'].map((each) =>
        document.querySelector(each).getBoundingClientRect());
    const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    return Math.max(width, 0) * Math.max(height, 0);
}"""


FREQUENT = [("en", False, "light"), ("ko", True, "dark")]  # every language, size and scheme once
LOOKS = [
    pytest.param(*look, marks=[] if look in FREQUENT else [pytest.mark.slow])
    for look in product(["en", "ko"], [False, True], ["light", "dark"])
]


@pytest.mark.parametrize(("lang", "phone", "scheme"), LOOKS)
def test_axe_finds_nothing_wrong(open_page, axe, screenshot, lang, phone, scheme):
    """The empty page and each tab have no violation in any light, size and language."""
    page = open_page(f"#lang={lang}", phone=phone, color_scheme=scheme)
    assert axe(page) == []
    link = f"sample=0&lang={lang}&{CELLS['convolution']}"
    page.evaluate("(hash) => { location.hash = hash; }", link)
    page.locator(".tick").wait_for()
    assert axe(page) == []
    for tab in ("evidence", "examples", "change"):
        page.locator(f'[data-tab="{tab}"]').click()
        page.evaluate(RESTS)
        assert axe(page) == []
    screenshot(page, f"convolution-{lang}-{scheme}-{'phone' if phone else 'desk'}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_probabilities_can_be_read_at_any_length_of_their_bars(open_page, screenshot, scheme):
    """Each number's contrast is at least 4.5:1, also with its bar where the bar touches it."""
    page = open_page("#sample=0", color_scheme=scheme)
    page.locator("#answer .label").wait_for()
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) >= 10 * 11
    assert min(contrasts) >= 4.5
    screenshot(page, f"probabilities-{scheme}")


@pytest.mark.parametrize("kind", CELLS)
def test_axe_finds_nothing_wrong_with_any_explanation(open_page, axe, screenshot, kind):
    """The explanation of each kind of layer has no violation."""
    page = open_page(f"#sample=0&{CELLS[kind]}")
    page.locator(".tick").wait_for()
    assert axe(page) == []
    screenshot(page, f"explained-{kind}")


def test_axe_finds_nothing_wrong_with_another_model(open_page, axe, screenshot):
    """A page with other layers and three input channels has no violation."""
    page = open_page("?model=tiny#random=5&layer=stem&channel=2&row=0&column=0&lang=ko")
    page.locator(".tick").wait_for()
    assert axe(page) == []
    screenshot(page, "tiny-explained")


def test_the_tour_by_keyboard(open_page, axe, screenshot):
    """Enter reveals the answers; the dialog never covers what they describe; the focus returns."""
    page = open_page()
    page.locator('[data-menu="tour"]').focus()
    page.keyboard.press("Enter")
    page.locator("#answer .label").wait_for()
    for step in range(5):
        page.get_by_text(f"Question {step + 1} of 5").wait_for()
        assert page.locator("#tour .reveal").count() == 0
        page.keyboard.press("Enter")
        page.locator("#tour .reveal").wait_for()
        assert page.evaluate(COVERED) == 0
        if step == 2:
            page.locator(".tick").wait_for()
            page.evaluate(RESTS)
            assert axe(page) == []
            screenshot(page, "tour")
        page.keyboard.press("Enter")
    page.locator("#tour").wait_for(state="hidden")
    assert page.evaluate("document.activeElement.dataset.menu") == "tour"


def test_the_tour_can_be_closed_and_is_offered_once(open_page):
    """Esc closes the tour, which does not start by itself and is not offered a second time."""
    page = open_page()
    page.locator("#offer").wait_for()
    assert not page.locator("#tour").is_visible()
    page.locator("#offer .primary").click()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.locator("#tour").wait_for(state="hidden")
    page.reload()
    page.locator(".column").first.wait_for()
    assert not page.locator("#offer").is_visible()


def test_every_dialog_by_keyboard(open_page, axe, screenshot):
    """Enter opens the dialog, Tab reaches its buttons, Esc closes it and the focus returns."""
    page = open_page("#sample=0")
    page.locator("#answer .label").wait_for()
    page.locator('[data-menu="share"]').focus()
    page.keyboard.press("Enter")
    page.locator("#share").wait_for()
    assert axe(page) == []
    reached = set()
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset.share"))
    assert {"link", "embed", "curl", "png", "npz"} <= reached
    screenshot(page, "share")
    page.keyboard.press("Escape")
    page.locator("#share").wait_for(state="hidden")
    assert page.evaluate("document.activeElement.dataset.menu") == "share"


def test_the_camera_dialog_reports_a_missing_camera(open_page, axe):
    """Without a camera, or permission to use it, the dialog shows that and closes with Esc."""
    page = open_page()
    page.locator('[data-tool="camera"]').click()
    page.get_by_text("The camera cannot be used").wait_for()
    assert axe(page) == []
    page.keyboard.press("Escape")
    page.locator("#camera").wait_for(state="hidden")


def test_the_language_follows_the_browser_and_can_be_switched(open_page):
    """A Korean browser gets a Korean page; the switch changes every part of it, and the link."""
    page = open_page("#sample=0", locale="ko-KR")
    assert page.locator("html").get_attribute("lang") == "ko"
    assert page.locator("#network-title").inner_text() == "신경망"
    assert "합성곱" in page.locator('[data-layer="conv2d"]').inner_text()
    page.locator('[data-menu="language"]').click()
    page.wait_for_function("() => location.hash.includes('lang=en')")
    assert page.locator("html").get_attribute("lang") == "en"
    page.get_by_text("Predicted: 7").wait_for(state="attached")  # announced in English
    lines = page.evaluate("document.body.innerText").splitlines()
    korean = [line for line in lines if any("가" <= letter <= "힣" for letter in line)]
    assert korean == ["한국어"]  # the button that switches back


def test_the_answer_is_announced(open_page):
    """The prediction is announced once drawing pauses, and a cell once it is selected."""
    page = open_page("#sample=0")
    announcer = page.locator("#announcer")
    page.get_by_text("Predicted: 7").wait_for(state="attached")
    page.locator('.column[data-layer="conv2d"] .sheet').focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "() => document.querySelector('#announcer').textContent.startsWith('conv2d, channel 1,')"
    )
    assert announcer.get_attribute("aria-live") == "polite"
