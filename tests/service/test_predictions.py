"""Predictions as JSON: which fields they have and which are left out."""

import json

import numpy as np
import pytest

from service.api.http import formats
from service.images.digit.preprocessing import prepare
from service.images.digit.segmentation import Place
from service.predictions import AppliedPreprocessing, Prediction
from training import renderings

LEAN = ["mode", "inverted", "bounding_box", "removed"]
DETAILS = ["scale", "shift", "threshold", "stroke"]


@pytest.fixture(scope="module")
def applied(mnist):
    """The preprocessing of a drawn digit."""
    shape = renderings.shape_of(mnist.train_images[-1], 150)
    return prepare(renderings.on_canvas(shape, np.random.default_rng(1))).applied


@pytest.mark.parametrize(("details", "names"), [(False, LEAN), (True, LEAN + DETAILS)])
def test_the_details_of_the_preprocessing_are_left_out_unless_requested(applied, details, names):
    """The JSON has exactly these fields, with the values of the preprocessing."""
    raw = formats.encode(AppliedPreprocessing.of(applied, details=details))
    assert json.loads(raw) == json.loads(formats.encode({n: getattr(applied, n) for n in names}))
    assert list(json.loads(raw)) == names


def test_only_segments_have_a_place(applied):
    """A prediction without segmentation has no `segment`; an empty cell has all of its fields."""
    preprocessing = AppliedPreprocessing.of(applied, details=False)
    cell = Prediction(0, None, None, {}, None, None, preprocessing)
    assert "segment" not in json.loads(formats.encode(cell))
    cell.segment = Place(7, 0, 7, is_digit=False, touching=False)
    place = {"index": 7, "row": 0, "column": 7, "is_digit": False, "touching": False}
    answer = json.loads(formats.encode(cell))
    assert (answer["label"], answer["probabilities"], answer["segment"]) == (None, {}, place)
