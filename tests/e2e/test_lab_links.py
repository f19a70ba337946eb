"""The lab in a real browser: links to exhibits and their states, which are accessible."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.lab_page import CUT, EXHIBITS, go, text, wait_until_loaded


@pytest.mark.parametrize(
    ("lang", "phone", "scheme"),
    [
        ("en", False, "light"),
        ("ko", True, "dark"),
        pytest.param("en", False, "dark", marks=pytest.mark.slow),  # its colours: on the phone too
    ],
    ids=["desk", "phone", "dark"],
)
def test_each_exhibit_is_accessible(open_page, axe, screenshot, lang, phone, scheme):
    """No text is in the other language, axe finds no violation, and nothing exceeds the screen."""
    page = open_page(f"#lab&lang={lang}", phone=phone, color_scheme=scheme)
    for exhibit in EXHIBITS:
        go(page, exhibit, lang)
        page.wait_for_function(
            "() => document.querySelector('.exhibit .stage').innerText.length > 40"
        )
        wait_until_loaded(page, exhibit)
        assert axe(page) == [], exhibit
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
        content = page.locator(".exhibit").inner_text()
        is_korean = any("가" <= letter <= "힣" for letter in content)
        assert is_korean == (lang == "ko"), exhibit
        screenshot(page, f"lab-{exhibit}-{lang}-{scheme}-{'phone' if phone else 'desk'}")


SCREENS = {
    "phone": {"width": 390, "height": 844},
    "zoom": {"width": 640, "height": 360},  # 1280 × 720 at 200 %
    "laptop": {"width": 1280, "height": 720},
    "desk": {"width": 1440, "height": 900},
    "projector": {"width": 1920, "height": 1080},
}


@pytest.mark.parametrize(
    "screen",
    ["phone", *(pytest.param(each, marks=pytest.mark.slow) for each in list(SCREENS)[1:])],
)
def test_nothing_is_cut(open_page, screen):
    """No exhibit is wider than the screen, and none of its texts and images is cut."""
    options = {"viewport": SCREENS[screen], "device_scale_factor": 2 if screen == "zoom" else 1}
    page = open_page("#lab&lang=en", phone=screen == "phone", **options)
    for exhibit in EXHIBITS:
        go(page, exhibit)
        wait_until_loaded(page, exhibit)
        assert page.evaluate(CUT) == [], exhibit


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_no_identifier_is_shown_as_a_text(open_page, lang):
    """Recipes and settings have names; only layers are shown under the model's own names."""
    page = open_page(f"#lab&lang={lang}")
    for exhibit in ("training", "model"):
        go(page, exhibit, lang)
        wait_until_loaded(page, exhibit)
        shown = page.evaluate(
            """() => {
                const copy = document.querySelector('.exhibit').cloneNode(true);
                for (const code of copy.querySelectorAll('.steps, tbody th')) code.remove();
                return copy.textContent;
            }"""
        )
        assert re.findall(r"[a-z]+_[a-z_]+", shown) == []


def test_each_exhibit_explains_itself_and_links_to_more(open_page):
    """Below its description is a sentence of context, with a link that opens in another tab."""
    page = open_page("#lab&lang=en")
    for exhibit in EXHIBITS:
        go(page, exhibit)
        link = page.locator(".exhibit header .context a")
        assert link.get_attribute("href").startswith("https://")
        assert (link.get_attribute("target"), link.get_attribute("rel")) == ("_blank", "noopener")
        assert len(text(page, "header .context")) > len(link.inner_text()) + 20


STATES = [  # exhibit, a state in its address, a selector that matches in that state
    ("channels", {"show": "one"}, '[data-board="map-5"]'),
    ("channels", {"show": "three"}, '[data-board="map-5"]'),
    ("stride", {"size": 1, "kernel": 7}, ".warning"),
    ("connections", {"size": 5, "kernel": 11}, ".warning"),
    ("connections", {"size": 64, "channels": 64, "kernel": 11, "filters": 128}, ".wires canvas"),
    ("training", {"cell": "5-3"}, ".mistakes img"),
]


@pytest.mark.parametrize(
    ("lang", "scheme"), [("en", "dark"), ("ko", "light")], ids=["dark", "light"]
)
def test_other_states_are_accessible(open_page, axe, screenshot, lang, scheme):
    """Other modes, invalid numbers, an open cell: axe finds no violation, in light and dark."""
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
    """The state in a link is shown and stays in the address; embedded, the page has no head."""
    page = open_page(f"?embed={int(embedded)}#lab")
    for exhibit, (state, selector, expected) in LINKS.items():
        go(page, exhibit, **state)
        shown = page.locator(f".exhibit {selector}").first
        if expected is None:
            shown.wait_for(state="detached")
        else:
            expect(shown).to_contain_text(expected)
        page.wait_for_function(  # the page has written the address once the language is last
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
def test_an_invalid_link_shows_the_first_state(open_page, hash_):
    """An unknown exhibit or numbers out of range cause no error and no endless loop."""
    page = open_page(hash_)
    page.locator(".exhibit h2").wait_for()
    if "stride" in hash_:
        assert text(page, '[data-role="formula"]').endswith("= 3")


def test_invalid_numbers_are_reported(open_page):
    """A kernel larger than its input shows a warning and no counts; a row ends at the last one."""
    page = open_page("#lab/connections&lang=en")
    assert page.locator(".exhibit .result data").count() == 3
    go(page, "connections", size=5, kernel=11)
    warning = page.locator(".exhibit .warning")
    warning.get_by_text("A 11 × 11 kernel does not fit into a 5 × 5 input").wait_for()
    assert page.locator(".exhibit .result data").count() == 0
    page.locator('[data-slider="size"]').press("End")
    assert page.locator(".exhibit .result data").count() == 3
    go(page, "convolution", source="digit", filter=1, row=99, column=99)
    page.get_by_text("✓ The service computes").wait_for()


def test_views_share_the_sheet(open_page):
    """The lab shows the playground's digit, and the playground keeps its state."""
    page = open_page("#sample=3&lang=en")
    page.locator("#answer .label").wait_for()
    before = page.locator("#answer").inner_text()
    page.locator('#views a[href="#lab"]').click()
    wait_until_loaded(page, "convolution")
    page.locator('label[for="lab-source-digit"]').click()
    page.locator('.exhibit [data-do="filter"]').click()
    page.get_by_text("✓ The service computes").wait_for()
    assert not page.locator("#playground").is_visible()
    page.locator("#views a").first.click()
    page.locator("#playground").wait_for()
    assert page.locator("#answer").inner_text() == before
    assert page.title() == "ConvScope"
