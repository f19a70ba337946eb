"""The playground in a real browser: links, embedding, saved values and copied commands."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.e2e.conftest import ARTEFACTS, RESTS
from tests.e2e.test_playground_inside import SEED, TICK


def test_a_link_restores_the_whole_state(open_page):
    """A copied address restores strokes, cell, stage, scale and language in a new page."""
    first = open_page()
    first.locator("#paper").focus()
    for key in ("Space", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown"):
        first.keyboard.press(key)
    first.locator("#answer .label").wait_for()
    first.locator('[data-menu="language"]').click()
    first.get_by_role("button", name="왜").click()
    first.wait_for_function("() => /&layer=.*&lang=ko/.test(location.hash)")
    link = first.evaluate("location.hash")
    assert "strokes=" in link
    second = open_page(link)
    second.locator(TICK).wait_for()
    second.evaluate(RESTS)
    second.locator(".equation[data-is-confirmed=true]").wait_for()
    assert second.evaluate("location.href") == first.evaluate("location.href")
    for selector in ("#inspector-title", "#answer", ".equation"):
        content = second.locator(selector).inner_text()
        expect(first.locator(selector)).to_have_text(content, use_inner_text=True)


def test_embedding_hides_the_head(open_page, screenshot):
    """embed=1 hides the head of the page and the offer of a tour."""
    page = open_page("?embed=1#sample=0&layer=conv2d&channel=3&row=5&column=12")
    page.locator(TICK).wait_for()
    assert not page.locator(".top").is_visible()
    assert not page.locator("#offer").is_visible()
    screenshot(page, "embedded")


def test_values_can_be_saved(open_page, tmp_path):
    """The PNG shows the view, the .npz has every layer, the curl command returns the same sum."""
    clipboard = ["clipboard-read", "clipboard-write"]
    page = open_page("#sample=0&layer=dense&channel=5", permissions=clipboard)
    page.locator(TICK).wait_for()
    share = open_share_dialog(page)
    with page.expect_download() as png:
        share("png")
    png.value.save_as(ARTEFACTS / "view.png")  # for a person to look at
    picture = np.asarray(Image.open(png.value.path()).convert("RGB"))
    assert picture[100:330, -200:].min() < 64  # the classes, at the right
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 500  # maps, links and legends
    with page.expect_download() as archive:
        share("npz")
    archive.value.save_as(tmp_path / "values.npz")
    assert {"conv2d", "dense_1", "probabilities"} <= set(np.load(tmp_path / "values.npz"))
    share("curl")
    total = page.locator('.equation [data-role="sum"]').get_attribute("value")
    explanation = run_copied_command(page)["explanation"]
    assert explanation["pre"] == pytest.approx(float(total), abs=1e-6)


@pytest.mark.parametrize("model", ["mnist", "tiny"])
def test_without_a_cell_the_command_requests_the_prediction(open_page, model):
    """The curl command requests the page's model, and returns its prediction."""
    clipboard = ["clipboard-read", "clipboard-write"]
    sheet = "sample=0" if model == "mnist" else f"random={SEED}"
    page = open_page(f"?model={model}#{sheet}", permissions=clipboard)
    page.locator("#answer .label").wait_for()
    open_share_dialog(page)("curl")
    response = run_copied_command(page)
    assert response["model"]["name"] == model
    label = page.locator("#answer .label").inner_text()
    assert str(response["predictions"][0]["label"]) == label


def run_copied_command(page) -> dict[str, Any]:
    """Run the command that the page has copied, and return the service's response."""
    page.get_by_text("Copied").wait_for()
    command = page.evaluate("navigator.clipboard.readText()")
    output = subprocess.check_output(["bash", "-c", f"{command} --silent"])  # noqa: S607
    response: dict[str, Any] = json.loads(output)
    return response


def open_share_dialog(page) -> Callable[[str], None]:
    """Open the dialog, and return a function that presses one of its buttons."""
    page.locator('[data-menu="share"]').click()
    return lambda name: page.locator(f'[data-share="{name}"]').click()
