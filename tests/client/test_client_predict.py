"""The client's predictions: every type of image, alone and in batches."""

import numpy as np
import pytest
from PIL import Image

from convscope_client import Client, Prediction, Problem
from tests.client.servers import RESPONSE, scripted_server
from tests.e2e.test_predict import png

# a digit, and a file with its image, as each type that the client takes
FORMS = {
    "path": lambda _, file: file,
    "path as text": lambda _, file: str(file),
    "bytes": lambda _, file: file.read_bytes(),
    "bytearray": lambda _, file: bytearray(file.read_bytes()),
    "PIL image": lambda digit, _: Image.fromarray(digit),
    "uint8": lambda digit, _: digit,
    "float": lambda digit, _: digit / 255,
    "with its channel": lambda digit, _: digit[..., np.newaxis],
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_image_gives_one_prediction(client, first_digits, tmp_path, form):
    """A path, bytes, a PIL image and an array give the same complete prediction."""
    file = tmp_path / "seven.png"
    file.write_bytes(png(first_digits[0]))
    predictions = client.predict(FORMS[form](first_digits[0], file))
    assert isinstance(predictions, Prediction)
    assert predictions.label == "7"
    assert (
        predictions.confidence
        == predictions.probabilities["7"]
        == max(predictions.probabilities.values())
    )
    assert set(predictions.probabilities) == set("0123456789")
    assert predictions.probabilities == pytest.approx(
        client.predict(first_digits[0]).probabilities, abs=1e-6
    )
    assert predictions.preprocessing["mode"] == "none"
    assert predictions.model["name"] == "mnist"


@pytest.mark.parametrize(
    "batch",
    [
        lambda first_digits: first_digits,
        lambda first_digits: first_digits[..., np.newaxis],
        lambda first_digits: first_digits / 255,
        list,
        lambda first_digits: tuple(png(digit) for digit in first_digits),
        # neighbours of all types, whose order must be kept
        lambda first_digits: [
            (png(digit), digit, digit / np.float32(255), Image.fromarray(digit), digit)[i % 5]
            for i, digit in enumerate(first_digits)
        ],
    ],
    ids=["uint8", "with a channel", "float", "list of arrays", "image files", "mixed"],
)
def test_several_images_keep_their_order(client, first_digits, batch):
    """An array of several images or a list of any types gives each image's prediction in order."""
    predictions = client.predict(batch(first_digits))
    assert len(predictions) == len(first_digits)
    for prediction, digit in zip(predictions, first_digits, strict=True):
        single = client.predict(digit).probabilities
        assert prediction.probabilities == pytest.approx(single, abs=1e-6)


def test_a_list_of_one_gives_a_list_and_an_empty_one_an_empty_result(client, first_digits):
    """The result's type follows from the argument's type, not from the number of images."""
    assert [predictions.label for predictions in client.predict([first_digits[0]])] == ["7"]
    assert [predictions.label for predictions in client.predict(first_digits[:1])] == ["7"]
    assert client.predict([]) == []
    assert client.activations([]) == {}


def test_a_long_batch_is_split_into_several_requests(client, mnist):
    """1,234 digits get the predictions of single requests, wherever the requests were split."""
    many = mnist.test_images[:1234]
    predictions = client.predict(many, top_k=1)
    expected = [client.predict(digit).label for digit in many[::100]]
    assert len(predictions) == 1234
    assert [prediction.label for prediction in predictions[::100]] == expected


def test_large_images_do_not_share_a_request():
    """Three images of 3 MB are three requests, so that none exceeds the service's limit."""
    with scripted_server((200, {}, RESPONSE)) as server, Client(server.url) as client:
        assert len(client.predict([b"x" * 3_000_000] * 3)) == 3
        assert [len(request.body) for request in server.requests] == [3_000_000] * 3


def test_options_reach_the_service(client, first_digits):
    """preprocess, top_k, model and version have the effect of the query's parameters."""
    assert len(client.predict(first_digits[0], top_k=3).probabilities) == 3
    assert client.predict(first_digits[0], preprocess="mnist").preprocessing["mode"] == "mnist"
    colours = np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)
    predictions = client.predict(colours, model="tiny", version=3)
    assert (predictions.model["name"], len(predictions.probabilities)) == ("tiny", 3)
    with pytest.raises(Problem, match="no version 9"):
        client.predict(first_digits[0], version=9)


def test_unknown_fields_are_kept():
    """A field that this client does not know is in `extra`."""
    response = RESPONSE | {"predictions": [RESPONSE["predictions"][0] | {"colour": "blue"}]}
    with scripted_server((200, {}, response)) as server, Client(server.url) as client:
        assert client.predict(b"x").extra == {"colour": "blue"}


def test_a_prediction_states_whether_the_image_is_in_distribution(client, first_digits):
    """A digit's score is above that of noise; a model without a threshold gives None."""
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    digit, unlike = client.predict([first_digits[0], noise])
    assert (digit.in_distribution, unlike.in_distribution) == (True, False)
    assert digit.score > unlike.score
    with scripted_server((200, {}, RESPONSE)) as server, Client(server.url) as other:
        assert other.predict(b"x").in_distribution is None


def test_segment_classifies_every_digit_of_an_image(client, mnist):
    """An image of 2026 gives four segments, left to right, each with its place and box."""
    wanted = [int(np.flatnonzero(mnist.test_labels == digit)[0]) for digit in (2, 0, 2, 6)]
    row = np.pad(np.concatenate(mnist.test_images[wanted], axis=1), 20)
    segments = client.segment(Image.fromarray(255 - row))
    assert [each.label for each in segments] == ["2", "0", "2", "6"]
    assert [(each.index, each.row, each.column) for each in segments] == [
        (index, 0, None) for index in range(4)
    ]
    assert [(each.is_digit, each.touching) for each in segments] == [(True, False)] * 4
    lefts = [each.bounding_box[0] for each in segments]
    assert lefts == sorted(lefts)
    assert segments[0].extra == {"image": 0}


def test_an_empty_cell_of_a_grid_has_no_label():
    """grid=True requests the grid; an empty cell has its place, and None as its label."""
    place = {"index": 3, "row": 1, "column": 0, "is_digit": False, "touching": False}
    cell = {"label": None, "confidence": None, "probabilities": {}, "segment": place}
    response = RESPONSE | {"predictions": [RESPONSE["predictions"][0] | cell]}
    with scripted_server((200, {}, response)) as server, Client(server.url) as client:
        (empty,) = client.segment(b"x", grid=True, details=True)
        assert server.requests[0].query == {"segment": ["grid"], "details": ["true"]}
    assert (empty.label, empty.confidence, empty.extra) == (None, None, {})
    assert (empty.row, empty.column, empty.is_digit) == (1, 0, False)


def test_details_add_to_the_preprocessing(client, first_digits):
    """Four fields by default, of which two are attributes; all fields with details=True."""
    image = Image.fromarray(255 - first_digits[0]).resize((280, 280))
    lean, full = client.predict(image), client.predict(image, details=True)
    assert set(full.preprocessing) - set(lean.preprocessing) == {
        *("scale", "shift", "threshold", "stroke")
    }
    assert lean.bounding_box == tuple(lean.preprocessing["bounding_box"])
    assert lean.removed == ()


def test_invalid_images_raise_before_a_request(client, first_digits, tmp_path):
    """A wrong type, a missing file and several images for one raise Python's own errors."""
    with pytest.raises(TypeError, match="got int"):
        client.predict(7)
    with pytest.raises(FileNotFoundError, match=r"nine\.png"):
        client.predict(tmp_path / "nine.png")
    with pytest.raises(ValueError, match="one image, got 12"):
        client.explain(first_digits, "dense", 0)
