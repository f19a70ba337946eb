"""The lab in a real browser: every exhibit begins with the lecture's numbers, for everyone."""

import pytest
from playwright.sync_api import expect

EXHIBITS = [
    *("convolution", "kernels", "channels", "stride", "relu", "pooling"),
    *("connections", "shift", "flow", "training", "model"),
]
BOARD = '.exhibit [data-board="{}"]'
SUMMARY = """conv2d (None, 26, 26, 32) 320
max_pooling2d (None, 13, 13, 32) 0
conv2d_1 (None, 11, 11, 64) 18,496
max_pooling2d_1 (None, 5, 5, 64) 0
conv2d_2 (None, 3, 3, 64) 36,928
flatten (None, 576) 0
dense (None, 64) 36,928
dense_1 (None, 10) 650"""


def address(exhibit, lang="en", **state):
    """Where an exhibit is."""
    place = "#model" if exhibit == "model" else f"#lab/{exhibit}"
    return "&".join([place, f"lang={lang}", *(f"{key}={value}" for key, value in state.items())])


def go(page, exhibit, lang="en", **state):
    """Follow a link to an exhibit on the page that is open."""
    follow(page, address(exhibit, lang, **state), exhibit, lang)


def follow(page, hash_, exhibit, lang="en"):
    """Go to an address, and wait until its exhibit is there in place of the one before."""
    page.evaluate(
        """(hash) => {
            if (location.hash === hash) return;
            document.querySelector('.exhibit')?.setAttribute('data-left', '');
            location.hash = hash;
        }""",
        hash_,
    )
    there = f'.exhibit[data-exhibit="{exhibit}"]:not([data-left])'
    page.locator(f'html[lang="{lang}"] {there}').wait_for()


ANSWERED = {  # exhibit: what is there once the service has answered all that it asks first
    "convolution": '[data-do="filter"]:enabled',
    "kernels": '[data-role="sum"]:not([value="0"])',
    "relu": "[data-share]",
    "shift": '[data-board="shifts"][aria-label]',
    "flow": ".readout:not(:empty)",
    "training": '[data-part="classes"]',
}


def answered(page, exhibit):
    """Wait for what the service answers at first: parts are drawn anew, and moved, by that."""
    if exhibit in ANSWERED:
        page.locator(f".exhibit {ANSWERED[exhibit]}").first.wait_for()


def numbers(page, board):
    """What is read out of a small board: its rows of numbers."""
    return page.locator(BOARD.format(board)).get_attribute("aria-label").partition(": ")[2]


def text(page, selector):
    """The visible text of one element."""
    return page.locator(f".exhibit {selector}").inner_text()


def begins_convolution(page):
    """5 × 5 under 3 × 3: the first cell, then all nine of the lecture."""
    assert text(page, '[data-role="sum"]') == "4"
    page.locator('[data-do="all"]').click()
    assert numbers(page, "result") == "4 3 4; 2 4 3; 2 3 4"


def begins_kernels(page):
    """The kernels that the lecture speaks of, the first of them on a digit."""
    names = page.locator("[data-kernel]").evaluate_all("(all) => all.map((b) => b.dataset.kernel)")
    assert names == ["up", "down", "diagonal", "sharpen", "blur", "emboss", "identity"]
    typed = page.locator(".edit-grid input").evaluate_all("(all) => all.map((i) => +i.value)")
    assert typed == [-1, -1, -1, 0, 0, 0, 1, 1, 1]


def begins_channels(page):
    """The lecture's colour example, and six maps of one channel and of three."""
    sums = page.locator('[data-role="channel-sum"]').all_inner_texts()
    assert sums == ["308", "−498", "164"]
    assert text(page, '[data-role="equation"]') == "308 − 498 + 164 + 1 = −25"
    for mode in ("one", "three"):
        page.locator(f'label[for="lab-channels-{mode}"]').click()
        assert page.locator('.exhibit [data-board^="map-"]').count() == 6
    assert text(page, ".readout").endswith("308 − 498 + 164 + 1 = −25")


def begins_stride(page):
    """The formula with the numbers in it; the lecture's cases, its slip corrected and said."""
    assert text(page, '[data-role="formula"]') == "O = ⌊(5 − 3 + 2·0)/1⌋ + 1 = 3"
    sides = []
    for preset in range(6):
        page.locator(".exhibit .presets button").nth(preset).click()
        sides.append(int(text(page, '[data-role="formula"]').rpartition("= ")[2]))
        assert page.get_by_text("6 × 6 needs a filter of 4").is_visible() == (preset > 3)
    assert sides == [3, 2, 5, 3, 7, 6]


def begins_relu(page):
    """The colour example's −25 is silenced."""
    assert text(page, '[data-role="relu"]') == "g(−25) = max(0, −25) = 0"


def begins_pooling(page):
    """3 × 3 over 5 × 5, and 2 × 2 over 4 × 4."""
    assert numbers(page, "max") == "3 3 3; 3 3 3; 3 2 3"
    assert text(page, '[data-role="average"]') == "1.66667"
    page.locator('label[for="lab-pooling-four"]').click()
    assert numbers(page, "max") == "20 30; 112 37"
    assert numbers(page, "average") == "13 8; 79 19.5"


def begins_connections(page):
    """The first layer of this network in three ways."""
    counts = [text(page, f'[data-role="{kind}"]') for kind in ("full", "local", "shared")]
    assert counts == ["16,981,120", "216,320", "320"]


def begins_shift(page):
    """A sample at rest, where everything is as it was."""
    page.get_by_text("of 441 shifts").wait_for()
    assert text(page, '[data-role="answer"]') == "7"
    likeness = page.locator(".exhibit [data-same] data, .exhibit [data-along] data")
    assert set(likeness.all_inner_texts()) == {"1.000"}


def begins_flow(page):
    """All parameters and all values at once."""
    page.get_by_text("93,322 parameters make 37,610 values").wait_for()


def begins_training(page):
    """Six steps."""
    page.locator('[data-part="classes"]').wait_for()
    steps = page.locator(".steps h3").all_inner_texts()
    assert [step[:2] for step in steps] == ["1.", "2.", "3.", "4.", "5.", "6."]


def begins_model(page):
    """The lecture's summary, with each count worked out."""
    lines = page.locator(".summary tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [row.dataset.layer, row.cells[1].innerText,"
        " row.cells[2].innerText].join(' '))"
    )
    assert "\n".join(lines) == SUMMARY
    assert text(page, '[data-role="total"]') == "93,322"
    assert "(3·3·1 + 1)·32 = 320" in text(page, ".summary")
    assert "(576 + 1)·64 = 36,928" in text(page, ".summary")


def test_each_exhibit_begins_with_the_lectures_numbers(open_page):
    """First states equal the lecture, one address for each exhibit, in the lecture's order."""
    page = open_page("#lab&lang=en")
    links = page.locator(".exhibits a").evaluate_all("(all) => all.map((a) => a.hash)")
    assert links == [address(exhibit) for exhibit in EXHIBITS]
    assert page.locator(".exhibit").get_attribute("data-exhibit") == "convolution"
    for exhibit in EXHIBITS:
        go(page, exhibit)
        answered(page, exhibit)
        globals()[f"begins_{exhibit}"](page)


@pytest.mark.parametrize(
    ("lang", "phone", "scheme"),
    [("en", False, "light"), ("ko", True, "dark"), ("en", False, "dark")],
    ids=["desk", "phone", "dark"],
)
def test_each_exhibit_is_for_everyone(open_page, axe, screenshot, lang, phone, scheme):
    """No text of the other language, nothing for axe to find, nothing wider than the screen."""
    page = open_page(f"#lab&lang={lang}", phone=phone, color_scheme=scheme)
    for exhibit in EXHIBITS:
        go(page, exhibit, lang)
        page.wait_for_function(
            "() => document.querySelector('.exhibit .stage').innerText.length > 40"
        )
        answered(page, exhibit)
        assert axe(page) == [], exhibit
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
        said = page.locator(".exhibit").inner_text()
        is_korean = any("가" <= letter <= "힣" for letter in said)
        assert is_korean == (lang == "ko"), exhibit
        screenshot(page, f"lab-{exhibit}-{lang}-{scheme}-{'phone' if phone else 'desk'}")


STATES = [  # exhibit, the address of a later state, what is then there
    ("channels", {"show": "one"}, '[data-board="map-5"]'),
    ("channels", {"show": "three"}, '[data-board="map-5"]'),
    ("stride", {"size": 1, "kernel": 7}, ".warning"),
    ("connections", {"size": 5, "kernel": 11}, ".warning"),
    ("training", {"cell": "5-3"}, ".mistakes img"),
]


@pytest.mark.parametrize(
    ("lang", "scheme"), [("en", "dark"), ("ko", "light")], ids=["dark", "light"]
)
def test_later_states_are_for_everyone_too(open_page, axe, screenshot, lang, scheme):
    """Other modes, what cannot be, an open cell: nothing for axe to find, in either light."""
    page = open_page(f"#lab&lang={lang}", color_scheme=scheme)
    for i, (exhibit, state, shown) in enumerate(STATES):
        go(page, exhibit, lang, **state)
        page.locator(f".exhibit {shown}").first.wait_for()
        assert axe(page) == [], state
        screenshot(page, f"lab-{exhibit}-later-{i}-{lang}-{scheme}")


LINKS = {
    "convolution": ({"row": 1, "column": 2, "all": 1}, '[data-role="sum"]', "3"),
    "kernels": ({"kernel": "0,0,0,0,2,0,0,0,0"}, "[aria-pressed=true]", None),
    "channels": ({"row": 1}, '[data-role="equation"]', "= 295"),
    "stride": ({"size": 7, "kernel": 2, "stride": 3}, '[data-role="formula"]', "= 2"),
    "relu": ({"y": 12}, '[data-role="relu"]', "= 12"),
    "pooling": ({"source": "four", "row": 1}, '[data-role="max"]', "112"),
    "connections": ({"channels": 32, "filters": 64}, '[data-role="shared"]', "18,496"),
    "shift": ({"right": 3, "angle": -45}, ".column-of", "−45°"),
    "flow": ({"position": 1, "place": 1, "channel": 5}, ".readout", "conv2d, channel 5"),
    "training": ({"epoch": 2}, ".column-of output", "2"),
    "model": ({}, ".summary caption", "mnist"),
}


@pytest.mark.parametrize("embedded", [False, True], ids=["page", "embedded"])
def test_a_link_shows_the_same_exhibit_in_the_same_state(open_page, embedded):
    """What a link says is shown and stays in the address; embedded, without the page's head."""
    page = open_page(f"?embed={int(embedded)}#lab")
    for exhibit, (state, selector, expected) in LINKS.items():
        go(page, exhibit, **state)
        shown = page.locator(f".exhibit {selector}").first
        if expected is None:
            shown.wait_for(state="detached")
        else:
            expect(shown).to_contain_text(expected)
        page.wait_for_function(  # with its language at the end, the page has written it
            "(parts) => location.hash.endsWith('&lang=en')"
            " && parts.every((part) => decodeURIComponent(location.hash).includes(part))",
            arg=[f"{key}={value}" for key, value in state.items()],
        )
        assert page.locator(".top").is_visible() is not embedded
        assert page.locator(".exhibits").is_visible() is not embedded


@pytest.mark.parametrize(
    "hash_",
    [
        *("#lab/constructor", "#lab/stride&size=1e9&row=-4", "#lab/flow&place=99"),
        "#lab/channels&kernels=1,2,x&bias=none",
    ],
)
def test_a_link_that_makes_no_sense_shows_a_first_state(open_page, hash_):
    """An exhibit that there is none of, numbers out of range: no error, no endless work."""
    page = open_page(hash_)
    page.locator(".exhibit h2").wait_for()
    if "stride" in hash_:
        assert text(page, '[data-role="formula"]').endswith("= 3")


def test_numbers_that_cannot_be_are_said(open_page):
    """A kernel larger than its input leaves no counts of another; rows end at the last."""
    page = open_page("#lab/connections&lang=en")
    assert page.locator(".exhibit .result data").count() == 3
    go(page, "connections", size=5, kernel=11)
    told = page.locator(".exhibit .warning")
    told.get_by_text("11 × 11 has no room in an input of 5 × 5").wait_for()
    assert page.locator(".exhibit .result data").count() == 0
    page.locator('[data-slider="size"]').press("End")
    assert page.locator(".exhibit .result data").count() == 3
    go(page, "convolution", source="digit", filter=1, row=99, column=99)
    page.get_by_text("✓ the service says").wait_for()


def test_the_lab_knows_other_networks(open_page):
    """With another model's shapes, three input channels and no pictures, every exhibit stands."""
    page = open_page("?model=tiny#lab&lang=en")
    for exhibit in EXHIBITS:
        go(page, exhibit)
        if exhibit not in ("convolution", "training"):  # for which this model has nothing
            answered(page, exhibit)
    rows = page.locator(".summary tbody tr")
    assert rows.count() == 7


def test_from_view_to_view(open_page):
    """The drawing goes along into the lab, and the playground is as it was left."""
    page = open_page("#sample=3&lang=en")
    page.locator("#answer .label").wait_for()
    before = page.locator("#answer").inner_text()
    page.locator('#views a[href="#lab"]').click()
    answered(page, "convolution")
    page.locator('label[for="lab-source-digit"]').click()
    page.locator('.exhibit [data-do="filter"]').click()
    page.get_by_text("✓ the service says").wait_for()
    assert not page.locator("#playground").is_visible()
    page.locator("#views a").first.click()
    page.locator("#playground").wait_for()
    assert page.locator("#answer").inner_text() == before
    assert page.title() == "ConvScope"


def test_the_lab_is_loaded_on_demand(open_page):
    """The playground loads nothing of the lab."""
    page = open_page()
    loaded = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [url for url in loaded if "/lab/" in url] == []
