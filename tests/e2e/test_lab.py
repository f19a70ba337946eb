"""The lab in a real browser: every exhibit starts with the lecture's numbers."""

import re

import pytest

from tests.e2e.lab_page import EXHIBITS, address, go, numbers, text, wait_until_loaded

SUMMARY = """conv2d (None, 26, 26, 32) 320
max_pooling2d (None, 13, 13, 32) 0
conv2d_1 (None, 11, 11, 64) 18,496
max_pooling2d_1 (None, 5, 5, 64) 0
conv2d_2 (None, 3, 3, 64) 36,928
flatten (None, 576) 0
dense (None, 64) 36,928
dense_1 (None, 10) 650"""


def check_convolution(page):
    """A 3 × 3 kernel on 5 × 5: the first cell, then the lecture's nine values."""
    assert text(page, '[data-role="sum"]') == "4"
    page.locator('[data-do="all"]').click()
    assert numbers(page, "result") == "4 3 4; 2 4 3; 2 3 4"


def check_kernels(page):
    """The lecture's kernels, the first of them on a digit."""
    names = page.locator("[data-kernel]").evaluate_all("(all) => all.map((b) => b.dataset.kernel)")
    assert names == ["up", "down", "diagonal", "sharpen", "blur", "emboss", "identity"]
    weights = page.locator(".edit-grid input").evaluate_all("(all) => all.map((i) => +i.value)")
    assert weights == [-1, -1, -1, 0, 0, 0, 1, 1, 1]


def check_channels(page):
    """The lecture's colour example, and six maps each of one channel and of three."""
    sums = page.locator('[data-role="channel-sum"]').all_inner_texts()
    assert sums == ["308", "−498", "164"]
    assert text(page, '[data-role="equation"]') == "308 − 498 + 164 + 1 = −25"
    for mode in ("one", "three"):
        page.locator(f'label[for="lab-channels-{mode}"]').click()
        assert page.locator('.exhibit [data-board^="map-"]').count() == 6
    assert text(page, ".readout").endswith("308 − 498 + 164 + 1 = −25")


def check_stride(page):
    """The formula with its numbers, and the lecture's cases with a note where it was wrong."""
    assert text(page, '[data-role="formula"]') == "O = ⌊(5 − 3 + 2·0)/1⌋ + 1 = 3"
    sides = []
    for preset in range(6):
        page.locator(".exhibit .presets button").nth(preset).click()
        sides.append(int(text(page, '[data-role="formula"]').rpartition("= ")[2]))
        assert page.get_by_text("for 6 × 6 the filter must be 4 × 4").is_visible() == (preset > 3)
    assert sides == [3, 2, 5, 3, 7, 6]


def check_relu(page):
    """ReLU sets the colour example's −25 to 0."""
    assert text(page, '[data-role="relu"]') == "g(−25) = max(0, −25) = 0"


def check_pooling(page):
    """The lecture's maps: 5 × 5 with 3 × 3 windows, and 4 × 4 with 2 × 2 windows."""
    assert numbers(page, "max") == "3 3 3; 3 3 3; 3 2 3"
    assert text(page, '[data-role="average"]') == "1.667"
    page.locator('label[for="lab-pooling-four"]').click()
    assert numbers(page, "max") == "20 30; 112 37"
    assert numbers(page, "average") == "13 8; 79 19.5"


def check_connections(page):
    """The parameter counts of this network's first layer, connected in three ways."""
    counts = [text(page, f'[data-role="{kind}"]') for kind in ("full", "local", "shared")]
    assert counts == ["16,981,120", "216,320", "320"]


def check_shift(page):
    """A sample that is not shifted, whose layers are therefore all unchanged."""
    page.get_by_text("of 441 shifts").wait_for()
    assert text(page, '[data-role="answer"]') == "7"
    likeness = page.locator(".exhibit [data-same] data, .exhibit [data-along] data")
    assert set(likeness.all_inner_texts()) == {"1.000"}


def check_flow(page):
    """The counts of all parameters and all values."""
    page.get_by_text("37,610 values of this digit with 93,322 parameters").wait_for()


def check_training(page):
    """The lecture's six steps."""
    page.locator('[data-part="classes"]').wait_for()
    steps = page.locator(".steps h3").all_inner_texts()
    assert [step[:2] for step in steps] == ["1.", "2.", "3.", "4.", "5.", "6."]


def check_model(page):
    """The lecture's summary, with the computation of each parameter count."""
    lines = page.locator(".summary tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [row.dataset.layer, row.cells[1].innerText,"
        " row.cells[2].innerText].join(' '))"
    )
    assert "\n".join(lines) == SUMMARY
    assert text(page, '[data-role="total"]') == "93,322"
    assert "(3·3·1 + 1)·32 = 320" in text(page, ".summary")
    assert "(576 + 1)·64 = 36,928" in text(page, ".summary")


def test_each_exhibit_starts_with_the_lectures_numbers(open_page):
    """The first states equal the lecture's, and the exhibits have addresses in its order."""
    page = open_page("#lab&lang=en")
    links = page.locator(".exhibits a").evaluate_all("(all) => all.map((a) => a.hash)")
    assert links == [address(exhibit) for exhibit in EXHIBITS]
    assert page.locator(".exhibit").get_attribute("data-exhibit") == "convolution"
    for exhibit in EXHIBITS:
        go(page, exhibit)
        wait_until_loaded(page, exhibit)
        globals()[f"check_{exhibit}"](page)


CELL_COLOUR = """(name, { row, column }) => {
    const canvas = document.querySelector(`[data-board="${name}"] canvas`);
    const ratio = canvas.width / canvas.clientWidth;
    const cell = (canvas.clientWidth - 8) / 6;
    const [x, y] = [column, row].map((at) => Math.round((4 + (at + 0.15) * cell) * ratio));
    return [...canvas.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_channels_have_their_own_colours(open_page, scheme):
    """Red, green and blue are drawn in red, green and blue; 0 is white, and larger is stronger."""
    page = open_page("#lab/channels&lang=en", color_scheme=scheme)
    for channel, colour in enumerate(["red", "green", "blue"]):
        argument = [f"input-{colour}", {"row": 3, "column": 4}]
        drawn = page.evaluate(f"(args) => ({CELL_COLOUR})(...args)", argument)
        assert drawn.index(max(drawn)) == channel, (colour, drawn)
        assert max(drawn) - sorted(drawn)[1] > 25, (colour, drawn)
        empty = page.evaluate(
            f"(args) => ({CELL_COLOUR})(...args)", [f"input-{colour}", {"row": 0, "column": 4}]
        )
        assert min(empty) > 240
        patch = page.locator(f'[data-colour="{colour}"] .edit-grid input').nth(4)
        rgb = patch.evaluate("(node) => getComputedStyle(node).backgroundColor")
        styled = [int(value) for value in re.findall(r"\d+", rgb)]
        assert styled.index(max(styled[:3])) == channel


def test_the_lab_shows_other_networks(open_page):
    """Every exhibit works with other shapes, three input channels and no preprocessing."""
    page = open_page("?model=tiny#lab&lang=en")
    for exhibit in EXHIBITS:
        go(page, exhibit)
        if exhibit not in ("convolution", "training"):  # the model has no report, no plain filters
            wait_until_loaded(page, exhibit)
    rows = page.locator(".summary tbody tr")
    assert rows.count() == 7


def test_the_lab_is_loaded_on_demand(open_page):
    """The playground loads no file of the lab."""
    page = open_page()
    loaded = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [url for url in loaded if "/lab/" in url] == []
