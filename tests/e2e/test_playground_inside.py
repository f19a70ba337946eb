"""The playground in a real browser: looking inside the network, and asking why."""

import io
import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
import requests
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import expect

from service.model.bundle import Bundle, Layer
from tests.conftest import ROOT
from tests.e2e.conftest import ARTEFACTS, RESTS

Cell = dict[str, Any]
SEED = 5
TICK = ".tick[data-agrees]"


def npy(array: NDArray[np.uint8]) -> dict[str, Any]:
    """A digit as a request's body."""
    out = io.BytesIO()
    np.save(out, array)
    return {"data": out.getvalue(), "headers": {"Content-Type": "application/x-npy"}}


def random_cells(bundle: Bundle, count: int) -> Iterator[Cell]:
    """Cells of all layers in turn, the same at every run."""
    rng = np.random.default_rng(2)
    for i in range(count):
        layer: Layer = bundle.layers[i % len(bundle.layers)]
        *grid, channels = layer.output_shape
        place = {name: int(rng.integers(size)) for name, size in zip(("row", "column"), grid)}  # noqa: B905
        yield {"layer": layer.name, "channel": int(rng.integers(channels)), **place}


def link(cell: Cell, sheet: str = "sample=0", lang: str = "en") -> str:
    """The page's address of a cell."""
    return f"#{sheet}&{urlencode(cell)}&lang={lang}"


def go(page, cell: Cell, sheet: str) -> None:
    """Select a cell by its link, and wait until it is explained."""
    page.evaluate("(hash) => { location.hash = hash; }", link(cell, sheet))
    name = "/".join(map(str, cell.values()))
    page.wait_for_function(
        "(name) => document.querySelector('.equation').dataset.cell === name", arg=name
    )


@pytest.fixture(params=["mnist", "tiny"])
def served(request, mnist, mnist_bundle, tiny_bundle, open_page):
    """A model's page with a digit on it: (page, bundle, the pixels, how a link names them)."""
    if request.param == "mnist":
        index = json.loads((ROOT / "service" / "web" / "samples.json").read_text())["test_index"][0]
        yield open_page("#sample=0"), mnist_bundle, mnist.test_images[index][..., None], "sample=0"
        return
    page = open_page(f"?model=tiny#random={SEED}")
    pixels = page.evaluate(
        """async (seed) => {
            const { randomDigit } = await import('/web/models/pixels.js');
            return [...randomDigit({ height: 12, width: 10, channels: 3 }, seed).pixels];
        }""",
        SEED,
    )
    digit = np.array(pixels, np.uint8).reshape(12, 10, 3)
    yield page, tiny_bundle, digit, f"random={SEED}"


def test_every_cell_adds_up_to_what_the_server_says(served, server):
    """For 50 random cells over all layers the page's sum is /explain's and /activations' value."""
    page, bundle, digit, sheet = served
    query = {"model": bundle.name, "layers": "all", "format": "npz"}
    values = {}
    for stage in ("pre", "post"):
        params = {**query, "stage": stage}
        answer = requests.post(f"{server}/activations", params=params, **npy(digit))
        values[stage] = np.load(io.BytesIO(answer.content))
    for cell in random_cells(bundle, 50):
        go(page, cell, sheet)
        tick = page.locator(TICK)
        assert tick.get_attribute("data-agrees") == "true", cell
        shown = float(tick.get_attribute("data-sum"))
        post = float(page.locator('.equation [data-role="post"]').get_attribute("value"))
        params = {**cell, "model": bundle.name}
        told = requests.post(f"{server}/explain", params=params, **npy(digit)).json()["explanation"]
        place = (0, *((cell["row"], cell["column"]) if "row" in cell else ()), cell["channel"])
        assert shown == pytest.approx(told["pre"], abs=1e-9), cell
        assert shown == pytest.approx(values["pre"][f"{cell['layer']}/pre"][place], abs=1e-4), cell
        assert post == pytest.approx(values["post"][cell["layer"]][place], abs=1e-4), cell


def test_the_network_is_drawn_from_the_manifest(served, screenshot):
    """Whatever the bundle, there is a column a layer, in order, with shape and parameters."""
    page, bundle, _, _ = served
    page.locator("#answer .label").wait_for()
    names = page.locator(".column").evaluate_all("(all) => all.map((one) => one.dataset.layer)")
    assert names == ["digit", *(layer.name for layer in bundle.layers)]
    for layer in bundle.layers:
        column = page.locator(f'.column[data-layer="{layer.name}"]').inner_text()
        assert " × ".join(map(str, layer.output_shape)) in column
        if layer.parameters:
            assert f"{layer.parameters:,}" in column
    screenshot(page, f"network-{bundle.name}")


def test_from_the_class_back_to_the_pixels_and_back_again(open_page, screenshot):
    """Links lead class → dense unit → cell → winner → patch → pixel, and Back leads back."""
    page = open_page("#sample=0")
    page.get_by_role("button", name="Why 7?").click()
    title = page.locator("#inspector-title")
    steps = [title.inner_text()]

    page.locator(TICK).wait_for()

    def follow(selector: str) -> None:
        explained = page.locator(".equation").get_attribute("data-cell")
        page.locator(selector).first.click()
        page.wait_for_function(  # the explanation follows the title
            "(before) => document.querySelector('.equation').dataset.cell !== before",
            arg=explained,
        )
        assert title.inner_text() != steps[-1]
        steps.append(title.inner_text())

    follow(".terms .list button")  # the unit that decided
    assert steps[-1].startswith("dense, unit")
    follow(".terms .list button")
    assert steps[-1].startswith("conv2d_2, channel")
    follow(".terms .grid button")
    assert steps[-1].startswith("max_pooling2d_1")
    screenshot(page, "pooling-winner")
    follow('[data-action="follow"]')
    assert steps[-1].startswith("conv2d_1")
    follow(".terms .grid button")
    follow('[data-action="follow"]')
    assert steps[-1].startswith("conv2d,")
    follow(".terms .grid button")
    assert steps[-1].startswith("pixel in row")
    screenshot(page, "trail-to-a-pixel")
    for expected in reversed(steps[:-1]):
        page.locator('[data-action="back"]').click()
        assert title.inner_text() == expected


def test_cells_are_reached_by_keyboard_and_pointer(open_page):
    """Arrows choose a map, Enter goes in, arrows move over cells; pointing tells their value."""
    page = open_page("#sample=0")
    page.locator("#answer .label").wait_for()
    page.locator('.column[data-layer="conv2d"] .sheet').focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.dataset.plane === 'focus'")
    before = page.locator("#inspector-title").inner_text()
    assert before.startswith("conv2d, channel 1,")
    page.keyboard.press("ArrowLeft")
    after = page.locator("#inspector-title").inner_text()
    assert after.split(", row")[0] == before.split(", row")[0]
    assert after != before
    page.keyboard.press("PageDown")
    assert page.locator("#inspector-title").inner_text().startswith("conv2d, channel 2,")
    page.locator('.equation[data-cell^="conv2d/2/"]').wait_for()  # moves nothing any more
    digit = page.locator("#digit canvas")
    lit = digit.evaluate("(canvas) => canvas.toDataURL()")
    page.locator('[data-plane="focus"]').hover(position={"x": 24, "y": 24})
    expect(page.locator(".focus .readout")).to_contain_text("row 2, column 2 =")
    assert digit.evaluate("(canvas) => canvas.toDataURL()") != lit


def test_dropped_rows_are_told(open_page):
    """11 → 5 by pooling: the row and column that no window reaches are named."""
    page = open_page(link({"layer": "max_pooling2d_1", "channel": 3, "row": 4, "column": 4}))
    page.get_by_text("Dropped, hatched in the picture: rows 10; columns 10.").wait_for()


@pytest.mark.parametrize("stage", ["post", "pre", "weights"])
@pytest.mark.parametrize("scale", ["layer", "map"])
def test_stage_and_scale_change_the_picture(open_page, screenshot, stage, scale):
    """Every combination draws, with numbers in its legends, and is in the link."""
    page = open_page("#sample=3")
    page.locator("#answer .label").wait_for()
    page.locator(f'label[for="view-stage-{stage}"]').click()
    page.locator(f'label[for="view-scale-{scale}"]').click()
    page.locator('.column[data-layer="conv2d"] .legend').wait_for()
    page.evaluate(RESTS)
    link = page.evaluate("location.hash")
    assert (f"stage={stage}" in link) == (stage != "post")
    assert (f"scale={scale}" in link) == (scale != "layer")
    legend = page.locator('.column[data-layer="conv2d"] footer').inner_text()
    assert any(digit in legend for digit in "123456789")
    assert ("−" in legend) == (stage != "post")
    assert ("scale of channel 0" in legend) == (scale == "map")
    screenshot(page, f"stage-{stage}-{scale}")


@pytest.mark.parametrize("stage", ["post", "pre", "weights"])
def test_with_a_scale_a_map_the_legend_is_the_selected_map_s(open_page, stage):
    """Its numbers end at that map's, or filter's, largest magnitude, and the picture changes."""
    page = open_page(f"#sample=3&stage={stage}&layer=conv2d&channel=5&row=1&column=1")
    page.locator(TICK).wait_for()
    column = page.locator('.column[data-layer="conv2d"]')
    column.locator(".legend").wait_for()
    before = column.locator("canvas").evaluate("(canvas) => canvas.toDataURL()")
    of_layer = column.locator(".marks span").last.inner_text()
    page.locator('label[for="view-scale-map"]').click()
    column.get_by_text("scale of channel 5").wait_for()
    assert column.locator("canvas").evaluate("(canvas) => canvas.toDataURL()") != before
    marks = column.locator(".marks span").all_inner_texts()
    assert float(marks[-1]) < float(of_layer)
    assert marks[0] == ("0" if stage == "post" else f"−{marks[-1]}")


def test_choosing_and_closing_keeps_the_focus(open_page):
    """A term that is chosen, a list that grows and a closed cell leave the focus where it was."""
    page = open_page("#sample=0&layer=conv2d_1&channel=12&row=3&column=4")
    page.locator(TICK).wait_for()
    focused = "document.activeElement.textContent"
    scrolled = "document.querySelector('.terms .list').scrollTop"
    row = page.locator(".terms .list button").nth(14)
    row.focus()
    name, top = row.inner_text(), page.evaluate(scrolled)
    page.keyboard.press("Enter")
    assert row.get_attribute("aria-pressed") == "true"
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    assert (row.inner_text(), page.evaluate(scrolled)) == (name, top)
    assert top > 0
    go(page, {"layer": "dense", "channel": 5}, "sample=0")
    count = page.locator(".terms .list button").count()
    page.get_by_role("button", name="List all").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="List all").wait_for(state="detached")
    newest = page.locator(".terms .list button").nth(count)
    assert page.evaluate(focused) == newest.text_content()
    page.get_by_role("button", name="Clear selection").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "inspector-title"


def test_evidence_lies_over_the_digit(open_page, screenshot):
    """The occlusion map is drawn over the digit, with its scale and what it means."""
    page = open_page("#sample=0")
    page.locator("#evidence button").click()
    page.get_by_text("Percentage points that the confidence in “7”").wait_for()
    assert len(page.locator("#evidence .marks span").all_inner_texts()) == 3
    screenshot(page, "evidence")


def test_a_link_brings_everything_back(open_page):
    """Strokes, cell, stage, scale and language of a copied address are there in a new page."""
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
    assert second.evaluate("location.href") == first.evaluate("location.href")
    for selector in ("#inspector-title", "#answer", ".equation"):
        told = second.locator(selector).inner_text()
        expect(first.locator(selector)).to_have_text(told, use_inner_text=True)


def test_embedding_hides_the_frame(open_page, screenshot):
    """embed=1 leaves out the head and the offer of a tour."""
    page = open_page("?embed=1#sample=0&layer=conv2d&channel=3&row=5&column=12")
    page.locator(TICK).wait_for()
    assert not page.locator(".top").is_visible()
    assert not page.locator("#offer").is_visible()
    screenshot(page, "embedded")


def test_values_leave_the_page(open_page, tmp_path):
    """The PNG is a picture, the .npz holds every layer, the curl command gives the same answer."""
    clipboard = ["clipboard-read", "clipboard-write"]
    page = open_page("#sample=0&layer=dense&channel=5", permissions=clipboard)
    page.locator(TICK).wait_for()
    save = share_opener(page)
    with page.expect_download() as png:
        save("png")
    png.value.save_as(ARTEFACTS / "view.png")  # to be looked at
    picture = np.asarray(Image.open(png.value.path()).convert("RGB"))
    assert picture[100:330, -200:].min() < 64  # the classes, at the right
    assert len(np.unique(picture[-72], axis=0)) > 50  # the lowest legend's colours
    with page.expect_download() as archive:
        save("npz")
    archive.value.save_as(tmp_path / "values.npz")
    assert {"conv2d", "dense_1", "probabilities"} <= set(np.load(tmp_path / "values.npz"))
    save("curl")
    page.get_by_text("Copied").wait_for()
    command = page.evaluate("navigator.clipboard.readText()")
    told = json.loads(subprocess.check_output(["bash", "-c", f"{command} --silent"]))  # noqa: S607
    sum_shown = page.locator('.equation [data-role="sum"]').get_attribute("value")
    assert told["explanation"]["pre"] == pytest.approx(float(sum_shown), abs=1e-6)


@pytest.mark.parametrize("model", ["mnist", "tiny"])
def test_without_a_cell_the_command_asks_for_the_prediction(open_page, model):
    """The curl command asks the model that is on the page, and gets its answer."""
    clipboard = ["clipboard-read", "clipboard-write"]
    sheet = "sample=0" if model == "mnist" else f"random={SEED}"
    page = open_page(f"?model={model}#{sheet}", permissions=clipboard)
    page.locator("#answer .label").wait_for()
    share_opener(page)("curl")
    page.get_by_text("Copied").wait_for()
    command = page.evaluate("navigator.clipboard.readText()")
    told = json.loads(subprocess.check_output(["bash", "-c", f"{command} --silent"]))  # noqa: S607
    assert told["model"]["name"] == model
    label = page.locator("#answer .label").inner_text()
    assert str(told["predictions"][0]["label"]) == label


def share_opener(page) -> Callable[[str], None]:
    """Opens the dialog once; then presses its buttons."""
    page.locator('[data-menu="share"]').click()
    return lambda name: page.locator(f'[data-share="{name}"]').click()


def test_a_filter_shows_what_fires_it_most(open_page):
    """Under a convolution's cell stand pieces of real test digits; under a dense unit none do."""
    page = open_page("#sample=0&layer=conv2d_2&channel=5&row=1&column=1")
    pieces = page.locator(".patches .patch")
    pieces.first.wait_for()
    assert pieces.count() == 6
    assert "test digit" in pieces.first.get_attribute("aria-label")
    open_page("#sample=0&layer=dense&channel=5").locator(".patches").wait_for(state="hidden")
