"""The client's explanations and occlusion maps: those of this service, and of the last release."""

import inspect
import json
import re
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import numpy as np
import pytest
import requests

import convscope_client
from convscope_client import ConvolutionTrace, CopyTrace, DenseTrace, FlattenTrace, MaxPoolingTrace
from convscope_client import cells as client_cells
from convscope_client import traces as client_traces
from convscope_client.kinds import TRACES, parse_trace
from service.model.explain import cells, trace, traces
from service.model.kinds import KINDS
from tests.client.servers import RESPONSE, scripted_server
from tests.conftest import ROOT
from tests.exact_models import LAYERS, MERGES, explained, model_of_every_kind

RECORDED = json.loads((Path(__file__).parent / "explanations-0.1.0.json").read_text())
SEVEN = ROOT / "tests" / "seven.png"
SERVICE_CLASSES = {
    name: item
    for module in (cells, trace, traces)
    for name, item in vars(module).items()
    if inspect.isclass(item) and is_dataclass(item)
}


def fields_of(item):
    """Return the type of each field of a dataclass, as text without modules."""
    hints = get_type_hints(item)
    names = [field.name for field in fields(item) if field.name != "kind"]
    return {name: re.sub(r"[\w.]+\.", "", str(hints[name])) for name in names}


@pytest.mark.parametrize("name", SERVICE_CLASSES)
def test_every_part_of_an_explanation_is_a_class_of_the_client(name):
    """Each of the service's dataclasses has one of the same name, fields and types."""
    own = getattr(client_cells, name, None) or getattr(client_traces, name)
    assert fields_of(own) == fields_of(SERVICE_CLASSES[name])


def test_every_explained_kind_has_the_class_that_the_service_returns():
    """TRACES names the kinds of the registry with an explanation, and the class of each."""
    expected = {
        kind: item.__name__
        for item in get_args(traces.Explanation)
        for kind in get_args(get_type_hints(item)["kind"])
    }
    assert {kind: item.__name__ for kind, item in TRACES.items()} == expected
    assert TRACES.keys() == {name for name, kind in KINDS.items() if kind.family}
    for item in TRACES.values():
        assert getattr(convscope_client, item.__name__) is item


def test_every_explanation_is_parsed_completely(tmp_path):
    """For layers of every kind, the dataclass has all that is in the service's JSON."""
    subject = explained(model_of_every_kind(), tmp_path)
    names = (*(f"{name}_" for name in LAYERS), *MERGES, "classes", "channels")
    for layer in map(subject.bundle.layer, names):
        sides = layer.output_shape
        for index in (tuple(0 for _ in sides), tuple(side // 2 for side in sides)):
            explanation = msgspec.json.encode(subject.explain(layer, index, 3))
            expected = json.loads(explanation)
            assert asdict(parse_trace(expected)) == expected
            assert type(parse_trace(expected)) is TRACES[layer.kind]


def test_explanations_of_the_last_release_are_parsed(client):
    """What version 0.1.0 left out has the values that this service states for the same cells."""
    traces_of_0_1_0 = [parse_trace(explanation) for explanation in RECORDED]
    classes = ConvolutionTrace, MaxPoolingTrace, FlattenTrace, DenseTrace
    assert tuple(map(type, traces_of_0_1_0)) == classes
    for recorded, parsed in zip(RECORDED, traces_of_0_1_0, strict=True):
        cell = parsed.cell
        top = len(parsed.terms) if recorded["kind"] == "Dense" else None
        today = client.explain(SEVEN, cell.layer, cell.channel, cell.row, cell.column, top=top)
        assert asdict(parsed).items() >= recorded.items()
        left_out = asdict(today.trace).keys() - recorded.keys()
        assert {"inputs", "activation_parameters"} <= left_out
        for name in left_out:
            assert getattr(parsed, name) == getattr(today.trace, name), name


def test_a_cell_in_the_padding_has_no_source():
    """A copy of the padding is parsed with None as its source; a row may be without a column."""
    copied = {**RECORDED[2], "kind": "ZeroPadding2D", "source": None}
    copied["cell"] = {"layer": "tokens", "channel": 0, "row": 3, "column": None}
    parsed = parse_trace(copied)
    assert isinstance(parsed, CopyTrace)
    assert (parsed.source, parsed.cell.row, parsed.cell.column) == (None, 3, None)


def test_top_limits_the_terms(client, first_digits):
    """With top=3 the three largest contributions are listed, and the others are in `rest`."""
    few = client.explain(first_digits[0], "conv2d_1", 5, 4, 4, top=3).trace
    every = client.explain(first_digits[0], "conv2d_1", 5, 4, 4).trace
    assert (len(few.terms), few.count) == (3, 32) == (3, len(every.terms))
    assert few.pre == every.pre
    listed = sum(term.contribution for term in few.terms)
    assert listed + few.rest + few.bias == pytest.approx(few.pre, abs=1e-9)


def test_an_occlusion_map_has_the_values_of_the_service(client, server):
    """Heat and pixels are float32 arrays with the numbers of the JSON; the rest is as it is."""
    query = {"patch": 8, "stride": 4, "fill": 9}
    occlusion = client.occlusion(SEVEN, **query)
    response = requests.post(f"{server}/occlusion", params=query, data=SEVEN.read_bytes()).json()
    assert (occlusion.heat.dtype, occlusion.pixels.shape) == (np.float32, (28, 28))
    assert occlusion.model == response["model"]
    expected = response["occlusion"]
    assert expected.keys() == {each.name for each in fields(occlusion)} - {"model"}
    for name, value in expected.items():
        own = getattr(occlusion, name)
        assert (
            np.array_equal(own, np.float32(value)) if name in ("heat", "pixels") else own == value
        )


def test_options_of_an_occlusion_map_are_left_out_by_default():
    """Without arguments the service chooses patch, stride and fill."""
    occlusion = {"index": 0, "label": "0", "confidence": 1.0, "heat": [[0]], "pixels": [[0]]}
    occlusion |= {"patch": 6, "stride": 2, "fill": 0, "tops": [0], "lefts": [0], "later": 1}
    with (
        scripted_server((200, {}, RESPONSE | {"occlusion": occlusion})) as script,
        convscope_client.Client(script.url) as scripted,
    ):
        assert scripted.occlusion(b"x", model="flowers").patch == 6
    assert (script.requests[0].path, script.requests[0].query) == (
        "/occlusion",
        {"model": ["flowers"]},
    )
