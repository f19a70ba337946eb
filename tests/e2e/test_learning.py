"""The view of the training: snapshots of the lecture's network, scrubbed in a real browser."""

import re

import numpy as np
import pytest
import requests
from PIL import Image
from playwright.sync_api import expect

from tests.conftest import ROOT
from tests.networks import values_of
from training.model import lecture_cnn
from training.snapshots import read_snapshots

PATH = "/model/snapshots"
FILE = ROOT / "models" / "mnist" / "1" / "snapshots.safetensors"
MAX_BYTES = 2_000_000
SLIDER = "#learning input[type=range]"
LABEL = "#learning .label"
SAMPLE = 7  # the class of the first sample


def probabilities(page):
    """Return the probabilities that the view shows."""
    return page.locator("#learning .classes data").evaluate_all("all => all.map((d) => +d.value)")


def test_the_route_sends_the_bundles_file(server):
    """The response is the file, and is not sent again; a bundle without one gives a 404."""
    response = requests.get(server + PATH, timeout=5)
    assert response.headers["Content-Type"] == "application/x-safetensors"
    assert response.content == FILE.read_bytes()
    assert len(response.content) <= MAX_BYTES
    headers = {"If-None-Match": response.headers["ETag"]}
    assert requests.get(server + PATH, headers=headers, timeout=5).status_code == 304

    missing = requests.get(f"{server}{PATH}?model=tiny", timeout=5)
    assert missing.status_code == 404
    assert missing.json()["type"] == "urn:convscope:problem:not-in-bundle"
    assert "has no file snapshots.safetensors" in missing.json()["detail"]


def test_the_snapshots_are_loaded_when_the_view_is_opened(open_page):
    """The playground requests no snapshots, the view does so once, however often it is opened."""
    page = open_page()
    requested = []
    page.on("request", lambda request: PATH in request.url and requested.append(request.url))
    page.wait_for_load_state("networkidle")
    assert requested == []
    for _ in range(2):
        page.click("#views a[href^='#learning']")
        page.locator(SLIDER).wait_for()
        page.click("#views a:first-child")
        expect(page.locator("#playground")).to_be_visible()
    assert len(requested) == 1


def test_the_answer_goes_from_chance_to_right(open_page):
    """At first all classes are about equally probable; the last snapshot knows the sample."""
    page = open_page("#learning")
    first = probabilities(page)
    assert len(first) == 10
    assert 0.05 < min(first) < max(first) < 0.2
    assert sum(first) == pytest.approx(1, abs=1e-5)
    expect(page.locator("#learning .readout")).to_contain_text("Step 0")

    page.locator(SLIDER).fill("9")
    expect(page.locator(LABEL)).to_have_text(str(SAMPLE))
    assert probabilities(page)[SAMPLE] > 0.9
    expect(page.locator("#learning .readout")).to_contain_text("Step 9,375 · 300,000 digits seen")
    expect(page.locator(".changed .first")).to_have_count(1)
    page.wait_for_function("() => location.hash.includes('step=9375')")


def test_the_digit_is_that_of_the_playground(open_page):
    """A sample chosen in the playground is the one that the snapshots read."""
    page = open_page("#sample=1")
    page.locator("#answer .label").wait_for()
    label = page.locator("#answer .label").inner_text()
    page.evaluate("location.hash = 'learning&step=9375'")
    expect(page.locator(LABEL)).to_have_text(label)
    assert label != str(SAMPLE)


def test_the_pages_values_are_those_of_keras(open_page):
    """For the weights of the last snapshot, every value in the page is within 1e-4 of Keras's."""
    page = open_page("#learning")
    sample = np.asarray(Image.open(ROOT / "service" / "web" / "samples.png"))[:28]
    computed = page.evaluate(
        """async ([path, pixels]) => {
            const [{ Snapshots }, { layersOf }, { Network }] = await Promise.all([
                '/web/learning/snapshots.js', '/web/compute/local.js', '/web/models/network.js',
            ].map((module) => import(module)));
            const manifest = await (await fetch('/model')).json();
            const buffer = await (await fetch(path)).arrayBuffer();
            const snapshots = new Snapshots(buffer, layersOf(new Network(manifest)));
            const network = snapshots.network(snapshots.entries.length - 1);
            const values = network.run(Float32Array.from(pixels, (byte) => byte / 255));
            for (const name of Object.keys(values)) values[name] = [...values[name]];
            return values;
        }""",
        [PATH, sample.ravel().tolist()],
    )
    model = lecture_cnn()
    tensors = read_snapshots(FILE)[1]
    names = [f"{layer.name}/{weight.name}" for layer in model.layers for weight in layer.weights]
    model.set_weights([tensors[name][-1].astype(np.float32) for name in names])
    expected = values_of(model, sample[np.newaxis, ..., np.newaxis])
    for layer, values in zip(model.layers, expected, strict=True):
        np.testing.assert_allclose(computed[layer.name], values.ravel(), atol=1e-4)


def test_the_keyboard_scrubs_and_plays(open_page):
    """Arrow keys move the slider; Space plays until the end, and pauses."""
    page = open_page("#learning&step=3750")
    slider, button = page.locator(SLIDER), page.locator("#learning button")
    expect(slider).to_have_value("7")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^Step 1,875, 60,000 digits"))
    page.keyboard.press("End")
    expect(slider).to_have_value("9")
    page.keyboard.press("ArrowLeft")
    button.focus()
    page.keyboard.press("Space")
    expect(button).to_have_text("Pause")
    expect(slider).to_have_value("9")
    expect(button).to_have_text("Play")
    expect(page.locator("#announcer")).to_contain_text("Step 9,375")
    page.keyboard.press("Space")
    expect(slider).to_have_value("0")
    page.keyboard.press("Space")
    expect(button).to_have_text("Play")


@pytest.mark.parametrize(
    ("lang", "phone", "scheme"),
    [
        ("en", False, "light"),
        ("ko", True, "dark"),
        pytest.param("en", True, "dark", marks=pytest.mark.slow),
        pytest.param("ko", False, "light", marks=pytest.mark.slow),
    ],
)
def test_the_view_is_accessible(open_page, axe, screenshot, lang, phone, scheme):
    """Axe finds no violation, all texts are in the language, and nothing exceeds the screen."""
    page = open_page(f"#learning&step=50&lang={lang}", phone=phone, color_scheme=scheme)
    page.locator(SLIDER).wait_for()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    content = page.locator("#learning").inner_text()
    assert any("가" <= letter <= "힣" for letter in content) == (lang == "ko")
    screenshot(page, f"learning-{lang}-{scheme}-{'phone' if phone else 'desk'}")


def test_a_model_that_was_not_recorded_says_so(open_page):
    """Without snapshots in the bundle the view has a sentence, and requests nothing."""
    page = open_page("?model=tiny#learning")
    expect(page.locator("#learning")).to_contain_text("This model’s training was not recorded.")
    expect(page.locator(SLIDER)).to_have_count(0)
