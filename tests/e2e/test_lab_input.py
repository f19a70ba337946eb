"""The lab in a real browser: edited numbers, uploaded images and drawings."""

import pytest
from PIL import Image

from tests.e2e.lab_page import changes_text, go, text, wait_until_loaded

DIGIT, PICTURE = "#lab-kernel-source-digit", "#lab-kernel-source-picture"

TYPED = "(input, value) => { input.value = value; input.dispatchEvent(new Event('input')); }"


@pytest.fixture
def page(open_page):
    """Open the lab on a phone that has a mouse and a keyboard too."""
    return open_page("#lab&lang=en", phone=True)


def test_kernel_and_colours_can_be_edited(page):
    """Any number can be replaced by the keyboard, and the sums change with it."""
    go(page, "kernels", row=9, column=12)
    wait_until_loaded(page, "kernels")
    middle = page.get_by_label("row 1, column 1")
    middle.focus()
    changes_text(page, '[data-role="sum"]', lambda: page.keyboard.type("7"))
    assert page.locator(".presets [aria-pressed=true]").count() == 0
    page.locator('[data-kernel="identity"]').press("Enter")
    assert middle.input_value() == "1"
    go(page, "channels")
    page.get_by_label("Kernel, channel 2, row 1, column 1").evaluate(TYPED, "0")
    assert text(page, '[data-role="equation"]') == "308 − 331 + 164 + 1 = 142"
    page.get_by_label("Patch, Channel 1, red, row 1, column 1").evaluate(TYPED, "56")
    page.get_by_label("Bias").fill("-4")
    assert text(page, '[data-role="equation"]') == "208 − 331 + 164 − 4 = 37"


def test_edited_numbers_are_in_the_address(page, open_page):
    """The colour example's numbers survive a change of language, and a link contains them."""
    go(page, "channels")
    page.get_by_label("Kernel, channel 2, row 1, column 1").evaluate(TYPED, "0")
    page.get_by_label("Patch, Channel 1, red, row 1, column 1").evaluate(TYPED, "56")
    page.get_by_label("Bias").fill("-4")
    page.locator('[data-menu="language"]').click()
    page.locator('html[lang="ko"] .exhibit').wait_for()
    assert text(page, '[data-role="equation"]') == "208 − 331 + 164 − 4 = 37"
    page.wait_for_function("() => /lang=ko/.test(location.hash) && /bias=-4/.test(location.hash)")
    other = open_page(page.evaluate("location.hash"))
    other.locator('[data-role="equation"]').wait_for()
    assert text(other, '[data-role="equation"]') == "208 − 331 + 164 − 4 = 37"


def test_an_uploaded_image_is_filtered_in_colour(page, tmp_path):
    """An image is filtered channel by channel; a file that is no image shows a warning."""
    Image.new("RGB", (40, 20), (250, 120, 30)).save(tmp_path / "orange.png")
    (tmp_path / "no.png").write_text("no picture")
    go(page, "kernels")
    wait_until_loaded(page, "kernels")
    page.locator('[data-kernel="identity"]').click()
    upload(page, tmp_path / "orange.png")
    filtered = page.get_by_role("img", name="All three channels filtered")
    filtered.wait_for()
    pixel = filtered.evaluate("(c) => [...c.getContext('2d').getImageData(9, 9, 1, 1).data]")
    assert pixel == [250, 120, 30, 255]
    assert page.locator(PICTURE).is_checked()
    upload(page, tmp_path / "no.png")
    alert = page.get_by_role("alert").get_by_text("cannot open this file as an image")
    alert.wait_for()
    upload(page, tmp_path / "orange.png")
    alert.wait_for(state="hidden")
    page.locator(f'label[for="{DIGIT[1:]}"]').click()
    filtered.wait_for(state="hidden")
    page.locator(f'label[for="{PICTURE[1:]}"]').click()
    filtered.wait_for()
    page.locator('[data-menu="language"]').click()
    page.locator('html[lang="ko"] .exhibit').get_by_role("img", name="세 채널에 필터").wait_for()


def test_a_photograph_can_be_filtered_without_an_upload(page):
    """The lab's own photograph is shown in colour and filtered, from a click and from a link."""
    go(page, "kernels")
    wait_until_loaded(page, "kernels")
    page.locator('label[for="lab-kernel-source-photo"]').click()
    filtered = page.get_by_role("img", name="All three channels filtered")
    filtered.wait_for()
    size = page.get_by_role("img", name="Original").bounding_box()
    assert size["width"] == size["height"] > 200
    page.get_by_text("Stéfan van der Walt").wait_for()
    page.wait_for_function("() => location.hash.includes('source=photo')")
    go(page, "stride")
    go(page, "kernels", source="photo")
    filtered.wait_for()
    page.locator(f'label[for="{DIGIT[1:]}"]').click()
    filtered.wait_for(state="hidden")


def test_without_an_uploaded_image_the_digit_is_selected(page):
    """The digit stays selected after a link to an image, and after the dialog is cancelled."""
    go(page, "kernels", source="picture")
    wait_until_loaded(page, "kernels")
    assert page.locator(DIGIT).is_checked()
    with page.expect_file_chooser():
        page.locator(f'label[for="{PICTURE[1:]}"]').click()
    assert page.locator(DIGIT).is_checked()


def upload(page, path):
    """Upload a file with the exhibit's button."""
    with page.expect_file_chooser() as chooser:
        page.locator('.exhibit [data-do="picture"]').click()
    chooser.value.set_files(path)


def test_an_exhibit_shows_a_drawing(page):
    """A drawing fills the exhibit with its values; an empty sheet hides them."""
    go(page, "relu")
    page.get_by_text("Values set to 0, by layer").wait_for()
    page.locator('[data-desk="clear"]').tap()
    page.get_by_text("Values set to 0, by layer").wait_for(state="hidden")
    box = page.locator(".desk .paper").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 130, box["y"] + 50, steps=4)
    page.mouse.move(box["x"] + 70, box["y"] + 150, steps=4)
    page.mouse.up()
    page.get_by_text("Values set to 0, by layer").wait_for()
    page.wait_for_function("() => location.hash.includes('strokes=')")
