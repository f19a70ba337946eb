"""The networks whose cells the tests explain."""

import pytest

from tests.explanations import odd_subject, subject_of


@pytest.fixture(scope="module", params=["mnist_bundle", "tiny_bundle"])
def subject(request, mnist):
    """The lecture's network, and one with strides, `same` padding, both poolings and tanh."""
    return subject_of(request.getfixturevalue(request.param), mnist)


@pytest.fixture
def odd(tmp_path):
    """A network without bias, with average pooling over padding and an unused pixel row."""
    return odd_subject(tmp_path)
