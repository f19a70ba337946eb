"""Fixtures of the client's tests."""

import time

import numpy as np
import pytest

from convscope_client import Client
from tests.e2e.test_predict import png


@pytest.fixture
def client(server):
    """Connect a client to the running service."""
    with Client(server) as running_client:
        yield running_client


@pytest.fixture
def first_digits(mnist):
    """Return the first twelve test digits, uint8 (12, 28, 28)."""
    return mnist.test_images[:12]


@pytest.fixture
def waits(monkeypatch):
    """Record the seconds of each wait between two attempts, without waiting."""
    seconds = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def folder(first_digits, tmp_path):
    """Write four files: two digits, one that is not an image, and a blank image."""
    (tmp_path / "seven.png").write_bytes(png(first_digits[0]))
    (tmp_path / "two.png").write_bytes(png(first_digits[1]))
    (tmp_path / "broken.png").write_text("hello")
    (tmp_path / "blank.png").write_bytes(png(np.zeros((50, 50), np.uint8)))
    return tmp_path
