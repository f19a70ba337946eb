"""The lab in a real browser: every exhibit works with mouse, touch and keyboard."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.lab_page import BOARD, changes_text, go, text, wait_until_loaded

BOARDS = {  # exhibit: the board that is clicked, the text that then changes
    "convolution": ("input", ".readout"),
    "kernels": ("input", '[data-role="sum"]'),
    "channels": ("result", '[data-role="equation"]'),
    "pooling": ("input", '[data-role="average"]'),
    "shift": ("shifts", ".column-of output"),
}


def point(page, target, x, y, touch):
    """Click or tap at a place of an element, in shares of its size."""
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    at = box["x"] + x * box["width"], box["y"] + y * box["height"]
    if touch:
        page.touchscreen.tap(*at)
    else:
        page.mouse.click(*at)


@pytest.fixture
def page(open_page):
    """Open the lab on a phone that has a mouse and a keyboard too."""
    return open_page("#lab&lang=en", phone=True)


def test_boards_follow_mouse_touch_and_arrow_keys(page):
    """A click, a tap or an arrow key moves the window, and the numbers change with it."""
    for exhibit, (board, readout) in BOARDS.items():
        state = {"source": "four"} if exhibit == "pooling" else {}
        go(page, exhibit, **state)
        wait_until_loaded(page, exhibit)
        target = page.locator(BOARD.format(board))
        target.locator("canvas").wait_for()
        page.wait_for_function("(node) => node.ariaLabel", arg=target.element_handle())
        changes_text(page, readout, lambda: point(page, target, 0.4, 0.75, touch=False))  # noqa: B023
        changes_text(page, readout, lambda: point(page, target, 0.7, 0.45, touch=True))  # noqa: B023
        target.focus()
        changes_text(page, readout, lambda: page.keyboard.press("ArrowLeft"))


def test_the_output_board_moves_the_window(page):
    """Selecting an output cell moves the window on the input, within the borders."""
    go(page, "stride")
    board = page.locator(BOARD.format("output"))

    def is_at(row, column):
        expect(board).to_have_attribute("aria-label", re.compile(f"row {row}, column {column}"))

    point(page, board, 0.9, 0.1, touch=False)
    is_at(0, 2)
    point(page, board, 0.5, 0.9, touch=True)
    is_at(2, 1)
    board.press("ArrowDown")
    board.press("ArrowLeft")
    is_at(2, 0)
    assert "starts at row 2, column 0" in page.locator(BOARD.format("input")).get_attribute(
        "aria-label"
    )


def test_each_of_six_maps_is_reached_with_the_arrow_keys(page):
    """A step on a map selects it, and its sum is announced to screen readers."""
    go(page, "channels", show="three")
    page.locator(BOARD.format("map-3")).press("ArrowDown")
    assert text(page, ".readout").startswith("Map 4: ")
    page.wait_for_function(
        "() => location.hash.includes('filter=3') && /row=1/.test(location.hash)"
    )
    expect(page.locator("#announcer")).to_have_text(text(page, ".readout"))


def test_the_lab_announces_only_itself(open_page):
    """A page opened in the lab makes no announcements of the playground."""
    page = open_page("#lab/stride&lang=en")
    announcer = page.locator("#announcer")
    expect(announcer).to_have_text("Output of 3 × 3, cell in row 0, column 0")
    page.wait_for_timeout(1000)  # the playground's announcement would come after 600 ms
    assert "No answer yet" not in announcer.inner_text()
    expect(announcer).to_have_text("Output of 3 × 3, cell in row 0, column 0")


def test_a_closed_exhibit_announces_nothing(open_page):
    """A late response to one exhibit is not announced in the next one."""
    page, pending = open_page("#lab/stride&lang=en"), []
    page.route("**/model/weights*", lambda route: pending.append(route))
    with page.expect_request("**/model/weights*"):
        go(page, "convolution")
    go(page, "channels")
    page.locator(BOARD.format("result")).press("ArrowDown")
    announcement = text(page, '[data-role="equation"]')
    expect(page.locator("#announcer")).to_have_text(announcement)
    with page.expect_request_finished(lambda request: "weights" in request.url):
        pending[0].continue_()
    page.wait_for_timeout(300)
    assert page.locator("#announcer").inner_text() == announcement


def test_leaving_the_lab_while_it_loads_shows_the_playground(open_page):
    """The playground and its address stay when the lab's files arrive later."""
    page, pending = open_page("#lang=en"), []
    page.route("**/lab/lab.js", lambda route: pending.append(route))
    with page.expect_request("**/lab/lab.js"):
        page.locator('#views a[href="#lab"]').click()
    page.locator("#views a").first.click()
    page.locator("#playground").wait_for()
    with page.expect_request_finished(lambda request: "lab.css" in request.url):
        pending[0].continue_()
    page.wait_for_timeout(600)
    assert page.locator(".exhibit").count() == 0
    assert "lab" not in page.evaluate("location.hash")


def test_sliders_follow_mouse_touch_and_keyboard(page):
    """A click, a tap or an arrow key moves a slider, and the numbers change with it."""
    for exhibit, slider, readout in [
        ("relu", "y", '[data-role="relu"]'),
        ("connections", "filters", '[data-role="full"]'),
    ]:
        go(page, exhibit)
        wait_until_loaded(page, exhibit)
        target = page.locator(f'[data-slider="{slider}"]')
        changes_text(page, readout, lambda: point(page, target, 0.6, 0.5, touch=False))  # noqa: B023
        changes_text(page, readout, lambda: point(page, target, 0.3, 0.5, touch=True))  # noqa: B023
        target.focus()
        changes_text(page, readout, lambda: page.keyboard.press("ArrowRight"))


def test_an_output_is_selected_in_all_drawings(page):
    """A click, a tap or an arrow key selects an output, in all three drawings of connections."""
    go(page, "connections")
    wires = page.locator('[data-wires="local"]')

    def is_selected(unit):
        drawings = page.locator("[data-wires]").all()
        assert len(drawings) == 3
        for drawing in drawings:
            expect(drawing).to_have_attribute("aria-label", re.compile(f"^Output {unit} "))

    point(page, wires, 0.99, 0.2, touch=False)
    is_selected(25)
    point(page, wires, 0.01, 0.2, touch=True)
    is_selected(0)
    wires.press("ArrowRight")
    is_selected(1)


def test_each_slider_changes_the_drawings_of_connections(page):
    """The drawings follow the size, the channels, the kernel and the filters, as the counts do."""
    go(page, "connections", size=12, channels=2, kernel=3, filters=4)
    drawings = page.locator("[data-wires] canvas")
    drawn = "(all) => all.map((canvas) => canvas.toDataURL())"
    for slider in ("size", "channels", "kernel", "filters"):
        before = drawings.evaluate_all(drawn)
        page.locator(f'[data-slider="{slider}"]').press("ArrowRight")
        after = drawings.evaluate_all(drawn)
        assert [a == b for a, b in zip(before, after, strict=True)] == [False] * 3, slider
    label = page.locator('[data-wires="local"]').get_attribute("aria-label")
    assert label == "Output 9 is connected to 4 inputs by weights of its own"


def test_a_digit_is_dragged(page):
    """Dragging shifts the digit, and the button shifts it back."""
    go(page, "shift")
    page.get_by_text("of 441 shifts").wait_for()
    board = page.locator(BOARD.format("moved"))
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 127, box["y"] + 82, steps=5)
    page.mouse.up()
    page.wait_for_function("() => location.hash.includes('right=3&down=-2')")
    page.locator('[data-do="reset"]').tap()
    page.wait_for_function("() => !location.hash.includes('right=')")


def test_the_kernel_plays_and_stops(page):
    """The kernel moves only after Play, and Pause stops it."""
    go(page, "convolution")
    wait_until_loaded(page, "convolution")
    before = text(page, ".readout")
    page.wait_for_timeout(700)
    assert text(page, ".readout") == before
    changes_text(page, ".readout", lambda: page.locator('[data-do="play"]').tap())
    page.locator('[data-do="play"]').press("Enter")
    assert text(page, '[data-do="play"]') == "Play"


def test_the_flow_plays_and_stops_at_a_tap(page):
    """A tap stops the animation and shows a value; the arrow keys move to other values."""
    go(page, "flow", position=0)
    page.get_by_text("93,322").wait_for()
    sheet = page.locator(".flow .sheet")
    page.locator('[data-do="play"]').tap()
    page.wait_for_function("() => document.querySelector('[data-slider=position]').value > 1")
    point(page, sheet, 0.5, 0.5, touch=True)
    page.locator(".exhibit .readout a").wait_for()
    stopped = page.locator('[data-slider="position"]').input_value()
    page.wait_for_timeout(300)
    assert page.locator('[data-slider="position"]').input_value() == stopped
    changes_text(page, ".readout", lambda: point(page, sheet, 0.2, 0.5, touch=False))
    sheet.focus()
    changes_text(page, ".readout", lambda: page.keyboard.press("ArrowLeft"))
    page.locator('[data-slider="position"]').press("Home")  # play the whole animation
    sheet.focus()
    page.keyboard.press("Space")
    assert text(page, '[data-do="play"]') == "Pause"


def test_pointing_at_a_map_of_the_flow_describes_it(page):
    """The readout names the map under the pointer, and without one the selected map again."""
    go(page, "flow", position=8)
    sheet = page.locator(".flow .sheet")
    page.get_by_text("93,322").wait_for()
    point(page, sheet, 0.5, 0.5, touch=False)
    page.locator(".exhibit .readout a").wait_for()
    selected = text(page, ".readout")
    box = sheet.bounding_box()
    at = box["y"] + box["height"] / 2
    changes_text(page, ".readout", lambda: page.mouse.move(box["x"] + 0.2 * box["width"], at))
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] - 40)
    page.wait_for_function(
        "(text) => document.querySelector('.exhibit .readout').innerText === text", arg=selected
    )


def test_a_misclassified_digit_opens_in_the_playground(page):
    """Click, tap and Enter show the digits of a cell; a digit is a link to the playground."""
    go(page, "training")
    cells = page.locator("[data-confusion]")
    cells.first.wait_for()
    cells.nth(0).click()
    page.locator(".mistakes h3").wait_for()
    changes_text(page, ".mistakes h3", cells.nth(1).tap)
    changes_text(page, ".mistakes h3", lambda: cells.nth(2).press("Enter"))
    predicted = cells.nth(2).get_attribute("data-confusion").split("-")[1]
    page.locator(".mistakes a").first.tap()
    page.locator("#answer .label").wait_for()
    assert page.locator("#answer .label").inner_text() == predicted


def test_the_exhibits_are_reached_by_mouse_touch_and_keyboard(page):
    """A click, a tap or Enter opens an exhibit of the list."""
    links = page.locator(".exhibits a")
    links.nth(1).click()
    page.locator('[data-exhibit="kernels"]').wait_for()
    links.nth(2).tap()
    page.locator('[data-exhibit="channels"]').wait_for()
    links.nth(10).press("Enter")
    page.locator('[data-exhibit="model"]').wait_for()
    assert page.title() == "Model · ConvScope"
