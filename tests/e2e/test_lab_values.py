"""The lab's numbers in a real browser: SciPy's, Keras's, or the service's own."""

import base64
import io
import json

import numpy as np
import pytest
import requests
from scipy import ndimage, signal

from tests.e2e.test_lab import go, text
from tests.oracles import conv_output_size

AGREES = """([selector, value]) => {
    const shown = document.querySelector(`.exhibit ${selector}`);
    return shown && Math.abs(Number(shown.value) - value) < 1e-5;
}"""


def shows(page, selector, value):
    """Wait until a number of the exhibit is that one, to 1e-5."""
    page.wait_for_function(AGREES, arg=[selector, float(value)])


def in_a_link(pixels):
    """A digit, uint8 (28, 28), as a link says it."""
    return base64.urlsafe_b64encode(pixels.tobytes()).decode().rstrip("=")


def layer_values(server, pixels, **query):
    """The service's own values of a digit: the maps of one layer, float32 (H, W, C)."""
    out = io.BytesIO()
    np.save(out, pixels[None, ..., None])
    answer = requests.post(
        f"{server}/activations",
        params={**query, "format": "npz"},
        data=out.getvalue(),
        headers={"Content-Type": "application/x-npy"},
    )
    archive = np.load(io.BytesIO(answer.content))
    return next(archive[name][0] for name in archive.files if archive[name].ndim == 4)


@pytest.fixture
def rng():
    """The same inputs at every run."""
    return np.random.default_rng(8)


def test_stride_and_padding_agree_with_keras(open_page, rng):
    """200 random N, F, P, S by the sliders: Keras's output side, or a sentence saying why none."""
    page = open_page("#lab/stride&lang=en")
    cases = np.stack(
        [rng.integers(low, high + 1, 200) for low, high in [(1, 28), (1, 7), (0, 4), (1, 5)]], 1
    ).tolist()
    shown = page.evaluate(
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
    for (size, kernel, padding, stride), said in zip(cases, shown, strict=True):
        output = conv_output_size(size, kernel, padding, stride)
        if output is None:
            assert said.startswith(f"A filter of {kernel} does not fit into {size + 2 * padding}")
        else:
            assert said == f"O = ⌊({size} − {kernel} + 2·{padding})/{stride}⌋ + 1 = {output}"


@pytest.mark.parametrize("name", ["size", "kernel", "stride"])
def test_impossible_numbers_are_refused_in_words(open_page, name):
    """What only a link can ask for, a side or a stride of 0, is refused by a sentence."""
    page = open_page(f"#lab/stride&{name}=0&lang=ko")
    assert "1 이상의 정수" in text(page, '[data-role="formula"]')


def test_kernels_agree_with_scipy(open_page, rng):
    """50 random kernels at random places of random digits: SciPy's correlation, to 1e-5."""
    page = open_page("#lab/kernels&lang=en")
    for _ in range(50):
        pixels = rng.integers(0, 256, (28, 28), np.uint8)
        kernel = rng.normal(size=(3, 3)).round(3)
        row, column = (int(n) for n in rng.integers(0, 26, 2))
        expected = signal.correlate2d(pixels / 255, kernel, mode="valid")[row, column]
        state = {"kernel": ",".join(map(str, kernel.ravel())), "row": row, "column": column}
        go(page, "kernels", **state, pixels=in_a_link(pixels))
        shows(page, '[data-role="sum"]', expected)


def test_pooling_agrees_with_scipy_on_the_services_values(open_page, server, rng):
    """50 windows of the network's maps of random digits: SciPy's maximum and mean, to 1e-5."""
    page = open_page("#lab/pooling&lang=en")
    for _ in range(50):
        pixels = rng.integers(0, 256, (28, 28), np.uint8)
        channel, row, column = int(rng.integers(32)), *(int(n) for n in rng.integers(0, 13, 2))
        map_ = layer_values(server, pixels, layers="conv2d")[..., channel].astype(float)
        state = {"source": "network", "channel": channel, "row": row, "column": column}
        go(page, "pooling", **state, pixels=in_a_link(pixels))
        for role, pooled in [
            ("max", ndimage.maximum_filter(map_, 2)),
            ("average", ndimage.uniform_filter(map_, 2)),
        ]:
            shows(page, f'[data-role="{role}"]', pooled[2 * row + 1, 2 * column + 1])


def test_a_filter_of_the_network_is_worked_out_as_the_service_does(open_page, server, mnist):
    """Convolution by hand under a trained filter: the same cell as /activations before ReLU."""
    pixels = mnist.test_images[0]
    values = layer_values(server, pixels, layers="conv2d", stage="pre")
    page = open_page("#lab&lang=en")
    for channel in (0, 31):
        state = {"source": "digit", "filter": channel + 1, "row": 8, "column": 12}
        go(page, "convolution", **state, pixels=in_a_link(pixels))
        shows(page, '[data-role="sum"]', values[8, 12, channel])
        page.get_by_text("✓ the service says").wait_for()


def test_relu_silences_what_the_service_has_below_zero(open_page, server, mnist):
    """The share of each layer that ReLU silences is that of the service's values."""
    pixels = mnist.test_images[1]
    page = open_page(f"#lab/relu&lang=en&pixels={in_a_link(pixels)}")
    page.locator("[data-share]").first.wait_for()
    shares = page.locator("[data-share]").evaluate_all("(all) => all.map((n) => n.dataset.share)")
    for layer, share in zip(["conv2d", "conv2d_1", "conv2d_2"], shares, strict=False):
        values = layer_values(server, pixels, layers=layer, stage="pre")
        assert float(share) == (values <= 0).mean()


def test_the_map_of_shifts_is_the_services_answers(open_page, server, mnist):
    """Of 441 shifts in one request, as many keep the answer as /predict says."""
    pixels = mnist.test_images[0]
    padded = np.pad(pixels, 10)
    shifted = np.stack(
        [padded[10 - y : 38 - y, 10 - x : 38 - x] for y in range(-10, 11) for x in range(-10, 11)]
    )
    out = io.BytesIO()
    np.save(out, shifted)
    answer = requests.post(
        f"{server}/predict",
        data=out.getvalue(),
        headers={"Content-Type": "application/x-npy"},
    ).json()["predictions"]
    kept = sum(each["label"] == answer[220]["label"] for each in answer)
    page = open_page(f"#lab/shift&lang=en&pixels={in_a_link(pixels)}&down=-4&right=2")
    page.get_by_text(f"Answered {answer[220]['label']} in {kept} of 441 shifts").wait_for()
    moved = answer[(-4 + 10) * 21 + 2 + 10]
    assert text(page, '[data-role="answer"]') == moved["label"]
    along = page.locator('[data-along="conv2d"] data, [data-along="max_pooling2d"] data')
    assert along.all_inner_texts() == ["1.000", "1.000"]
    same = page.locator('[data-same="conv2d"] data')
    assert float(same.inner_text()) < 0.9


def test_training_shows_the_report(open_page, server):
    """Figures, mistakes, calibration and classes are those of /model/report; both recipes' too."""
    report = requests.get(f"{server}/model/report").json()
    page = open_page("#lab/training&lang=en")
    page.locator('[data-part="classes"]').wait_for()
    figures = page.locator('[data-figure="loss"] td').all_inner_texts()
    runs = [report["lecture"], report] if "lecture" in report else [report]
    assert figures == [f"{run['loss']:.4f}" for run in runs]
    counts = page.locator(".confusion tbody tr").evaluate_all(
        "(rows) => rows.map((r) => [...r.cells].slice(1).map((c) => Number(c.innerText)))"
    )
    assert counts == report["confusion"]
    dots = page.locator('[data-part="calibration"] .dot').count()
    assert dots == sum(bin_["count"] > 0 for bin_ in report["calibration"])
    mistake = report["misclassified"][0]
    page.locator(f'[data-confusion="{mistake["label"]}-{mistake["predicted"]}"]').click()
    page.get_by_text(f"No. {mistake['index']},").wait_for()
    support = page.locator('[data-part="classes"] tbody td:last-child').all_inner_texts()
    assert support == [f"{each['support']:,}" for each in report["classes"]]


def test_two_recipes_are_compared_where_the_report_holds_both(open_page, server):
    """With the lecture's run in the report, its figures and curves stand beside this model's."""
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
        *("2", "32", "9.5", "90.00 %", "1,000", "0.2500", "1.00 %")
    ]
    page.locator('label[for="lab-recipe-lecture"]').click()
    assert "Accuracy 95.00 % · Loss 0.200" in page.locator('[data-part="curves"]').inner_text()


def test_what_fails_is_said(open_page):
    """Where the service refuses, the exhibit says so."""
    page = open_page("#lab/stride&lang=en", errors=True)
    problem = json.dumps({"title": "Busy", "detail": "Try again in 3 s.", "status": 503})
    answer = {"status": 503, "body": problem, "content_type": "application/problem+json"}
    for pattern in ("**/model/report*", "**/activations*", "**/model/weights*"):
        page.route(pattern, lambda route: route.fulfill(**answer))
    for exhibit in ("training", "relu", "flow"):
        go(page, exhibit)
        page.locator(".exhibit [role=alert]").get_by_text("Try again in 3 s.").first.wait_for()


def test_what_the_service_refuses_is_said_in_the_pages_language(open_page):
    """A kind of problem that the page has words for is told in them."""
    page = open_page("#lab/stride&lang=ko", errors=True)
    problem = json.dumps({"type": "urn:convscope:problem:overloaded", "detail": "Busy."})
    answer = {"status": 503, "body": problem, "content_type": "application/problem+json"}
    page.route("**/activations*", lambda route: route.fulfill(**answer))
    go(page, "relu", "ko")
    page.locator(".exhibit [role=alert]").get_by_text("서비스가 바쁩니다").first.wait_for()
