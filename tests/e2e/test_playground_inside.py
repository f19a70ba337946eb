"""The playground in a real browser: the network's values and their explanations."""

import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
import requests
from numpy.typing import NDArray
from playwright.sync_api import expect

from service.model.bundle import Bundle
from service.model.layer import Layer
from tests.conftest import ROOT
from tests.e2e.conftest import RESTS

Cell = dict[str, Any]
SEED = 5
TICK = ".tick[data-agrees]"


def npy(array: NDArray[np.uint8]) -> dict[str, Any]:
    """Return the body and the headers of a request for a digit."""
    out = io.BytesIO()
    np.save(out, array)
    return {"data": out.getvalue(), "headers": {"Content-Type": "application/x-npy"}}


def random_cells(bundle: Bundle, count: int) -> Iterator[Cell]:
    """Yield cells of all layers in turn, the same in every run."""
    rng = np.random.default_rng(2)
    for i in range(count):
        layer: Layer = bundle.layers[i % len(bundle.layers)]
        *grid, channels = layer.output_shape
        place = {name: int(rng.integers(size)) for name, size in zip(("row", "column"), grid)}  # noqa: B905
        yield {"layer": layer.name, "channel": int(rng.integers(channels)), **place}


def link(cell: Cell, sheet: str = "sample=0", lang: str = "en") -> str:
    """Return the page's address of a cell."""
    return f"#{sheet}&{urlencode(cell)}&lang={lang}"


def go(page, cell: Cell, sheet: str) -> None:
    """Select a cell by its link, and wait until the service has explained it."""
    page.evaluate("(hash) => { location.hash = hash; }", link(cell, sheet))
    name = "/".join(map(str, cell.values()))
    page.wait_for_function(
        """(name) => {
            const { cell, isConfirmed } = document.querySelector('.equation')?.dataset ?? {};
            return cell === name && isConfirmed === 'true';
        }""",
        arg=name,
    )


@pytest.fixture(params=["mnist", "tiny"])
def served(request, mnist, mnist_bundle, tiny_bundle, open_page):
    """Open a model's page with a digit: (page, bundle, the pixels, the link's text for them)."""
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


def test_every_cell_adds_up_to_the_servers_value(served, server):
    """For 20 random cells of all layers the page has the value of /explain and /activations."""
    page, bundle, digit, sheet = served
    query = {"model": bundle.name, "layers": "all", "format": "npz"}
    values = {}
    for stage in ("pre", "post"):
        params = {**query, "stage": stage}
        response = requests.post(f"{server}/activations", params=params, **npy(digit))
        values[stage] = np.load(io.BytesIO(response.content))
    for cell in random_cells(bundle, 20):
        go(page, cell, sheet)
        tick = page.locator(TICK)
        assert tick.get_attribute("data-agrees") == "true", cell
        total = float(tick.get_attribute("data-sum"))
        post = float(page.locator('.equation [data-role="post"]').get_attribute("value"))
        params = {**cell, "model": bundle.name}
        response = requests.post(f"{server}/explain", params=params, **npy(digit))
        place = (0, *((cell["row"], cell["column"]) if "row" in cell else ()), cell["channel"])
        assert total == pytest.approx(response.json()["explanation"]["pre"], abs=1e-9), cell
        assert total == pytest.approx(values["pre"][f"{cell['layer']}/pre"][place], abs=1e-4), cell
        assert post == pytest.approx(values["post"][cell["layer"]][place], abs=1e-4), cell


def test_the_network_is_drawn_from_the_manifest(served, screenshot):
    """Each bundle's page has one column per layer, in order, with shape; parameters on hover."""
    page, bundle, _, _ = served
    page.locator("#answer .label").wait_for()
    names = page.locator(".column").evaluate_all("(all) => all.map((one) => one.dataset.layer)")
    assert names == ["digit", *(layer.name for layer in bundle.layers)]
    for layer in bundle.layers:
        column = page.locator(f'.column[data-layer="{layer.name}"] header')
        assert " × ".join(map(str, layer.output_shape)) in column.inner_text()
        if layer.parameters:
            assert column.locator(f'[title^="{layer.parameters:,} "]').count() == 1
    screenshot(page, f"network-{bundle.name}")


def test_links_lead_from_a_class_to_a_pixel_and_back(open_page, screenshot):
    """Links lead class → dense unit → cell → winner → patch → pixel, and Back reverses them."""
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

    follow(".terms .list button")  # the unit with the largest contribution
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
    """Arrows select a map, Enter moves to its cells, arrows move there; hovering shows values."""
    page = open_page("#sample=0")
    page.locator(TICK).wait_for()
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
    page.locator('.equation[data-cell^="conv2d/2/"]').wait_for()  # the layout is final
    digit = page.locator("#digit canvas")
    before_hover = digit.evaluate("(canvas) => canvas.toDataURL()")
    page.locator('[data-plane="focus"]').hover(position={"x": 24, "y": 24})
    expect(page.locator(".focus .readout")).to_contain_text("row 3, column 3 =")
    assert digit.evaluate("(canvas) => canvas.toDataURL()") != before_hover


def test_unread_rows_are_named(open_page):
    """Pooling 11 → 5 names the row and the column that no window reads."""
    page = open_page(link({"layer": "max_pooling2d_1", "channel": 3, "row": 4, "column": 4}))
    page.get_by_text("hatched in the picture: rows 10; columns 10.").wait_for()


@pytest.mark.parametrize("stage", ["post", "pre", "weights"])
@pytest.mark.parametrize("scale", ["layer", "map"])
def test_stage_and_scale_change_the_picture(open_page, screenshot, stage, scale):
    """Every combination is drawn, with numbers in its legends, and is in the link."""
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
def test_with_a_scale_per_map_the_legend_is_the_selected_maps(open_page, stage):
    """The legend ends at the largest magnitude of that map or filter, and the image changes."""
    page = open_page(f"#sample=3&stage={stage}&layer=conv2d&channel=5&row=1&column=1")
    page.locator(TICK).wait_for()
    column = page.locator('.column[data-layer="conv2d"]')
    column.locator(".legend").wait_for()
    before = column.locator("canvas").evaluate("(canvas) => canvas.toDataURL()")
    of_layer = column.locator(".legend span").last.inner_text()
    page.locator('label[for="view-scale-map"]').click()
    column.get_by_text("scale of channel 5").wait_for()
    assert column.locator("canvas").evaluate("(canvas) => canvas.toDataURL()") != before
    marks = column.locator(".legend span").all_inner_texts()
    assert float(marks[-1]) < float(of_layer)
    assert marks[0] == ("0" if stage == "post" else f"−{marks[-1]}")


def test_selecting_keeps_the_focus(open_page):
    """Selecting a term and listing all terms keep the focus in its place."""
    page = open_page("#sample=0&layer=conv2d_1&channel=12&row=3&column=4")
    page.locator(TICK).wait_for()
    focused = "document.activeElement.textContent"
    scroll_top = "document.querySelector('.terms .list').scrollTop"
    row = page.locator(".terms .list button").nth(14)
    row.focus()
    name, top = row.inner_text(), page.evaluate(scroll_top)
    page.keyboard.press("Enter")
    assert row.get_attribute("aria-pressed") == "true"
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    assert (row.inner_text(), page.evaluate(scroll_top)) == (name, top)
    assert top > 0
    go(page, {"layer": "dense", "channel": 5}, "sample=0")
    count = page.locator(".terms .list button").count()
    page.get_by_role("button", name="List all").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="List all").wait_for(state="detached")
    newest = page.locator(".terms .list button").nth(count)
    assert page.evaluate(focused) == newest.text_content()


def test_the_evidence_covers_the_digit(open_page, screenshot):
    """Occlusion map and gradient × input are drawn over the digit, with scale and meaning."""
    page = open_page("#sample=0")
    page.locator(TICK).wait_for()
    page.locator('[data-tab="evidence"]').click()
    page.get_by_text("How far the confidence in 7").wait_for()
    page.get_by_text("Each pixel times the slope of the logit of 7").wait_for()
    assert page.locator("#evidence .legend").count() == 2
    screenshot(page, "evidence")


def test_a_filter_shows_the_patches_with_the_strongest_response(open_page):
    """A convolution's cell shows patches of test digits, and a dense unit shows none."""
    page = open_page("#sample=0&layer=conv2d_2&channel=5&row=1&column=1")
    page.locator('[data-tab="examples"]').click()
    patches = page.locator(".patches .patch")
    patches.first.wait_for()
    assert patches.count() == 6
    assert "test digit" in patches.first.get_attribute("aria-label")
    page.locator('.column[data-layer="dense"] .sheet').press("Home")
    page.get_by_text("Only the filters of a convolution have examples.").wait_for()
