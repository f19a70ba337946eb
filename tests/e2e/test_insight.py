"""/explain, /occlusion and /preprocess on a real socket, and several digits in one picture."""

import base64
import io

import numpy as np
import pytest
import requests
from PIL import Image

from tests.e2e.test_predict import png
from training import renderings


def ask(server, route, body, **params):
    """The answer, checked to be one."""
    answer = requests.post(f"{server}/{route}", data=body, params=params, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer


def test_500_random_cells_add_up_to_what_the_graph_gives(server, mnist, mnist_bundle):
    """Cells of every layer: the terms' sum is the engine's own value within 1e-4."""
    rng = np.random.default_rng(7)
    digit = png(mnist.test_images[3])
    session = requests.Session()
    kinds = set()
    for _ in range(500):
        layer = mnist_bundle.layers[rng.integers(len(mnist_bundle.layers))]
        place = [int(rng.integers(size)) for size in layer.output_shape]
        params = {"layer": layer.name, "channel": place[-1]}
        if len(place) == 3:
            params |= {"row": place[0], "column": place[1]}
        answer = session.post(f"{server}/explain", data=digit, params=params, timeout=10)
        told = answer.json()["explanation"]
        assert told["kind"] == layer.kind
        assert told["difference"] == pytest.approx(abs(told["pre"] - told["value"]))
        assert told["difference"] <= 1e-4
        kinds.add(layer.kind)
    assert kinds == {"Conv2D", "MaxPooling2D", "Flatten", "Dense"}


def test_a_cell_is_what_activations_say(server, mnist):
    """`post` of a cell is that cell of the layer's map."""
    body = png(mnist.test_images[0])
    told = ask(server, "explain", body, layer="conv2d_1", channel=5, row=4, column=6).json()
    maps = ask(server, "activations", body, layers="conv2d_1", channels="5").json()["layers"]
    assert told["explanation"]["post"] == pytest.approx(maps[0]["maps"][0][4][6], abs=1e-4)


@pytest.mark.parametrize(
    ("params", "status", "said"),
    [
        ({"layer": "conv9", "channel": 0}, 404, "conv9"),
        ({"layer": "conv2d", "channel": 99, "row": 0, "column": 0}, 404, "0–31"),
        ({"layer": "conv2d", "channel": 0}, 400, "row"),
        ({"layer": "dense", "channel": 0, "row": 1, "column": 1}, 400, "row"),
        ({"channel": 0}, 400, "layer"),
        ({"layer": "conv2d", "channel": "x", "row": 0, "column": 0}, 400, "channel='x'"),
    ],
)
def test_a_cell_that_is_none_is_refused(server, mnist, params, status, said):
    """The problem says what there is instead."""
    answer = requests.post(
        f"{server}/explain", data=png(mnist.test_images[0]), params=params, timeout=10
    )
    assert answer.status_code == status, answer.text
    assert said in answer.json()["detail"]


def test_two_pictures_are_one_too_many(server, mnist):
    """Routes about one picture say so."""
    files = [("image", ("d.png", png(digit))) for digit in mnist.test_images[:2]]
    for route in ("explain?layer=dense&channel=0", "occlusion", "preprocess"):
        answer = requests.post(f"{server}/{route}", files=files, timeout=10)
        assert answer.status_code == 400
        assert "takes one picture, not 2" in answer.json()["detail"]


def test_occlusion_is_a_heat_map_and_a_picture(server, mnist):
    """Where the ink is covered the confidence drops; format=png draws it."""
    body = png(mnist.test_images[0])
    found = ask(server, "occlusion", body).json()["occlusion"]
    assert found["label"] == "7"
    assert np.max(found["heat"]) > 0.1
    assert np.shape(found["pixels"]) == (28, 28)
    assert abs(found["pixels"][0][0]) < 0.01  # nothing is drawn in the corner
    drawn = ask(server, "occlusion", body, format="png")
    assert drawn.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(drawn.content)).size[0] > 300


def test_preprocess_shows_the_digit_and_every_stage(server, mnist):
    """The digit as the model sees it, uint8 28 × 28, and the pictures on the way."""
    rng = np.random.default_rng(1)
    drawn = renderings.on_canvas(renderings.shape_of(mnist.test_images[0], 150), rng)
    answer = ask(server, "preprocess", png(drawn)).json()
    digit = np.array(answer["digit"], np.uint8)
    assert np.abs(digit.astype(int) - mnist.test_images[0]).mean() < 8
    assert answer["preprocessing"]["inverted"] is True
    names = [stage["name"] for stage in answer["stages"]]
    assert names == ["grey", "ink", "mask", "cropped", "resized", "digit"]
    last = base64.b64decode(answer["stages"][-1]["image"].partition(",")[2])
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(last))), digit)
    grey = ask(server, "preprocess", png(drawn), format="png", stage="grey")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(grey.content))), drawn)


def test_the_digits_of_a_picture_are_found_left_to_right(server, mnist):
    """A picture of 2026 gives 2, 0, 2, 6, each with its place."""
    chosen = [int(np.argmax(mnist.test_labels == label)) for label in (2, 0, 2, 6)]
    shapes = [renderings.shape_of(mnist.test_images[index], 80) for index in chosen]
    row = renderings.side_by_side(shapes, 20)
    picture = renderings.on_canvas(row, np.random.default_rng(0), (200, row.shape[1] + 60))
    body = png(renderings.photographed(picture, np.random.default_rng(0)))
    found = ask(server, "predict", body, segment="true").json()["predictions"]
    assert [each["label"] for each in found] == ["2", "0", "2", "6"]
    lefts = [each["preprocessing"]["bounding_box"][0] for each in found]
    assert lefts == sorted(lefts)
    assert [each["touching"] for each in found] == [False] * 4
    assert [each["image"] for each in found] == [0] * 4


def test_digits_that_touch_are_said_to(server, mnist):
    """Two digits drawn into each other are marked, not silently taken for one."""
    chosen = [int(np.argmax(mnist.test_labels == label)) for label in (3, 5)]
    shapes = [renderings.shape_of(mnist.test_images[index], 80) for index in chosen]
    row = renderings.side_by_side(shapes, -8)
    picture = renderings.on_canvas(row, np.random.default_rng(0), (200, row.shape[1] + 60))
    found = ask(server, "predict", png(picture), segment="true").json()["predictions"]
    assert [each["touching"] for each in found] == [True]


def test_noise_is_out_of_distribution(server, mnist):
    """A test digit is in distribution, noise is not; both say by how much."""
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    inside = ask(server, "predict", png(mnist.test_images[0])).json()["predictions"][0]
    outside = ask(server, "predict", png(noise), preprocess="none").json()["predictions"][0]
    assert inside["in_distribution"] is True
    assert outside["in_distribution"] is False
    assert inside["score"] > outside["score"]


@pytest.mark.parametrize("tone", [0, 255])
def test_an_array_with_nothing_drawn_is_out_of_distribution(server, tone):
    """Arrays are taken as they are; that nothing is drawn on one is told all the same."""
    body = io.BytesIO()
    np.save(body, np.full((28, 28), tone, np.uint8))
    answer = requests.post(
        f"{server}/predict", data=body.getvalue(), headers={"Content-Type": "application/x-npy"}
    )
    assert answer.json()["predictions"][0]["in_distribution"] is False


@pytest.mark.parametrize("params", [{}, {"segment": "true"}])
def test_of_several_pictures_the_wrong_one_is_named(server, mnist, params):
    """A form with one bad file among good ones says which one."""
    good = png(mnist.test_images[0])
    files = [("image", each) for each in (good, good, b"no picture", good)]
    answer = requests.post(f"{server}/predict", files=files, params=params)
    assert answer.status_code == 415
    assert answer.json()["detail"].startswith("Image 2: ")
    alone = requests.post(f"{server}/predict", files=files[2:3], params=params)
    assert not alone.json()["detail"].startswith("Image")


def test_what_cannot_be_segmented_is_refused(server, mnist):
    """Arrays, and pictures to be taken as they are: rather than silently not looking."""
    body = io.BytesIO()
    np.save(body, mnist.test_images[0])
    headers = {"Content-Type": "application/x-npy"}
    array = requests.post(f"{server}/predict?segment=true", data=body.getvalue(), headers=headers)
    params = {"segment": "true", "preprocess": "none"}
    raw = requests.post(f"{server}/predict", data=png(mnist.test_images[0]), params=params)
    assert (array.status_code, raw.status_code) == (400, 400)
