"""The Open Inference Protocol over HTTP, with Triton's client."""

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
    """The values of POST /activations for these digits, by output: float32 (3, …)."""
    files = [("image", ("d.png", png(digit))) for digit in mnist.test_images[:3]]
    arrays = {}
    for stage in ("post", "pre"):
        response = requests.post(
            f"{server}/activations",
            files=files,
            params={"layers": "all", "stage": stage, "format": "npz"},
            timeout=10,
        )
        arrays |= dict(np.load(io.BytesIO(response.content)))
    *_, last = arrays
    return {**arrays, "logits": arrays[last]}


def tensor(array, datatype, *, binary, shape=None):
    """Return an input of Triton's client."""
    image = triton.InferInput("image", list(shape or array.shape), datatype)
    return image.set_data_from_numpy(array.reshape(shape or array.shape), binary_data=binary)


def encoded(files, *, binary):
    """Return BYTES: raw in binary, base64 in JSON (the client sends JSON BYTES as text)."""
    files = files if binary else [base64.b64encode(file) for file in files]
    return tensor(np.array(files, object), "BYTES", binary=binary)


def outputs_of(*names, binary):
    """Return requested outputs of Triton's client."""
    return [triton.InferRequestedOutput(name, binary_data=binary) for name in names]


def test_health_and_server_metadata(client):
    """The server is live and ready, and lists the extension that the client uses."""
    assert client.is_server_live()
    assert client.is_server_ready()
    metadata = client.get_server_metadata()
    assert metadata["name"] == "convscope"
    assert metadata["version"] == VERSION
    assert metadata["extensions"] == ["binary_tensor_data"]


def test_readiness_and_metadata_of_a_model(client, mnist_bundle):
    """Both work with and without a version; an unknown model or version is not ready."""
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
    """Tensors and images, binary and JSON, give exactly the values of /activations."""
    inputs = {
        "UINT8": lambda: tensor(digits, "UINT8", binary=binary),
        "FP32": lambda: tensor(digits / np.float32(255), "FP32", binary=binary),
        "BYTES": lambda: encoded([png(digit[..., 0]) for digit in digits], binary=binary),
        "no channel": lambda: tensor(digits, "UINT8", binary=binary, shape=(3, 28, 28)),
    }[form]()
    names = [output["name"] for output in client.get_model_metadata("mnist")["outputs"]]
    result = client.infer("mnist", [inputs], outputs=outputs_of(*names, binary=binary))
    for name in names:
        array = result.as_numpy(name)
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, expected[name], err_msg=name)
    assert {layer.name for layer in mnist_bundle.layers} <= set(names)


def test_probabilities_are_the_default(client, digits, expected):
    """Without outputs in the request, the response has the probabilities, in binary."""
    result = client.infer("mnist", [tensor(digits, "UINT8", binary=True)])
    assert [output["name"] for output in result.get_response()["outputs"]] == ["probabilities"]
    np.testing.assert_array_equal(result.as_numpy("probabilities"), expected["probabilities"])


def test_binary_and_json_outputs_can_be_mixed(client, digits, expected, mnist_bundle):
    """Each output has the requested form, in the requested order."""
    first, last = mnist_bundle.layers[0].name, mnist_bundle.layers[-1].name
    outputs = [
        *outputs_of(first, binary=True),
        *outputs_of("logits", binary=False),
        *outputs_of(f"{last}/pre", binary=True),
    ]
    result = client.infer("mnist", [tensor(digits, "UINT8", binary=False)], outputs=outputs)
    entries = result.get_response()["outputs"]
    assert [output["name"] for output in entries] == [first, "logits", f"{last}/pre"]
    assert ["data" in output for output in entries] == [False, True, False]
    for name in (first, "logits", f"{last}/pre"):
        np.testing.assert_array_equal(result.as_numpy(name), expected[name])


def test_a_response_has_the_models_version_and_the_requests_id(client, digits, mnist_bundle):
    """`id` is returned only where the request has one; `model_version` is a string."""
    inputs = [tensor(digits, "UINT8", binary=True)]
    version = str(mnist_bundle.version)
    response = client.infer(
        "mnist", inputs, model_version=version, request_id="my-42"
    ).get_response()
    assert (response["id"], response["model_name"], response["model_version"]) == (
        "my-42",
        "mnist",
        version,
    )
    assert "id" not in client.infer("mnist", inputs).get_response()


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_requests_are_supported(client, digits, expected, algorithm):
    """Requests with JSON and binary data may be compressed; the client reads the response."""
    result = client.infer(
        "mnist",
        [tensor(digits, "UINT8", binary=True)],
        outputs=[*outputs_of("logits", binary=True), *outputs_of("probabilities", binary=False)],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    for name in ("logits", "probabilities"):
        np.testing.assert_array_equal(result.as_numpy(name), expected[name])


def test_preprocess_has_the_same_meaning_as_in_predict(client, server, mnist):
    """A drawing as BYTES, or as a tensor with preprocess=mnist, gives /predict's confidence."""
    inverted = 255 - mnist.test_images[0]
    drawing = np.asarray(Image.fromarray(inverted).resize((90, 90)))
    response = requests.post(f"{server}/predict", data=png(drawing), timeout=10).json()
    result = client.infer("mnist", [encoded([png(drawing)], binary=True)])
    assert result.as_numpy("probabilities")[0].max() == np.float32(
        response["predictions"][0]["confidence"]
    )
    inputs = [tensor(inverted[np.newaxis, ..., np.newaxis], "UINT8", binary=True)]
    response = requests.post(
        f"{server}/predict", data=png(inverted), params={"preprocess": "mnist"}, timeout=10
    ).json()
    result = client.infer("mnist", inputs, parameters={"preprocess": "mnist"})
    assert result.as_numpy("probabilities")[0].max() == np.float32(
        response["predictions"][0]["confidence"]
    )


def test_another_model_has_another_input(client, tiny_bundle):
    """Its metadata have its own shape and classes; an image is rejected with what to send."""
    metadata = client.get_model_metadata("tiny")
    assert metadata["inputs"][0]["shape"] == [-1, *tiny_bundle.input_shape]
    pixels = np.random.default_rng(0).integers(0, 256, (2, *tiny_bundle.input_shape), np.uint8)
    result = client.infer("tiny", [tensor(pixels, "UINT8", binary=True)])
    assert result.as_numpy("probabilities").shape == (2, len(tiny_bundle.labels))
    with pytest.raises(InferenceServerException, match="not images") as error:
        client.infer("tiny", [encoded([png(np.eye(28, dtype=np.uint8))], binary=True)])
    assert error.value.status() == "422"


def test_unsupported_extensions_are_rejected(client, digits):
    """Classification and shared memory give an error, not a response of another kind."""
    inputs = [tensor(digits, "UINT8", binary=True)]
    shared = triton.InferRequestedOutput("probabilities")
    shared.set_shared_memory("region", 120)
    for output in (triton.InferRequestedOutput("probabilities", class_count=3), shared):
        with pytest.raises(InferenceServerException, match="not supported") as error:
            client.infer("mnist", inputs, outputs=[output])
        assert error.value.status() == "400"


def test_unknown_routes_and_methods_give_the_protocols_errors(client, server):
    """A route of Triton that this server lacks is an error to its client."""
    with pytest.raises(InferenceServerException, match="no such route") as error:
        client.get_model_config("mnist")
    assert error.value.status() == "404"
    response = requests.get(f"{server}/v2/models/mnist/infer", timeout=5)
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]
    assert set(response.json()) == {"error"}
    assert "type" in requests.get(f"{server}/v2x", timeout=5).json()  # not the protocol's
