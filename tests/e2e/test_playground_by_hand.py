"""The playground in a real browser: all ways to draw a digit or open an image, and undo."""

import pytest

from tests.conftest import ROOT
from tests.e2e.conftest import RESTS
from tests.e2e.test_playground import LABEL, draw_with_mouse, on_paper

STROKES = """async () => {
    const { decodeStrokes } = await import('/web/models/strokes.js');
    return decodeStrokes(new URLSearchParams(location.hash.slice(1)).get('strokes') ?? '');
}"""


def strokes(page):
    """Return the strokes in the link, once the page has written it."""
    page.evaluate(RESTS)
    return page.evaluate(STROKES)


def test_undo_by_keyboard(open_page):
    """Ctrl+Z undoes a stroke in the playground, and not in the lab."""
    page = open_page()
    draw_with_mouse(page)
    page.locator(LABEL).wait_for()
    page.locator('[data-tool="sample"]').click()
    page.keyboard.press("Control+z")
    assert len(strokes(page)) == 1
    page.evaluate("location.hash = 'lab'")
    page.locator(".exhibit").first.wait_for()
    page.keyboard.press("Control+z")
    page.go_back()
    page.locator(LABEL).wait_for()
    assert len(strokes(page)) == 1
    page.keyboard.press("Control+z")
    page.locator(LABEL).wait_for(state="detached")


def test_undo_during_a_stroke_ends_it(open_page):
    """Ctrl+Z during a stroke undoes all of it, and the pointer does not extend an older stroke."""
    page = open_page()
    first, second, third, *_ = on_paper(page)
    for older in range(2):
        page.mouse.move(*second)
        page.mouse.down()
        page.mouse.move(*third, steps=3)
        page.keyboard.press("Control+z")
        page.mouse.move(*first, steps=3)
        page.mouse.up()
        assert len(strokes(page)) == older
        draw_with_mouse(page)
    before = strokes(page)
    page.locator("#paper").focus()
    for key in ("Space", "ArrowDown", "Control+z", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    assert strokes(page) == before
    page.keyboard.press("Space")  # lowers the pen again
    assert len(strokes(page)) == len(before) + 1


def draw_with_pen(page):
    """Draw one stroke with a stylus, as the system sends it."""
    session = page.context.new_cdp_session(page)
    start, *rest = on_paper(page)
    steps = [
        ("mousePressed", start),
        *(("mouseMoved", at) for at in rest),
        ("mouseReleased", rest[-1]),
    ]
    for kind, (x, y) in steps:
        about = {"button": "left", "buttons": 1, "clickCount": 1, "pointerType": "pen"}
        session.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **about})


def paste(page):
    """Paste an image of a 7 from the clipboard."""
    page.evaluate(
        """(bytes) => {
            const clipboardData = new DataTransfer();
            const file = new File([Uint8Array.from(bytes)], 'a.png', { type: 'image/png' });
            clipboardData.items.add(file);
            document.body.dispatchEvent(
                new ClipboardEvent('paste', { clipboardData, bubbles: true }));
        }""",
        list((ROOT / "tests" / "seven.png").read_bytes()),
    )


def draw_with(brush):
    """Return a function that draws one stroke with the mouse and another brush."""

    def draw(page):
        page.locator(f'[data-tool="{brush}"]').click()
        draw_with_mouse(page)

    return draw


@pytest.mark.parametrize(
    ("put", "pointer", "brushes"),
    [
        pytest.param(draw_with_pen, "pen", [20], id="pen"),
        pytest.param(paste, None, [], id="paste"),
        pytest.param(draw_with("thin"), "mouse", [14], id="thin"),
        pytest.param(draw_with("thick"), "mouse", [28], id="thick"),
    ],
)
def test_a_seven_is_recognised_from_any_source(open_page, put, pointer, brushes):
    """A 7 by stylus, from the clipboard, or with another brush is predicted as 7."""
    page = open_page()
    page.evaluate(
        """() => document.querySelector('#paper').addEventListener('pointerdown',
            ({ pointerType }) => { window.pointer = pointerType; })"""
    )
    put(page)
    page.wait_for_function("() => document.querySelector('#answer .label')?.textContent === '7'")
    assert page.evaluate("window.pointer ?? null") == pointer
    assert [stroke["brush"] for stroke in strokes(page)] == brushes


def test_the_mouse_draws_for_another_model(open_page):
    """The page converts a drawing to another input's size and channels, and shows a prediction."""
    page = open_page("?model=tiny")
    draw_with_mouse(page)
    page.locator(LABEL).wait_for()
    assert "12 × 10 × 3" in page.locator("#digit canvas").get_attribute("title")
    assert len(strokes(page)) == 1
