"""What if: changes to the network and the digit, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import RESTS

PROBABILITIES = """() => [...document.querySelectorAll('.classes button')]
    .map((row) => Number(row.querySelector('data').value))"""
LINK = "#sample=0&layer=conv2d_1&channel=5&row=4&column=4&lang=en"


@pytest.fixture
def page(open_page):
    """The page with a cell of a convolution selected, and the tab of changes open."""
    page = open_page(LINK)
    page.locator('[data-tab="change"]').click()
    page.locator('[data-change="silence"]').wait_for()
    return page


def probabilities(page) -> list[float]:
    """Return the probabilities that the page shows."""
    page.evaluate(RESTS)
    return page.evaluate(PROBABILITIES)


def test_a_silenced_channel_changes_the_answer_until_it_is_undone(page, axe, screenshot):
    """All later values change at once, both answers are named, and undo restores the first."""
    before = probabilities(page)
    page.locator('[data-change="silence"]').click()
    expect(page.locator("#what-if .comparison")).to_contain_text("Before: 7")
    silenced = probabilities(page)
    assert silenced != before
    assert axe(page) == []
    screenshot(page, "what-if")
    page.get_by_role("button", name="Undo", exact=True).last.click()
    expect(page.locator("#what-if .comparison")).to_have_count(0)
    assert probabilities(page) == before


@pytest.mark.parametrize("kind", ["scale", "bias", "weight"])
def test_numbers_of_the_network_can_be_edited(page, kind):
    """A scaled layer, another bias and another weight change the answer; one undo is for all."""
    before = probabilities(page)
    control = page.locator(f'[data-change="{kind}"]').first
    if kind == "scale":
        control.focus()
        page.keyboard.press("End")
    else:
        control.fill("3")
        control.press("Enter")
    expect(page.locator("#what-if .changes li")).to_have_count(1)
    page.locator("#what-if .comparison").wait_for()  # once the weights are loaded
    assert probabilities(page) != before
    page.locator('[data-action="undo-all"]').click()
    expect(page.locator("#what-if .comparison")).to_have_count(0)
    assert probabilities(page) == before


def test_a_pixel_can_be_edited(page):
    """A selected pixel gets another intensity, which all values follow."""
    page.locator('.column[data-layer="digit"] .sheet').click()
    before = probabilities(page)
    slider = page.locator('[data-change="pixel"]')
    slider.focus()
    page.keyboard.press("End" if slider.input_value() == "0" else "Home")
    expect(page.locator("#what-if .changes li")).to_contain_text("Pixels changed: 1")
    assert probabilities(page) != before


def test_the_smallest_change_gives_the_wanted_class(page, axe, screenshot):
    """The pixels found are changed and counted, the answer is the wanted class."""
    page.locator('[data-tab="evidence"]').click()
    page.locator("#evidence select").select_option(label="3")
    page.locator('[data-action="smallest"]').click()
    expect(page.locator("#answer .label")).to_have_text("3")
    expect(page.locator("#evidence [role=status]")).to_contain_text("pixels")
    page.evaluate(RESTS)
    assert axe(page) == []
    screenshot(page, "smallest-change")
    page.locator('[data-tab="change"]').click()
    page.locator('[data-action="undo-all"]').click()
    expect(page.locator("#answer .label")).to_have_text("7")


def test_changed_pixels_belong_to_their_digit(page):
    """Another digit drops the changed pixels and keeps the changes to the network."""
    page.locator('[data-change="silence"]').click()
    page.locator('.column[data-layer="digit"] .sheet').click()
    slider = page.locator('[data-change="pixel"]')
    slider.focus()
    page.keyboard.press("End" if slider.input_value() == "0" else "Home")
    rows = page.locator("#what-if .changes li")
    expect(rows).to_have_count(2)
    page.locator('[data-tool="sample"]').click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("conv2d_1: channel 5 silenced")
