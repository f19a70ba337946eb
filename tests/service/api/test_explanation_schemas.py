"""The explanations in the OpenAPI document."""

import json
from typing import get_args

from service.app import create_app
from service.model.explain.traces import Explanation
from service.model.kinds import KINDS


def test_every_explanation_is_described():
    """The answer of /explain is one of the explanations; each has its arithmetic and its kinds."""
    document = json.loads(create_app().test_client().get("/openapi.json").get_data())
    schemas = document["components"]["schemas"]
    options = schemas["ExplainAnswer"]["properties"]["explanation"]["oneOf"]
    names = [option["$ref"].removeprefix("#/components/schemas/") for option in options]
    assert names == [explanation.__name__ for explanation in get_args(Explanation)]
    kinds = []
    for name in names:
        assert schemas[name]["description"].startswith("`pre` = "), name
        kinds += schemas[name]["properties"]["kind"]["enum"]
    assert sorted(kinds) == sorted(name for name, kind in KINDS.items() if kind.family)
    query = {each["name"]: each for each in document["paths"]["/explain"]["post"]["parameters"]}
    assert "convolution" in query["top"]["description"]
    assert [query[name]["required"] for name in ("channel", "row", "column")] == [
        True,
        False,
        False,
    ]
