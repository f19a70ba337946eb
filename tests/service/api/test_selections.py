"""Limits of what a request may select."""

import pytest

from service.api.http.selections import Selection, check_sheet, check_size
from service.errors import ImageTooLarge
from service.model.layer import Layer
from service.settings import Settings


def selection(name, *shape):
    """A whole layer of that output shape."""
    layer = Layer(name, "Conv2D", (28, 28, 1), shape, "relu", 0, pre=0, post=1)
    return Selection(layer, "post", tuple(range(shape[-1])), is_whole=True)


LARGE = [selection("a", 7, 7, 2_048), selection("b", 56, 56, 256), selection("c", 1_000)]


def test_the_error_of_too_many_values_names_the_largest_layers():
    """The layers are listed by their number of values, with what to do."""
    check_size(LARGE, 1, Settings(max_values=1_000_000))
    with pytest.raises(ImageTooLarge, match=r"250,000 as JSON, and four times as many as npz"):
        check_size(LARGE, 1, Settings(max_values=1_000_000), is_json=True)
    with pytest.raises(ImageTooLarge) as caught:
        check_size(LARGE, 3, Settings(max_values=1_000_000))
    assert str(caught.value) == (
        "The response would have 2,712,504 values, of 3 images; the limit is 1,000,000. Select "
        "fewer layers (layers=) or channels (channels=), or send fewer images in a request. The "
        "largest of the layers, with their values for an image: "
        "b (802,816), a (100,352), c (1,000)."
    )


def test_a_contact_sheet_has_a_limit_of_pixels():
    """A sheet of thousands of maps is rejected; the error names /atlas."""
    check_sheet(LARGE)
    with pytest.raises(ImageTooLarge, match=r"pixels; the limit is .* POST /atlas"):
        check_sheet([*LARGE, selection("d", 112, 112, 512), selection("e", 7, 7, 512)])
