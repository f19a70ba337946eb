"""The lab's numbers in a real browser equal those of SciPy, of Keras, or of the service."""

import base64
import io
import json

import numpy as np
import pytest
import requests
from scipy import ndimage, signal

from tests.e2e.lab_page import go, text
from tests.oracles import conv_output_size

AGREES = """([selector, value]) => {
    const number = document.querySelector(`.exhibit ${selector}`);
    return number && Math.abs(Number(number.value) - value) < 1e-5;
}"""


def wait_for_number(page, selector, value):
    """Wait until a number of the exhibit equals a value to 1e-5."""
    page.wait_for_function(AGREES, arg=[selector, float(value)])


def link_text(pixels):
    """Encode a digit, uint8 (28, 28), as in a link."""
    return base64.urlsafe_b64encode(pixels.tobytes()).decode().rstrip("=")


def layer_values(server, pixels, **query):
    """Return the service's maps of one layer for a digit, float32 (H, W, C)."""
    out = io.BytesIO()
    np.save(out, pixels[None, ..., None])
    response = requests.post(
        f"{server}/activations",
        params={**query, "format": "npz"},
        data=out.getvalue(),
        headers={"Content-Type": "application/x-npy"},
    )
    archive = np.load(io.BytesIO(response.content))
    return next(archive[name][0] for name in archive.files if archive[name].ndim == 4)


@pytest.fixture
def rng():
    """Return a generator that gives the same inputs in every run."""
    return np.random.default_rng(8)


def test_stride_and_padding_agree_with_keras(open_page, rng):
    """For 200 random N, F, P, S the page shows Keras's output size, or that no filter fits."""
    page = open_page("#lab/stride&lang=en")
    cases = np.stack(
        [rng.integers(low, high + 1, 200) for low, high in [(1, 28), (1, 7), (0, 4), (1, 5)]], 1
    ).tolist()
    formulas = page.evaluate(
        """(cases) => cases.map((numbers) => {
            ['size', 'kernel', 'padding', 'stride'].forEach((name, i) => {
                const slider = document.querySelector(`[data-slider="${name}"]`);
                slider.value = numbers[i];
                slider.dispatchEvent(new Event('input'));
            });
            return document.querySelector('[data-role="formula"]').textContent;
        })""",
        cases,
    )
    for (size, kernel, padding, stride), formula in zip(cases, formulas, strict=True):
        output = conv_output_size(size, kernel, padding, stride)
        if output is None:
            expected = f"A filter of size {kernel} does not fit into {size + 2 * padding}"
            assert formula.startswith(expected)
        else:
            assert formula == f"O = ⌊({size} − {kernel} + 2·{padding})/{stride}⌋ + 1 = {output}"


@pytest.mark.parametrize("name", ["size", "kernel", "stride"])
def test_a_size_of_0_is_reported(open_page, name):
    """A size or a stride of 0, which only a link can contain, shows what is allowed."""
    page = open_page(f"#lab/stride&{name}=0&lang=ko")
    assert "1 이상의 정수" in text(page, '[data-role="formula"]')


def test_kernels_agree_with_scipy(open_page, rng):
    """50 random kernels on random digits have the sums of SciPy's correlation to 1e-5."""
    page = open_page("#lab/kernels&lang=en")
    for _ in range(50):
        pixels = rng.integers(0, 256, (28, 28), np.uint8)
        kernel = rng.normal(size=(3, 3)).round(3)
        row, column = (int(n) for n in rng.integers(0, 26, 2))
        expected = signal.correlate2d(pixels / 255, kernel, mode="valid")[row, column]
        state = {"kernel": ",".join(map(str, kernel.ravel())), "row": row, "column": column}
        go(page, "kernels", **state, pixels=link_text(pixels))
        wait_for_number(page, '[data-role="sum"]', expected)


@pytest.mark.slow
def test_pooling_agrees_with_scipy_on_the_services_values(open_page, server, rng):
    """50 windows of the network's maps have SciPy's maximum and mean to 1e-5."""
    page = open_page("#lab/pooling&lang=en")
    for _ in range(50):
        pixels = rng.integers(0, 256, (28, 28), np.uint8)
        channel, row, column = int(rng.integers(32)), *(int(n) for n in rng.integers(0, 13, 2))
        map_ = layer_values(server, pixels, layers="conv2d")[..., channel].astype(float)
        state = {"source": "network", "channel": channel, "row": row, "column": column}
        go(page, "pooling", **state, pixels=link_text(pixels))
        for role, pooled in [
            ("max", ndimage.maximum_filter(map_, 2)),
            ("average", ndimage.uniform_filter(map_, 2)),
        ]:
            wait_for_number(page, f'[data-role="{role}"]', pooled[2 * row + 1, 2 * column + 1])


def test_the_bars_of_noise_are_proportional_to_their_values(open_page):
    """The longest bar is the largest error, where max pooling makes the map's noise larger too."""
    page = open_page("#lab/pooling&lang=en&source=four&noise=50&seed=2")
    rows = page.locator(".noise tbody tr").evaluate_all(
        """(rows) => rows.map((row) => {
            const bar = row.querySelector('.fill');
            return [Number(row.querySelector('data').value),
                parseFloat(getComputedStyle(bar, '::before').width) / bar.clientWidth];
        })"""
    )
    errors, lengths = np.transpose(rows)
    assert errors[1] > 1.2 * errors[0]  # the case in which a bar was cut
    assert lengths == pytest.approx(errors / errors.max(), abs=0.01)


def test_a_filter_of_the_network_gives_the_services_values(open_page, server, mnist):
    """The sum of a trained filter equals the value of /activations before ReLU."""
    pixels = mnist.test_images[0]
    values = layer_values(server, pixels, layers="conv2d", stage="pre")
    page = open_page("#lab&lang=en")
    for channel in (0, 31):
        state = {"source": "digit", "filter": channel + 1, "row": 8, "column": 12}
        go(page, "convolution", **state, pixels=link_text(pixels))
        wait_for_number(page, '[data-role="sum"]', values[8, 12, channel])
        page.get_by_text("✓ The service computes the same value.").wait_for()


def test_relu_zeroes_the_services_negative_values(open_page, server, mnist):
    """The share of each layer that ReLU sets to 0 is the share of the service's values below 0."""
    pixels = mnist.test_images[1]
    page = open_page(f"#lab/relu&lang=en&pixels={link_text(pixels)}")
    page.locator("[data-share]").first.wait_for()
    shares = page.locator("[data-share]").evaluate_all("(all) => all.map((n) => n.dataset.share)")
    for layer, share in zip(["conv2d", "conv2d_1", "conv2d_2"], shares, strict=False):
        values = layer_values(server, pixels, layers=layer, stage="pre")
        assert float(share) == (values <= 0).mean()


def test_the_map_of_shifts_has_the_services_predictions(open_page, server, mnist):
    """As many of 441 shifts keep the label as in the response of /predict."""
    pixels = mnist.test_images[0]
    padded = np.pad(pixels, 10)
    shifted = np.stack(
        [padded[10 - y : 38 - y, 10 - x : 38 - x] for y in range(-10, 11) for x in range(-10, 11)]
    )
    out = io.BytesIO()
    np.save(out, shifted)
    predictions = requests.post(
        f"{server}/predict",
        data=out.getvalue(),
        headers={"Content-Type": "application/x-npy"},
    ).json()["predictions"]
    label = predictions[220]["label"]
    count = sum(prediction["label"] == label for prediction in predictions)
    page = open_page(f"#lab/shift&lang=en&pixels={link_text(pixels)}&down=-4&right=2")
    page.get_by_text(f"Predicted as {label} in {count} of 441 shifts").wait_for()
    moved = predictions[(-4 + 10) * 21 + 2 + 10]
    assert text(page, '[data-role="answer"]') == moved["label"]
    along = page.locator('[data-along="conv2d"] data, [data-along="max_pooling2d"] data')
    assert along.all_inner_texts() == ["1.000", "1.000"]
    same = page.locator('[data-same="conv2d"] data')
    assert float(same.inner_text()) < 0.9


def test_the_shifted_maps_name_their_channels(open_page, server, mnist):
    """Each map is the channel with the largest value at rest, and says which one it is."""
    pixels = mnist.test_images[0]
    page = open_page(f"#lab/shift&lang=en&pixels={link_text(pixels)}&right=2")
    page.get_by_text("of 441 shifts").wait_for()
    for layer in ("conv2d", "max_pooling2d_1", "conv2d_2"):
        values = layer_values(server, pixels, layers=layer)
        channel = np.unravel_index(values.argmax(), values.shape)[-1]
        assert text(page, f'[data-channel="{layer}"]') == f"channel {channel}"


def test_training_shows_the_report(open_page, server):
    """Metrics, misclassified digits, calibration and classes are those of /model/report."""
    report = requests.get(f"{server}/model/report").json()
    page = open_page("#lab/training&lang=en")
    page.locator('[data-part="classes"]').wait_for()
    figures = page.locator('[data-figure="loss"] td').all_inner_texts()
    runs = [report["lecture"], report] if "lecture" in report else [report]
    assert figures == [f"{run['loss']:.4g}" for run in runs]
    counts = page.locator(".confusion tbody tr").evaluate_all(
        "(rows) => rows.map((r) => [...r.cells].slice(1).map((c) => Number(c.innerText)))"
    )
    assert counts == report["confusion"]
    dots = page.locator('[data-part="calibration"] .dot').count()
    assert dots == sum(bin_["count"] > 0 for bin_ in report["calibration"])
    error = report["misclassified"][0]
    page.locator(f'[data-confusion="{error["label"]}-{error["predicted"]}"]').click()
    page.get_by_text(f"No. {error['index']},").wait_for()
    support = page.locator('[data-part="classes"] tbody td:last-child').all_inner_texts()
    assert support == [f"{each['support']:,}" for each in report["classes"]]


def test_a_report_of_two_recipes_compares_them(open_page, server):
    """With the lecture's run in the report, its metrics and curves are beside this model's."""
    report = requests.get(f"{server}/model/report").json()
    history = {"epoch": [1, 2], "accuracy": [0.9, 0.95], "loss": [0.3, 0.2]}
    figures = {"digits": 10000, "accuracy": 0.9, "loss": 0.25, "expected_calibration_error": 0.01}
    training = {"recipe": "lecture", "epochs": 2, "batch_size": 32, "seconds": 9.5}
    report["lecture"] = {**figures, "history": history, "training": training}
    page = open_page("#lab/stride&lang=en")
    page.route("**/model/report*", lambda route: route.fulfill(json=report))
    go(page, "training")
    page.locator('[data-part="classes"]').wait_for()
    assert page.locator('[data-recipe="lecture"]').all_inner_texts() == [
        *("2", "32", "9.5", "90.00 %", "1,000", "0.25", "1.00 %")
    ]
    page.locator('label[for="lab-recipe-lecture"]').click()
    assert "Accuracy 95.00 % · Loss 0.2" in page.locator('[data-part="curves"]').inner_text()


def test_an_exhibit_shows_a_problem(open_page):
    """An exhibit shows the problem of a request that fails."""
    page = open_page("#lab/stride&lang=en", errors=True)
    problem = json.dumps({"title": "Busy", "detail": "Try again in 3 s.", "status": 503})
    response = {"status": 503, "body": problem, "content_type": "application/problem+json"}
    for pattern in ("**/model/report*", "**/activations*", "**/model/weights*"):
        page.route(pattern, lambda route: route.fulfill(**response))
    for exhibit in ("training", "relu", "flow"):
        go(page, exhibit)
        page.locator(".exhibit [role=alert]").get_by_text("Try again in 3 s.").first.wait_for()


def test_an_exhibit_shows_a_problem_in_the_pages_language(open_page):
    """A problem for which the page has a text is shown with that text."""
    page = open_page("#lab/stride&lang=ko", errors=True)
    problem = json.dumps({"type": "urn:convscope:problem:overloaded", "detail": "Busy."})
    response = {"status": 503, "body": problem, "content_type": "application/problem+json"}
    page.route("**/activations*", lambda route: route.fulfill(**response))
    go(page, "relu", "ko")
    page.locator(".exhibit [role=alert]").get_by_text("서버가 바쁩니다").first.wait_for()
