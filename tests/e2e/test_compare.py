"""The comparison of two digits, of before and after a change, and of two models, in a browser."""

import io

import keras
import numpy as np
import pytest
import requests
from PIL import Image

from tests.conftest import ROOT
from tests.e2e.running import running
from training.export import compile_bundle

LAYERS = "#compare .layers button"
READY = f"{LAYERS} >> nth=0"
AMOUNTS = """() => Object.fromEntries([...document.querySelectorAll('#compare .layers button')]
    .map((button) => [button.querySelector('b').textContent,
        [...button.querySelectorAll('data')].map(({ value }) => Number(value))]))"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A service with the committed model and another one that takes the same digits."""
    folder = tmp_path_factory.mktemp("compared")
    (folder / "mnist").symlink_to(ROOT / "models" / "mnist")
    keras.utils.set_random_seed(7)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu", name="other"),
            layers.MaxPooling2D(name="less"),
            layers.Flatten(name="row"),
            layers.Dense(10, activation="softmax", name="classes"),
        ]
    )
    digits = np.random.default_rng(2).integers(0, 256, (20, 28, 28, 1), np.uint8)
    (folder / "small" / "1").mkdir(parents=True)
    compile_bundle(model, folder / "small" / "1", "small", 1, digits, digits[:2], {})
    with running(CONVSCOPE_MODELS_DIR=str(folder), CONVSCOPE_DEFAULT_MODEL="mnist") as (_, url):
        requests.post(f"{url}/predict?model=small", **npy(digits[0]))  # loads it
        yield url


def npy(digit):
    """Return the arguments of a request with a digit."""
    body = io.BytesIO()
    np.save(body, digit)
    return {"data": body.getvalue(), "headers": {"Content-Type": "application/x-npy"}}


def sample(index):
    """Return a sample of the page, uint8 (28, 28)."""
    sprite = np.asarray(Image.open(ROOT / "service" / "web" / "samples.png"))
    return sprite[28 * index : 28 * index + 28]


def activations(server, digit, model="mnist"):
    """Return every layer's values after the activation."""
    query = {"model": model, "layers": "all", "format": "npz"}
    response = requests.post(f"{server}/activations", params=query, **npy(digit))
    return dict(np.load(io.BytesIO(response.content)))


def compare(page, choice):
    """Open the comparison with a choice."""
    page.locator("#digit canvas").wait_for(state="attached")  # the page follows its address now
    page.evaluate("(choice) => { location.hash = `#compare&with=${choice}` }", choice)
    page.locator(READY).wait_for()


def test_a_digit_equals_itself(open_page):
    """Compared with itself, a digit has a difference of 0 in every layer and class."""
    page = open_page("#sample=4&lang=en")
    compare(page, "sample-4")
    amounts = page.evaluate(AMOUNTS)
    assert len(amounts) == 8
    assert all(amount == 0 for pair in amounts.values() for amount in pair)
    points = page.locator("#compare tbody td:last-child data")
    assert {point.get_attribute("value") for point in points.all()} == {"0"}
    page.get_by_text("Both sides have the same values in this layer.").wait_for()


def test_the_differences_of_two_samples_are_numpys(open_page, server, screenshot):
    """Largest and mean difference of each layer equal NumPy's; the layers are sorted by them."""
    page = open_page("#sample=0&lang=en")
    compare(page, "sample-3")
    one, other = activations(server, sample(0)), activations(server, sample(3))
    amounts = page.evaluate(AMOUNTS)
    for name, (largest, mean) in amounts.items():
        expected = np.abs(one[name] - other[name])
        assert largest == pytest.approx(float(expected.max()), rel=1e-4, abs=1e-6)
        assert mean == pytest.approx(float(expected.mean()), rel=1e-4, abs=1e-6)
    largest = [each for each, _ in amounts.values()]
    assert len(largest) == 8
    assert largest == sorted(largest, reverse=True)
    shown = [
        [float(each.get_attribute("value")) for each in row.locator("data").all()]
        for row in page.locator("#compare tbody tr").all()
    ]
    probabilities = np.stack([one["probabilities"][0], other["probabilities"][0]], axis=1)
    np.testing.assert_allclose(np.array(shown)[:, :2], probabilities, atol=1e-5)
    np.testing.assert_allclose(np.array(shown)[:, 2], probabilities @ [1, -1], atol=1e-5)
    screenshot(page, "compare-samples")


def test_a_silenced_filter_changes_nothing_before_it(open_page):
    """Before and after differ from the silenced layer on, there in that channel only."""
    page = open_page("#sample=0&layer=conv2d_1&channel=23&row=3&column=8&lang=en")
    page.locator(".tick").wait_for()
    page.locator('[data-tab="change"]').click()
    page.locator('[data-change="silence"]').click()
    page.locator("#what-if .comparison").wait_for()
    page.evaluate("location.hash = '#compare'")
    page.locator(READY).wait_for()
    assert page.locator("#compare-with").input_value() == "before"
    amounts = page.evaluate(AMOUNTS)
    assert amounts["conv2d"] == amounts["max_pooling2d"] == [0, 0]
    assert all(amounts[name][0] > 0 for name in ("conv2d_1", "max_pooling2d_1", "dense_1"))
    page.locator("#compare-layer-conv2d_1").click()
    page.get_by_role("button", name="Show all 64 channels").click()
    largest = page.locator("#compare .triples figcaption data")
    values = [float(each.get_attribute("value")) for each in largest.all()]
    assert page.locator("#compare .triples figcaption").first.inner_text().startswith("channel 23")
    assert len(values) == 64
    assert values[0] > 0
    assert set(values[1:]) == {0}


def test_two_models_are_compared_where_their_layers_have_the_same_shape(open_page, server):
    """The other model's values are the service's; layers of other shapes are left out."""
    page = open_page("#sample=0&lang=en")
    compare(page, "model-small-1")
    amounts = page.evaluate(AMOUNTS)
    one, other = activations(server, sample(0)), activations(server, sample(0)[..., None], "small")
    counterparts = {"conv2d": "other", "max_pooling2d": "less", "dense_1": "classes"}
    assert set(amounts) == set(counterparts)
    for name, counterpart in counterparts.items():
        expected = np.abs(one[name] - other[counterpart]).max()
        assert amounts[name][0] == pytest.approx(float(expected), rel=1e-4)
    assert all(largest > 0 for largest, _ in amounts.values())


def test_the_choice_is_in_the_address(open_page):
    """Another sample is compared at once, and the address holds the choice."""
    page = open_page("#sample=0&lang=en")
    compare(page, "sample-1")
    before = page.evaluate(AMOUNTS)
    page.locator("#compare-with").select_option("sample-5")
    page.wait_for_function("() => location.hash.includes('with=sample-5')")
    differs = f"(before) => JSON.stringify(({AMOUNTS})()) !== JSON.stringify(before)"
    page.wait_for_function(differs, arg=before)


@pytest.mark.parametrize(
    ("lang", "scheme", "phone"),
    [("en", "light", False), ("ko", "dark", False), ("ko", "light", True), ("en", "dark", True)],
)
def test_the_comparison_is_accessible_and_fits(open_page, axe, screenshot, lang, scheme, phone):
    """No violations, no sideways scrolling; on a desk the page itself does not scroll."""
    size = {} if phone else {"viewport": {"width": 1280, "height": 720}}
    page = open_page(f"#sample=0&lang={lang}", phone=phone, color_scheme=scheme, **size)
    compare(page, "sample-1")
    page.locator(LAYERS).nth(2).focus()
    page.keyboard.press("Enter")
    page.locator(f'{LAYERS}[aria-pressed="true"]:focus').wait_for()
    assert axe(page) == []
    scrolled = "(node) => [node.scrollWidth, node.scrollHeight]"
    width, height = page.locator(":root").evaluate(scrolled)
    assert width <= page.viewport_size["width"]
    assert phone or height <= 720
    screenshot(page, f"compare-{lang}-{scheme}-{'phone' if phone else 'desk'}")
