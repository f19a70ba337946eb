"""The Open Inference Protocol on a real socket, spoken by Triton's own client."""

import base64
import io

import numpy as np
import pytest
import requests
import tritonclient.http as triton
from PIL import Image
from tritonclient.utils import InferenceServerException

from service.version import VERSION
from tests.e2e.test_predict import png


@pytest.fixture(scope="module")
def client(server):
    """Triton's client, connected to the running service."""
    with triton.InferenceServerClient(server.removeprefix("http://")) as connected:
        yield connected


@pytest.fixture(scope="module")
def digits(mnist):
    """Three test digits, uint8 (3, 28, 28, 1)."""
    return mnist.test_images[:3, :, :, np.newaxis]


@pytest.fixture(scope="module")
def expected(server, mnist):
    """What POST /activations says of these three: by output's name, float32 (3, …)."""
    files = [("image", ("d.png", png(digit))) for digit in mnist.test_images[:3]]
    arrays = {}
    for stage in ("post", "pre"):
        answer = requests.post(
            f"{server}/activations",
            files=files,
            params={"layers": "all", "stage": stage, "format": "npz"},
            timeout=10,
        )
        arrays |= dict(np.load(io.BytesIO(answer.content)))
    *_, last = arrays
    return {**arrays, "logits": arrays[last]}


def tensor(array, datatype, *, binary, shape=None):
    """An input of Triton's client."""
    sent = triton.InferInput("image", list(shape or array.shape), datatype)
    return sent.set_data_from_numpy(array.reshape(shape or array.shape), binary_data=binary)


def pictures(files, *, binary):
    """BYTES: raw where binary, base64 where JSON (the client sends JSON BYTES as text)."""
    files = files if binary else [base64.b64encode(file) for file in files]
    return tensor(np.array(files, object), "BYTES", binary=binary)


def asked(*names, binary):
    """Outputs to ask for."""
    return [triton.InferRequestedOutput(name, binary_data=binary) for name in names]


def test_the_server_tells_its_health_and_itself(client):
    """Live, ready, and metadata with the extension that the client will use."""
    assert client.is_server_live()
    assert client.is_server_ready()
    metadata = client.get_server_metadata()
    assert metadata["name"] == "convscope"
    assert metadata["version"] == VERSION
    assert metadata["extensions"] == ["binary_tensor_data"]


def test_a_model_tells_its_input_and_every_output(client, mnist_bundle):
    """Readiness and metadata, with and without the version; an absent one is not ready."""
    version = str(mnist_bundle.version)
    assert client.is_model_ready("mnist")
    assert client.is_model_ready("mnist", version)
    assert not client.is_model_ready("mnist", "99")
    assert not client.is_model_ready("cats")
    metadata = client.get_model_metadata("mnist")
    assert metadata == client.get_model_metadata("mnist", version)
    assert (metadata["name"], metadata["versions"]) == ("mnist", [version])
    assert metadata["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, 28, 28, 1]}]
    shapes = {output["name"]: output["shape"] for output in metadata["outputs"]}
    assert {output["datatype"] for output in metadata["outputs"]} == {"FP32"}
    assert shapes["probabilities"] == shapes["logits"] == [-1, len(mnist_bundle.labels)]
    for layer in mnist_bundle.layers:
        assert shapes[layer.name] == shapes[f"{layer.name}/pre"] == [-1, *layer.output_shape]


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("form", ["UINT8", "FP32", "BYTES", "no channel"])
def test_every_output_of_every_form_equals_activations(
    client, digits, expected, mnist_bundle, form, binary
):
    """Tensors and pictures, binary and JSON, in and out: bit for bit what /activations says."""
    sent = {
        "UINT8": lambda: tensor(digits, "UINT8", binary=binary),
        "FP32": lambda: tensor(digits / np.float32(255), "FP32", binary=binary),
        "BYTES": lambda: pictures([png(digit[..., 0]) for digit in digits], binary=binary),
        "no channel": lambda: tensor(digits, "UINT8", binary=binary, shape=(3, 28, 28)),
    }[form]()
    names = [output["name"] for output in client.get_model_metadata("mnist")["outputs"]]
    found = client.infer("mnist", [sent], outputs=asked(*names, binary=binary))
    for name in names:
        array = found.as_numpy(name)
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, expected[name], err_msg=name)
    assert {layer.name for layer in mnist_bundle.layers} <= set(names)


def test_probabilities_are_the_default(client, digits, expected):
    """No outputs asked for: the probabilities, binary, as the client then wants them."""
    found = client.infer("mnist", [tensor(digits, "UINT8", binary=True)])
    assert [output["name"] for output in found.get_response()["outputs"]] == ["probabilities"]
    np.testing.assert_array_equal(found.as_numpy("probabilities"), expected["probabilities"])


def test_binary_and_json_outputs_stand_side_by_side(client, digits, expected, mnist_bundle):
    """Each output has the form asked for, in the order asked for."""
    first, last = mnist_bundle.layers[0].name, mnist_bundle.layers[-1].name
    outputs = [
        *asked(first, binary=True),
        *asked("logits", binary=False),
        *asked(f"{last}/pre", binary=True),
    ]
    found = client.infer("mnist", [tensor(digits, "UINT8", binary=False)], outputs=outputs)
    told = found.get_response()["outputs"]
    assert [output["name"] for output in told] == [first, "logits", f"{last}/pre"]
    assert ["data" in output for output in told] == [False, True, False]
    for name in (first, "logits", f"{last}/pre"):
        np.testing.assert_array_equal(found.as_numpy(name), expected[name])


def test_the_answer_tells_model_version_and_the_requests_id(client, digits, mnist_bundle):
    """`id` comes back and only where it was sent; `model_version` is a string."""
    sent = [tensor(digits, "UINT8", binary=True)]
    version = str(mnist_bundle.version)
    answer = client.infer("mnist", sent, model_version=version, request_id="my-42").get_response()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == (
        "my-42",
        "mnist",
        version,
    )
    assert "id" not in client.infer("mnist", sent).get_response()


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_the_clients_compression_is_understood(client, digits, expected, algorithm):
    """Of requests, over JSON and binary data together; of answers, packed or not."""
    found = client.infer(
        "mnist",
        [tensor(digits, "UINT8", binary=True)],
        outputs=[*asked("logits", binary=True), *asked("probabilities", binary=False)],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    for name in ("logits", "probabilities"):
        np.testing.assert_array_equal(found.as_numpy(name), expected[name])


def test_preprocess_means_what_it_means_elsewhere(client, server, mnist):
    """A black-on-white drawing as BYTES, and as a tensor with preprocess=mnist, is that digit."""
    paper = 255 - mnist.test_images[0]
    drawn = np.asarray(Image.fromarray(paper).resize((90, 90)))
    told = requests.post(f"{server}/predict", data=png(drawn), timeout=10).json()
    found = client.infer("mnist", [pictures([png(drawn)], binary=True)])
    assert found.as_numpy("probabilities")[0].max() == np.float32(
        told["predictions"][0]["confidence"]
    )
    sent = [tensor(paper[np.newaxis, ..., np.newaxis], "UINT8", binary=True)]
    told = requests.post(
        f"{server}/predict", data=png(paper), params={"preprocess": "mnist"}, timeout=10
    ).json()
    found = client.infer("mnist", sent, parameters={"preprocess": "mnist"})
    assert found.as_numpy("probabilities")[0].max() == np.float32(
        told["predictions"][0]["confidence"]
    )


def test_another_model_has_another_input(client, tiny_bundle):
    """Its own shape and classes; a picture is refused with what to send instead."""
    metadata = client.get_model_metadata("tiny")
    assert metadata["inputs"][0]["shape"] == [-1, *tiny_bundle.input_shape]
    pixels = np.random.default_rng(0).integers(0, 256, (2, *tiny_bundle.input_shape), np.uint8)
    found = client.infer("tiny", [tensor(pixels, "UINT8", binary=True)])
    assert found.as_numpy("probabilities").shape == (2, len(tiny_bundle.labels))
    with pytest.raises(InferenceServerException, match="not pictures") as refused:
        client.infer("tiny", [pictures([png(np.eye(28, dtype=np.uint8))], binary=True)])
    assert refused.value.status() == "422"


def test_triton_extensions_that_are_not_here_are_refused(client, digits):
    """Classification and shared memory: an error, not another answer than was asked for."""
    sent = [tensor(digits, "UINT8", binary=True)]
    shared = triton.InferRequestedOutput("probabilities")
    shared.set_shared_memory("region", 120)
    for output in (triton.InferRequestedOutput("probabilities", class_count=3), shared):
        with pytest.raises(InferenceServerException, match="are not here") as refused:
            client.infer("mnist", sent, outputs=[output])
        assert refused.value.status() == "400"


def test_unknown_routes_and_methods_speak_the_protocol_too(client, server):
    """What Triton has and this server lacks is a plain error to its client."""
    with pytest.raises(InferenceServerException, match="no such route") as refused:
        client.get_model_config("mnist")
    assert refused.value.status() == "404"
    answer = requests.get(f"{server}/v2/models/mnist/infer", timeout=5)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert set(answer.json()) == {"error"}
    assert "type" in requests.get(f"{server}/v2x", timeout=5).json()  # not the protocol's
