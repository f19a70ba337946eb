"""The lab in a real browser: every exhibit answers the mouse, the finger and the keyboard."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.test_lab import BOARD, answered, go, text

DIGIT, PICTURE = "#lab-kernel-source-digit", "#lab-kernel-source-picture"
TYPED = "(input, value) => { input.value = value; input.dispatchEvent(new Event('input')); }"
BOARDS = {  # exhibit: what is pointed at, what then says something else
    "convolution": ("input", ".readout"),
    "kernels": ("input", '[data-role="sum"]'),
    "channels": ("result", '[data-role="equation"]'),
    "pooling": ("input", '[data-role="average"]'),
    "shift": ("shifts", ".column-of output"),
}


def says_something_else(page, selector, act):
    """Whether what the page says at that place changes by an action."""
    shown = page.locator(f".exhibit {selector}").first
    shown.wait_for()
    before = shown.inner_text()
    act()
    page.wait_for_function(
        "([selector, before]) => document.querySelector(selector).innerText !== before",
        arg=[f".exhibit {selector}", before],
    )


def point(page, target, x, y, finger):
    """Click or tap at a place of an element, in shares of its size."""
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    at = box["x"] + x * box["width"], box["y"] + y * box["height"]
    if finger:
        page.touchscreen.tap(*at)
    else:
        page.mouse.click(*at)


@pytest.fixture
def page(open_page):
    """A phone with a mouse and a keyboard beside it."""
    return open_page("#lab&lang=en", phone=True)


def test_boards_follow_mouse_finger_and_arrow_keys(page):
    """The window moves to where one points, taps, or steps, and the numbers with it."""
    for exhibit, (board, readout) in BOARDS.items():
        state = {"source": "four"} if exhibit == "pooling" else {}
        go(page, exhibit, **state)
        answered(page, exhibit)
        target = page.locator(BOARD.format(board))
        target.locator("canvas").wait_for()
        page.wait_for_function("(node) => node.ariaLabel", arg=target.element_handle())
        says_something_else(page, readout, lambda: point(page, target, 0.4, 0.75, finger=False))  # noqa: B023
        says_something_else(page, readout, lambda: point(page, target, 0.7, 0.45, finger=True))  # noqa: B023
        target.focus()
        says_something_else(page, readout, lambda: page.keyboard.press("ArrowLeft"))


def test_the_output_board_moves_the_window(page):
    """Stride and padding: the board of outputs leads the window, within its borders."""
    go(page, "stride")
    board = page.locator(BOARD.format("output"))

    def is_at(row, column):
        expect(board).to_have_attribute("aria-label", re.compile(f"row {row}, column {column}"))

    point(page, board, 0.9, 0.1, finger=False)
    is_at(0, 2)
    point(page, board, 0.5, 0.9, finger=True)
    is_at(2, 1)
    board.press("ArrowDown")
    board.press("ArrowLeft")
    is_at(2, 0)
    assert "begins in row 2, column 0" in page.locator(BOARD.format("input")).get_attribute(
        "aria-label"
    )


def test_each_of_six_maps_is_reached_with_the_arrow_keys(page):
    """A step on a map selects it, and a screen reader is told its sum."""
    go(page, "channels", show="three")
    page.locator(BOARD.format("map-3")).press("ArrowDown")
    assert text(page, ".readout").startswith("Map 4: ")
    page.wait_for_function(
        "() => location.hash.includes('filter=3') && /row=1/.test(location.hash)"
    )
    expect(page.locator("#announcer")).to_have_text(text(page, ".readout"))


def test_the_lab_alone_is_heard_in_the_lab(open_page):
    """A page opened straight in the lab announces nothing of the playground's."""
    page = open_page("#lab/stride&lang=en")
    announcer = page.locator("#announcer")
    expect(announcer).to_have_text("Output of 3 × 3, cell in row 0, column 0")
    page.wait_for_timeout(1000)  # the playground would speak after 600 ms
    assert "No answer yet" not in announcer.inner_text()
    expect(announcer).to_have_text("Output of 3 × 3, cell in row 0, column 0")


def test_an_exhibit_that_was_left_is_not_heard(open_page):
    """What the service answers late to one exhibit is not announced in the next."""
    page, held = open_page("#lab/stride&lang=en"), []
    page.route("**/model/weights*", lambda route: held.append(route))
    with page.expect_request("**/model/weights*"):
        go(page, "convolution")
    go(page, "channels")
    page.locator(BOARD.format("result")).press("ArrowDown")
    said = text(page, '[data-role="equation"]')
    expect(page.locator("#announcer")).to_have_text(said)
    with page.expect_request_finished(lambda request: "weights" in request.url):
        held[0].continue_()
    page.wait_for_timeout(300)
    assert page.locator("#announcer").inner_text() == said


def test_a_lab_that_was_left_before_it_was_loaded_stays_away(open_page):
    """Who goes back before the lab is there keeps the playground, and its address."""
    page, held = open_page("#lang=en"), []
    page.route("**/lab/lab.js", lambda route: held.append(route))
    with page.expect_request("**/lab/lab.js"):
        page.locator('#views a[href="#lab"]').click()
    page.locator("#views a").first.click()
    page.locator("#playground").wait_for()
    with page.expect_request_finished(lambda request: "lab.css" in request.url):
        held[0].continue_()
    page.wait_for_timeout(600)
    assert page.locator(".exhibit").count() == 0
    assert "lab" not in page.evaluate("location.hash")


def test_sliders_by_mouse_finger_and_keyboard(page):
    """ReLU's y and the wiring's numbers: clicked, tapped, stepped."""
    for exhibit, slider, readout in [
        ("relu", "y", '[data-role="relu"]'),
        ("connections", "filters", '[data-role="full"]'),
    ]:
        go(page, exhibit)
        answered(page, exhibit)
        target = page.locator(f'[data-slider="{slider}"]')
        says_something_else(page, readout, lambda: point(page, target, 0.6, 0.5, finger=False))  # noqa: B023
        says_something_else(page, readout, lambda: point(page, target, 0.3, 0.5, finger=True))  # noqa: B023
        target.focus()
        says_something_else(page, readout, lambda: page.keyboard.press("ArrowRight"))


def test_the_wires_of_an_output(page):
    """Who is connected to whom: one output stands out, in all three drawings."""
    go(page, "connections")
    wires = page.locator('[data-wires="local"]')

    def stands_out(unit):
        said = [re.compile(f"^Output {unit} ")] * 3
        for node, label in zip(page.locator("[data-wires]").all(), said, strict=True):
            expect(node).to_have_attribute("aria-label", label)

    point(page, wires, 0.99, 0.2, finger=False)
    stands_out(6)
    point(page, wires, 0.01, 0.2, finger=True)
    stands_out(0)
    wires.press("ArrowRight")
    stands_out(1)


def test_a_digit_is_dragged(page):
    """The digit follows the pointer that holds it, and the answer is asked for anew."""
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


def test_the_kernel_and_the_colours_are_typed_over(page):
    """Any number can be replaced from the keyboard, and everything follows."""
    go(page, "kernels", row=9, column=12)
    answered(page, "kernels")
    middle = page.get_by_label("row 1, column 1")
    middle.focus()
    says_something_else(page, '[data-role="sum"]', lambda: page.keyboard.type("7"))
    assert page.locator(".presets [aria-pressed=true]").count() == 0
    page.locator('[data-kernel="identity"]').press("Enter")
    assert middle.input_value() == "1"
    go(page, "channels")
    page.get_by_label("Kernel, channel 2, row 1, column 1").evaluate(TYPED, "0")
    assert text(page, '[data-role="equation"]') == "308 − 331 + 164 + 1 = 142"
    page.get_by_label("patch, Channel 1, red, row 1, column 1").evaluate(TYPED, "56")
    page.get_by_label("bias").fill("-4")
    assert text(page, '[data-role="equation"]') == "208 − 331 + 164 − 4 = 37"


def test_the_kernel_plays_and_stops(page):
    """Nothing moves by itself; Play leads the kernel over the picture, Pause holds it."""
    go(page, "convolution")
    answered(page, "convolution")
    before = text(page, ".readout")
    page.wait_for_timeout(700)
    assert text(page, ".readout") == before
    says_something_else(page, ".readout", lambda: page.locator('[data-do="play"]').tap())
    page.locator('[data-do="play"]').press("Enter")
    assert text(page, '[data-do="play"]') == "Play"


def test_an_own_picture_is_filtered_in_colour(page, tmp_path):
    """An uploaded picture is filtered channel by channel; what is no picture is refused."""
    from PIL import Image

    Image.new("RGB", (40, 20), (250, 120, 30)).save(tmp_path / "orange.png")
    (tmp_path / "no.png").write_text("no picture")
    go(page, "kernels")
    answered(page, "kernels")
    page.locator('[data-kernel="identity"]').click()
    upload(page, tmp_path / "orange.png")
    filtered = page.get_by_role("img", name="Each channel filtered")
    filtered.wait_for()
    pixel = filtered.evaluate("(c) => [...c.getContext('2d').getImageData(9, 9, 1, 1).data]")
    assert pixel == [250, 120, 30, 255]
    assert page.locator(PICTURE).is_checked()
    upload(page, tmp_path / "no.png")
    alert = page.get_by_role("alert").get_by_text("no picture that the browser can read")
    alert.wait_for()
    upload(page, tmp_path / "orange.png")
    alert.wait_for(state="hidden")
    page.locator(f'label[for="{DIGIT[1:]}"]').click()
    filtered.wait_for(state="hidden")
    page.locator(f'label[for="{PICTURE[1:]}"]').click()
    filtered.wait_for()
    page.locator('[data-menu="language"]').click()
    page.locator('html[lang="ko"] .exhibit').get_by_role("img", name="채널마다 필터를").wait_for()


def test_an_own_picture_is_chosen_once_there_is_one(page):
    """Who cancels the dialog, or follows a link, sees the digit, and that it is the digit."""
    go(page, "kernels", source="picture")
    answered(page, "kernels")
    assert page.locator(DIGIT).is_checked()
    with page.expect_file_chooser():
        page.locator(f'label[for="{PICTURE[1:]}"]').click()
    assert page.locator(DIGIT).is_checked()


def upload(page, path):
    """Choose a file by the exhibit's button."""
    with page.expect_file_chooser() as chooser:
        page.locator('.exhibit [data-do="picture"]').click()
    chooser.value.set_files(path)


def test_what_is_typed_over_stays_and_goes_into_the_address(page, open_page):
    """The colour example's numbers outlive another language, and a link shows them to others."""
    go(page, "channels")
    page.get_by_label("Kernel, channel 2, row 1, column 1").evaluate(TYPED, "0")
    page.get_by_label("patch, Channel 1, red, row 1, column 1").evaluate(TYPED, "56")
    page.get_by_label("bias").fill("-4")
    page.locator('[data-menu="language"]').click()
    page.locator('html[lang="ko"] .exhibit').wait_for()
    assert text(page, '[data-role="equation"]') == "208 − 331 + 164 − 4 = 37"
    page.wait_for_function("() => /lang=ko/.test(location.hash) && /bias=-4/.test(location.hash)")
    other = open_page(page.evaluate("location.hash"))
    other.locator('[data-role="equation"]').wait_for()
    assert text(other, '[data-role="equation"]') == "208 − 331 + 164 − 4 = 37"


def test_a_drawing_goes_through_an_exhibit_and_is_cleared(page):
    """What is drawn with the finger is convolved; an empty sheet shows nothing of another digit."""
    go(page, "relu")
    page.get_by_text("Silenced, layer by layer").wait_for()
    page.locator('[data-desk="clear"]').tap()
    page.get_by_text("Silenced, layer by layer").wait_for(state="hidden")
    box = page.locator(".desk .paper").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 130, box["y"] + 50, steps=4)
    page.mouse.move(box["x"] + 70, box["y"] + 150, steps=4)
    page.mouse.up()
    page.get_by_text("Silenced, layer by layer").wait_for()
    page.wait_for_function("() => location.hash.includes('strokes=')")


def test_the_flow_plays_and_stops_where_it_is_pointed_at(page):
    """The digit flows; a tap stops it and says what is there; arrow keys move over everything."""
    go(page, "flow", position=0)
    page.get_by_text("93,322").wait_for()
    sheet = page.locator(".flow .sheet")
    page.locator('[data-do="play"]').tap()
    page.wait_for_function("() => document.querySelector('[data-slider=position]').value > 1")
    point(page, sheet, 0.5, 0.5, finger=True)
    page.locator(".exhibit .readout a").wait_for()
    stopped = page.locator('[data-slider="position"]').input_value()
    page.wait_for_timeout(300)
    assert page.locator('[data-slider="position"]').input_value() == stopped
    says_something_else(page, ".readout", lambda: point(page, sheet, 0.2, 0.5, finger=False))
    sheet.focus()
    says_something_else(page, ".readout", lambda: page.keyboard.press("ArrowLeft"))
    page.locator('[data-slider="position"]').press("Home")  # all of the way is left to play
    sheet.focus()
    page.keyboard.press("Space")
    assert text(page, '[data-do="play"]') == "Pause"


def test_a_mistake_is_opened_in_the_playground(page):
    """A cell of the confusion matrix shows its digits, by any hand; one leads to the playground."""
    go(page, "training")
    cells = page.locator("[data-confusion]")
    cells.first.wait_for()
    cells.nth(0).click()
    page.locator(".mistakes h3").wait_for()
    says_something_else(page, ".mistakes h3", cells.nth(1).tap)
    says_something_else(page, ".mistakes h3", lambda: cells.nth(2).press("Enter"))
    predicted = cells.nth(2).get_attribute("data-confusion").split("-")[1]
    page.locator(".mistakes a").first.tap()
    page.locator("#answer .label").wait_for()
    assert text_of_answer(page) == predicted


def text_of_answer(page):
    """What the playground answers."""
    return page.locator("#answer .label").inner_text()


def test_the_exhibits_are_reached_by_any_hand(page):
    """The list of exhibits: clicked, tapped, and with Enter."""
    links = page.locator(".exhibits a")
    links.nth(1).click()
    page.locator('[data-exhibit="kernels"]').wait_for()
    links.nth(2).tap()
    page.locator('[data-exhibit="channels"]').wait_for()
    links.nth(10).press("Enter")
    page.locator('[data-exhibit="model"]').wait_for()
    assert page.title() == "Model · ConvScope"
