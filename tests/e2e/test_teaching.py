"""The teacher's page: each answer is worked out anew, and checked where the page says to."""

import re
import shlex
from pathlib import Path

import keras
import pytest
import requests
from scipy import signal

from tests.conftest import ROOT
from tests.e2e.test_lab import EXHIBITS, follow, numbers, text
from tests.oracles import conv_output_size

ENGLISH, KOREAN = (ROOT / "docs" / name for name in ("teaching.md", "teaching.ko.md"))
LINK = re.compile(r"\]\(http://localhost:8000/(#[^)]*)\)")


def exercises(path: Path) -> list[str]:
    """The text of each exercise."""
    return re.split(r"^### \d+\. ", path.read_text(), flags=re.MULTILINE)[1:]


def answers(exercise: str) -> list[str]:
    """What the page says is right."""
    line = re.search(r"^\*\*(?:Answer|답):\*\* (.*)$", exercise, re.MULTILINE)
    return re.findall(r"`([^`]+)`", line[1]) if line else []


def lines(page) -> dict:
    """The lecture's numbers, as the lab has them."""
    return page.evaluate("import('/web/lab/presets.js').then((all) => ({ ...all }))")


@pytest.fixture
def lab(open_page):
    """Opens the addresses of an exercise, one after the other, on one page."""
    page = open_page("#lab&lang=en")

    def opened(link):
        name = re.match(r"#(?:lab/)?(\w+)", link)
        assert name
        follow(page, f"{link}&lang=en", name[1])
        return page

    return opened


def test_both_pages_say_the_same():
    """Ten exercises in each language, with the same answers, the same links and commands."""
    english, korean = exercises(ENGLISH), exercises(KOREAN)
    assert len(english) == len(korean) == 10
    for one, other in zip(english, korean, strict=True):
        assert answers(one)
        assert answers(one) == answers(other)
        assert re.findall(r"^curl .*", one, re.MULTILINE) == re.findall(
            r"^curl .*", other, re.MULTILINE
        )
    links = LINK.findall(ENGLISH.read_text())
    assert links == LINK.findall(KOREAN.read_text())
    assert {f"#lab/{name}" for name in EXHIBITS[:-1]} | {"#model"} <= set(links)


def solve_1(page, _):
    """The middle of the lecture's convolution, and the sum of all nine cells."""
    given = lines(page)
    result = signal.correlate2d(given["PICTURE"], given["CROSS"], mode="valid")
    assert text(page, '[data-role="sum"]') == str(result[1, 1])
    return [result[1, 1], result.sum()]


def solve_2(page, _):
    """What kernels add up to."""
    kernels = lines(page)["KERNELS"]
    return [round(sum(map(sum, kernels[name])), 9) for name in ("up", "blur")]


def solve_3(page, _):
    """Three channels' sums, the output, and the largest bias that ReLU silences."""
    given = lines(page)
    pairs = zip(given["RGB"], given["RGB_KERNELS"], strict=True)
    sums = [int(signal.correlate2d(rgb, kernel, mode="valid")[0, 1]) for rgb, kernel in pairs]
    total = sum(sums) + given["RGB_BIAS"]
    assert page.locator('[data-role="channel-sum"]').all_inner_texts() == list(map(typeset, sums))
    assert text(page, '[data-role="equation"]').endswith(f"= {total}")
    return [*sums, total, -sum(sums)]


def solve_4(page, _):
    """The side of each map, and what the second pooling drops."""
    sides = [28]
    for kernel, stride in [(3, 1), (2, 2), (3, 1), (2, 2), (3, 1)]:
        sides.append(conv_output_size(sides[-1], kernel, 0, stride))
    assert text(page, '[data-role="formula"]').endswith("= 5")
    return [*sides[1:], sides[3] ** 2 - (2 * sides[4]) ** 2]


def solve_5(page, _):
    """What really comes of padding 2, which filter makes 6 × 6, which padding keeps the size."""
    filter_ = next(f for f in range(1, 8) if conv_output_size(5, f, 2, 1) == 6)
    padding = next(p for p in range(5) if conv_output_size(5, 3, p, 1) == 5)
    assert text(page, '[data-role="formula"]').endswith("= 7")
    return [conv_output_size(5, 3, 2, 1), filter_, padding]


def solve_6(page, _):
    """Maximum and average of a window, and how far one larger value moves them."""
    window = [value for line in lines(page)["POOLED_4"][2:] for value in line[:2]]
    changed = [200 if value == 112 else value for value in window]
    averages = sum(window) / 4, sum(changed) / 4
    assert text(page, '[data-role="max"]') == str(max(window))
    assert numbers(page, "average").endswith(f"{averages[0]:g} 19.5")
    return [max(window), averages[0], max(changed) - max(window), averages[1] - averages[0]]


def solve_7(page, _):
    """The second convolution in three ways."""
    convolution = keras.layers.Conv2D(64, 3)
    convolution.build((None, 13, 13, 32))
    shared, outputs = convolution.count_params(), 11 * 11 * 64
    counts = [(13 * 13 * 32 + 1) * outputs, 11 * 11 * shared, shared]
    shown = [text(page, f'[data-role="{kind}"]') for kind in ("full", "local", "shared")]
    assert shown == list(map(typeset, counts))
    return counts


def solve_8(page, bundle):
    """Layers whose steps divide the shift."""
    counts = []
    for right in (1, 2, 4):
        page.evaluate("(hash) => { location.hash = hash; }", f"#lab/shift&right={right}&lang=en")
        page.wait_for_function(
            "(right) => document.querySelector('[data-slider=right]')?.value === String(right)"
            " && document.querySelectorAll('[data-along] data').length > 0",
            arg=right,
        )
        shown = page.locator("[data-along] data").all_inner_texts()
        assert set(shown) == {"1.000"}
        fields = [layer.receptive_field for layer in bundle.layers if len(layer.output_shape) == 3]
        assert len(shown) == sum(right % field.step[1] == 0 for field in fields)
        counts.append(len(shown))
    return counts


def solve_10(page, bundle):
    """Parameters of the dense layers, and of `dense` behind one pooling less."""
    dense = sum(layer.parameters for layer in bundle.layers if layer.kind == "Dense")
    assert text(page, '[data-role="total"]') == "93,322"
    return [dense, (9 * 9 * 64 + 1) * 64]


def typeset(value):
    """A number as the pages print it."""
    return f"{value:,g}".replace("-", "−") if abs(value) < 1e6 else f"{value:,}"


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 8, 10])
def test_an_exercises_answer_is_right_and_shown(lab, mnist_bundle, number):
    """Worked out anew, an exercise's answer is the page's, and the link shows it."""
    exercise = exercises(ENGLISH)[number - 1]
    page = lab(LINK.findall(exercise)[0])
    solved = globals()[f"solve_{number}"](page, mnist_bundle)
    assert answers(exercise) == [typeset(value) for value in solved]


def test_the_receptive_field_is_what_the_service_says(server):
    """Exercise 9: its command, as it stands, answers with the field that is its answer."""
    exercise = exercises(ENGLISH)[8]
    command = re.search(r"^curl .*", exercise, re.MULTILINE)
    assert command
    *_, picture, url = shlex.split(command[0])
    answer = requests.post(
        url.replace("localhost:8000", server), data=(ROOT / picture[1:]).read_bytes()
    ).json()
    field = answer["explanation"]["receptive_field"]
    assert answers(exercise) == [str(field["height"]), str(field["width"])]
