"""The page's main flows in Firefox; every other test of the page runs in Chromium."""

import pytest

from tests.e2e.firefox import Firefox, running
from tests.e2e.test_playground import SEVEN
from tests.prerequisites import find_firefox

COMPARISON = "document.querySelector('#what-if .comparison')?.textContent"
FEATURE_MAP = """document.querySelector('.exhibit [data-board="result"]')?.ariaLabel"""
CELL = "#sample=0&layer=conv2d_1&channel=5&row=4&column=4&lang=en"


@pytest.fixture
def firefox(tmp_path):
    """A Firefox of its own."""
    if (program := find_firefox()) is None:
        pytest.skip("Firefox is not installed; on Debian: apt-get install firefox-esr")
    with running(program, tmp_path) as firefox:
        yield firefox


def test_the_main_flows_work_in_firefox(firefox: Firefox, server):
    """The page answers, draws its path, changes the network, and opens the map and the lab."""
    firefox.open(f"{server}/")
    assert label(firefox) == "7"
    firefox.wait("document.querySelectorAll('#inspector .trail .step').length >= 7")

    firefox.run("location.hash = 'blank'")
    firefox.wait("!document.querySelector('#answer .label')")
    draw_seven(firefox)
    assert label(firefox) == "7"

    firefox.run("location.hash = arguments[0]", CELL)
    firefox.click('[data-tab="change"]')
    firefox.click('[data-change="silence"]')
    assert "Before: 7" in firefox.wait(COMPARISON)
    firefox.click('[data-action="undo-all"]')
    firefox.wait(f"!{COMPARISON}")

    firefox.click('#views a[href="#map"]')
    firefox.wait("document.querySelector('.digit-list button')")

    firefox.click('#views a[href="#lab"]')
    firefox.click('[data-do="all"]')
    assert firefox.wait(FEATURE_MAP).endswith(": 4 3 4; 2 4 3; 2 3 4")
    assert firefox.errors(server) == []


def label(firefox: Firefox) -> str:
    """Return the class that the page predicts."""
    return firefox.wait("document.querySelector('#answer .label')?.textContent")


def draw_seven(firefox: Firefox) -> None:
    """Draw a 7 on the drawing area with the mouse."""
    box = firefox.wait("document.querySelector('#paper')?.getBoundingClientRect().toJSON()")
    firefox.drag([(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in SEVEN])
