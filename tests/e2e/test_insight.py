"""/explain, /occlusion and /preprocess over HTTP; segmentation; out-of-distribution inputs."""

import base64
import io

import numpy as np
import pytest
import requests
from PIL import Image

from tests.e2e.test_predict import png
from training import renderings


def post(server, route, body, **params):
    """Return the response, whose status must be 200."""
    response = requests.post(f"{server}/{route}", data=body, params=params, timeout=20)
    assert response.status_code == 200, response.text
    return response


def test_500_random_cells_are_explained_exactly(server, mnist, mnist_bundle):
    """The sum of a cell's terms equals the engine's value within 1e-4, in every layer."""
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
        response = session.post(f"{server}/explain", data=digit, params=params, timeout=10)
        details = response.json()["explanation"]
        assert details["kind"] == layer.kind
        assert details["difference"] == pytest.approx(abs(details["pre"] - details["value"]))
        assert details["difference"] <= 1e-4
        kinds.add(layer.kind)
    assert kinds == {"Conv2D", "MaxPooling2D", "Flatten", "Dense"}


def test_an_explained_cell_equals_its_activation(server, mnist):
    """`post` of a cell equals the cell of the layer's activation map."""
    body = png(mnist.test_images[0])
    cell = post(server, "explain", body, layer="conv2d_1", channel=5, row=4, column=6).json()
    maps = post(server, "activations", body, layers="conv2d_1", channels="5").json()["layers"]
    assert cell["explanation"]["post"] == pytest.approx(maps[0]["maps"][0][4][6], abs=1e-4)


@pytest.mark.parametrize(
    ("params", "status", "message"),
    [
        ({"layer": "conv9", "channel": 0}, 404, "conv9"),
        ({"layer": "conv2d", "channel": 99, "row": 0, "column": 0}, 404, "0–31"),
        ({"layer": "conv2d", "channel": 0}, 400, "row"),
        ({"layer": "dense", "channel": 0, "row": 1, "column": 1}, 400, "row"),
        ({"channel": 0}, 400, "layer"),
        ({"layer": "conv2d", "channel": "x", "row": 0, "column": 0}, 400, "got 'x'"),
    ],
)
def test_an_unknown_cell_is_rejected(server, mnist, params, status, message):
    """The error names the parameter or lists what is allowed."""
    response = requests.post(
        f"{server}/explain", data=png(mnist.test_images[0]), params=params, timeout=10
    )
    assert response.status_code == status, response.text
    assert message in response.json()["detail"]


def test_routes_for_one_image_reject_two(server, mnist):
    """The error states the number of images."""
    files = [("image", ("d.png", png(digit))) for digit in mnist.test_images[:2]]
    for route in ("explain?layer=dense&channel=0", "occlusion", "preprocess"):
        response = requests.post(f"{server}/{route}", files=files, timeout=10)
        assert response.status_code == 400
        assert "takes one image, got 2" in response.json()["detail"]


def test_occlusion_is_json_or_png(server, mnist):
    """The confidence drops where the digit is occluded; format=png draws the map."""
    body = png(mnist.test_images[0])
    occlusion = post(server, "occlusion", body).json()["occlusion"]
    assert occlusion["label"] == "7"
    assert np.max(occlusion["heat"]) > 0.1
    assert np.shape(occlusion["pixels"]) == (28, 28)
    assert abs(occlusion["pixels"][0][0]) < 0.01  # the corner is background
    overlay = post(server, "occlusion", body, format="png")
    assert overlay.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(overlay.content)).size[0] > 300


def test_preprocess_returns_the_digit_and_every_stage(server, mnist):
    """The response has the model's input, uint8 28 × 28, and an image of each stage."""
    rng = np.random.default_rng(1)
    drawn = renderings.on_canvas(renderings.shape_of(mnist.test_images[0], 150), rng)
    response = post(server, "preprocess", png(drawn)).json()
    digit = np.array(response["digit"], np.uint8)
    assert np.abs(digit.astype(int) - mnist.test_images[0]).mean() < 8
    assert response["preprocessing"]["inverted"] is True
    names = [stage["name"] for stage in response["stages"]]
    assert names == ["grey", "ink", "mask", "cropped", "resized", "digit"]
    assert {"scale", "shift", "threshold", "stroke"} <= set(response["preprocessing"])
    last = base64.b64decode(response["stages"][-1]["image"].partition(",")[2])
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(last))), digit)
    grey = post(server, "preprocess", png(drawn), format="png", stage="grey")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(grey.content))), drawn)
    removed = post(server, "preprocess", png(drawn), format="png", stage="removed")
    blank = np.asarray(Image.open(io.BytesIO(removed.content)))
    np.testing.assert_array_equal(blank, np.zeros_like(drawn))


@pytest.mark.parametrize("route", ["predict", "activations", "explain"])
def test_details_of_the_preprocessing_are_returned_on_request(server, mnist, route):
    """Predictions have four fields of the preprocessing; details=true adds those of /preprocess."""
    body = png(mnist.test_images[0])
    params = {"layer": "dense", "channel": 0} if route == "explain" else {}
    lean, full = (
        post(server, route, body, preprocess="mnist", **params, **details).json()["predictions"][0]
        for details in ({}, {"details": "true"})
    )
    expected = post(server, "preprocess", body, preprocess="mnist").json()["preprocessing"]
    assert set(lean["preprocessing"]) == {"mode", "inverted", "bounding_box", "removed"}
    assert full["preprocessing"] == expected
    assert lean["preprocessing"].items() <= expected.items()
    assert "segment" not in lean


def test_the_digits_of_an_image_are_predicted_left_to_right(server, mnist):
    """An image of 2026 gives 2, 0, 2, 6, each with its bounding box."""
    indices = [int(np.argmax(mnist.test_labels == label)) for label in (2, 0, 2, 6)]
    shapes = [renderings.shape_of(mnist.test_images[index], 80) for index in indices]
    row = renderings.side_by_side(shapes, 20)
    image = renderings.on_canvas(row, np.random.default_rng(0), (200, row.shape[1] + 60))
    body = png(renderings.photographed(image, np.random.default_rng(0)))
    predictions = post(server, "predict", body, segment="true").json()["predictions"]
    assert [each["label"] for each in predictions] == ["2", "0", "2", "6"]
    lefts = [each["preprocessing"]["bounding_box"][0] for each in predictions]
    assert lefts == sorted(lefts)
    assert [each["segment"] for each in predictions] == [
        {"index": index, "row": 0, "column": None, "is_digit": True, "touching": False}
        for index in range(4)
    ]
    assert [each["image"] for each in predictions] == [0] * 4


def test_touching_digits_are_flagged(server, mnist):
    """Segments of two digits that touch have `touching` set."""
    indices = [int(np.argmax(mnist.test_labels == label)) for label in (3, 5)]
    shapes = [renderings.shape_of(mnist.test_images[index], 80) for index in indices]
    row = renderings.side_by_side(shapes, -8)
    image = renderings.on_canvas(row, np.random.default_rng(0), (200, row.shape[1] + 60))
    predictions = post(server, "predict", png(image), segment="true").json()["predictions"]
    assert all(each["segment"]["touching"] for each in predictions)


def test_the_cells_of_a_grid_are_predicted_row_by_row(server, mnist):
    """A grid of 3 × 3 gives nine segments; those without a digit have no label."""
    image, expected = grid_with_digits(mnist)
    predictions = post(server, "predict", png(image), segment="grid").json()["predictions"]
    assert [each["label"] for each in predictions] == expected
    places = [each["segment"] for each in predictions]
    assert [(each["row"], each["column"]) for each in places] == [divmod(i, 3) for i in range(9)]
    assert [each["index"] for each in places] == list(range(9))
    assert [each["is_digit"] for each in places] == [label is not None for label in expected]
    empty = predictions[expected.index(None)]
    assert (empty["confidence"], empty["probabilities"], empty["score"]) == (None, {}, None)
    assert all("grid" in each["preprocessing"]["removed"] for each in predictions)


def grid_with_digits(mnist):
    """Return a grid of 3 × 3 cells with digits in three, and the label of each cell or None."""
    image, expected = np.full((220, 220), 255, np.uint8), [None] * 9
    for at in range(20, 201, 60):
        image[at : at + 3, 20:203] = image[20:203, at : at + 3] = 0
    for cell, index in ((0, 0), (4, 1), (6, 3)):
        top, left = (30 + 60 * number for number in divmod(cell, 3))
        shape = np.asarray(Image.fromarray(mnist.test_images[index]).resize((42, 42)))
        image[top : top + 42, left : left + 42] = 255 - shape
        expected[cell] = str(mnist.test_labels[index])
    return image, expected


def test_an_image_without_a_grid_is_rejected(server, mnist):
    """segment=grid never returns cells of a grid that is not there."""
    body = png(mnist.test_images[0])
    response = requests.post(f"{server}/predict", data=body, params={"segment": "grid"})
    assert response.status_code == 422
    assert "segment=true" in response.json()["detail"]


def test_noise_is_out_of_distribution(server, mnist):
    """A test digit is in distribution and scores higher than noise, which is not."""
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    inside = post(server, "predict", png(mnist.test_images[0])).json()["predictions"][0]
    outside = post(server, "predict", png(noise), preprocess="none").json()["predictions"][0]
    assert inside["in_distribution"] is True
    assert outside["in_distribution"] is False
    assert inside["score"] > outside["score"]


@pytest.mark.parametrize("tone", [0, 255])
def test_an_array_of_one_tone_is_out_of_distribution(server, tone):
    """Arrays are not preprocessed, but one without a digit is flagged."""
    body = io.BytesIO()
    np.save(body, np.full((28, 28), tone, np.uint8))
    response = requests.post(
        f"{server}/predict", data=body.getvalue(), headers={"Content-Type": "application/x-npy"}
    )
    assert response.json()["predictions"][0]["in_distribution"] is False


@pytest.mark.parametrize("params", [{}, {"segment": "true"}])
def test_an_error_states_which_of_several_images_is_invalid(server, mnist, params):
    """The message begins with the image's index, where there are several."""
    good = png(mnist.test_images[0])
    files = [("image", each) for each in (good, good, b"no image", good)]
    response = requests.post(f"{server}/predict", files=files, params=params)
    assert response.status_code == 415
    assert response.json()["detail"].startswith("Image 2: ")
    alone = requests.post(f"{server}/predict", files=files[2:3], params=params)
    assert not alone.json()["detail"].startswith("Image")


@pytest.mark.parametrize("segment", ["true", "grid"])
def test_segment_is_rejected_for_arrays_and_without_preprocessing(server, mnist, segment):
    """The parameter is never ignored silently."""
    body = io.BytesIO()
    np.save(body, mnist.test_images[0])
    headers = {"Content-Type": "application/x-npy"}
    params = {"segment": segment}
    array = requests.post(f"{server}/predict", body.getvalue(), params=params, headers=headers)
    params |= {"preprocess": "none"}
    raw = requests.post(f"{server}/predict", data=png(mnist.test_images[0]), params=params)
    assert (array.status_code, raw.status_code) == (400, 400)
    assert "segment=grid apply to encoded images" in array.json()["detail"]
    assert "preprocess=none" in raw.json()["detail"]


@pytest.mark.parametrize("segment", ["1", "0", "true", "false", "True"])
def test_segment_is_a_boolean(server, mnist, segment):
    """The forms of a boolean select whether the image is segmented."""
    (prediction,) = post(server, "predict", png(mnist.test_images[0]), segment=segment).json()[
        "predictions"
    ]
    assert ("segment" in prediction) is (segment in ("1", "true", "True"))


def test_another_segment_is_rejected(server, mnist):
    """The error lists the values of the parameter."""
    params = {"segment": "rows"}
    response = requests.post(f"{server}/predict", data=png(mnist.test_images[0]), params=params)
    assert response.status_code == 400
    assert response.json()["detail"] == "segment must be one of true, false, grid, got 'rows'."
