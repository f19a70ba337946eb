"""The exercises for teachers: their answers are computed, and compared with the pages linked."""

import re
import shlex
from pathlib import Path

import keras
import pytest
import requests
from scipy import signal

from tests.conftest import ROOT
from tests.e2e.lab_page import EXHIBITS, follow, numbers, text
from tests.oracles import conv_output_size

ENGLISH, KOREAN = (ROOT / "docs" / name for name in ("teaching.md", "teaching.ko.md"))
LINK = re.compile(r"\]\(http://localhost:8000/(#[^)]*)\)")


def exercises(path: Path) -> list[str]:
    """Return the text of each exercise."""
    return re.split(r"^### \d+\. ", path.read_text(), flags=re.MULTILINE)[1:]


def answers(exercise: str) -> list[str]:
    """Return the answers in an exercise's text."""
    line = re.search(r"^\*\*(?:Answer|답):\*\* (.*)$", exercise, re.MULTILINE)
    return re.findall(r"`([^`]+)`", line[1]) if line else []


def presets(page) -> dict:
    """Return the lecture's numbers in the lab."""
    return page.evaluate("import('/web/lab/presets.js').then((all) => ({ ...all }))")


@pytest.fixture
def lab(open_page):
    """Return a function that opens the address of an exercise on one page."""
    page = open_page("#lab&lang=en")

    def open_exercise(link):
        name = re.match(r"#(?:lab/)?(\w+)", link)
        assert name
        follow(page, f"{link}&lang=en", name[1])
        return page

    return open_exercise


def test_both_languages_have_the_same_exercises():
    """Each language has ten exercises, with the same answers, links and commands."""
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
    lecture = presets(page)
    result = signal.correlate2d(lecture["PICTURE"], lecture["CROSS"], mode="valid")
    assert text(page, '[data-role="sum"]') == str(result[1, 1])
    return [result[1, 1], result.sum()]


def solve_2(page, _):
    """The sums of the weights of two kernels."""
    kernels = presets(page)["KERNELS"]
    return [round(sum(map(sum, kernels[name])), 9) for name in ("up", "blur")]


def solve_3(page, _):
    """Three channels' sums, the output, and the largest bias for which ReLU gives 0."""
    lecture = presets(page)
    pairs = zip(lecture["RGB"], lecture["RGB_KERNELS"], strict=True)
    sums = [int(signal.correlate2d(rgb, kernel, mode="valid")[0, 1]) for rgb, kernel in pairs]
    total = sum(sums) + lecture["RGB_BIAS"]
    assert page.locator('[data-role="channel-sum"]').all_inner_texts() == list(map(typeset, sums))
    assert text(page, '[data-role="equation"]').endswith(f"= {total}")
    return [*sums, total, -sum(sums)]


def solve_4(page, _):
    """The size of each map, and the number of cells that the second pooling does not read."""
    sides = [28]
    for kernel, stride in [(3, 1), (2, 2), (3, 1), (2, 2), (3, 1)]:
        sides.append(conv_output_size(sides[-1], kernel, 0, stride))
    assert text(page, '[data-role="formula"]').endswith("= 5")
    return [*sides[1:], sides[3] ** 2 - (2 * sides[4]) ** 2]


def solve_5(page, _):
    """The output for padding 2, the filter for a 6 × 6 output, the padding that keeps the size."""
    filter_ = next(f for f in range(1, 8) if conv_output_size(5, f, 2, 1) == 6)
    padding = next(p for p in range(5) if conv_output_size(5, 3, p, 1) == 5)
    assert text(page, '[data-role="formula"]').endswith("= 7")
    return [conv_output_size(5, 3, 2, 1), filter_, padding]


def solve_6(page, _):
    """Maximum and average of a window, and their changes by one larger value."""
    window = [value for line in presets(page)["POOLED_4"][2:] for value in line[:2]]
    changed = [200 if value == 112 else value for value in window]
    averages = sum(window) / 4, sum(changed) / 4
    assert text(page, '[data-role="max"]') == str(max(window))
    assert numbers(page, "average").endswith(f"{averages[0]:g} 19.5")
    return [max(window), averages[0], max(changed) - max(window), averages[1] - averages[0]]


def solve_7(page, _):
    """The parameter counts of the second convolution, connected in three ways."""
    convolution = keras.layers.Conv2D(64, 3)
    convolution.build((None, 13, 13, 32))
    shared, outputs = convolution.count_params(), 11 * 11 * 64
    counts = [(13 * 13 * 32 + 1) * outputs, 11 * 11 * shared, shared]
    shown = [text(page, f'[data-role="{kind}"]') for kind in ("full", "local", "shared")]
    assert shown == list(map(typeset, counts))
    return counts


def solve_8(page, bundle):
    """The numbers of layers whose steps divide the shift."""
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
    """The parameters of the dense layers, and of `dense` after one pooling layer less."""
    dense = sum(layer.parameters for layer in bundle.layers if layer.kind == "Dense")
    assert text(page, '[data-role="total"]') == "93,322"
    return [dense, (9 * 9 * 64 + 1) * 64]


def typeset(value):
    """Format a number as the pages do."""
    return f"{value:,g}".replace("-", "−") if abs(value) < 1e6 else f"{value:,}"


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 8, 10])
def test_an_exercises_answer_is_correct(lab, mnist_bundle, number):
    """The answer in an exercise equals the computed one, and the page that it links shows it."""
    exercise = exercises(ENGLISH)[number - 1]
    page = lab(LINK.findall(exercise)[0])
    solution = globals()[f"solve_{number}"](page, mnist_bundle)
    assert answers(exercise) == [typeset(value) for value in solution]


def test_the_command_of_exercise_9_returns_its_answer(server):
    """The command of exercise 9, unchanged, returns the receptive field that is its answer."""
    exercise = exercises(ENGLISH)[8]
    command = re.search(r"^curl .*", exercise, re.MULTILINE)
    assert command
    *_, picture, url = shlex.split(command[0])
    response = requests.post(
        url.replace("localhost:8000", server), data=(ROOT / picture[1:]).read_bytes()
    ).json()
    field = response["explanation"]["receptive_field"]
    assert answers(exercise) == [str(field["height"]), str(field["width"])]
