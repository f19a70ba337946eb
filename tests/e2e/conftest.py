"""A real browser; an error in a page or a request to another host fails the test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import ROOT
from tests.prerequisites import find_browser

ARTEFACTS = ROOT / "artefacts"  # screenshots for review, not committed
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}

# Resolves once the document has not changed for 150 ms of the page's own clock, so that what the
# page does after a delay, such as writing its address (120 ms), has happened.
RESTS = """() => new Promise((done) => {
    let timer = setTimeout(done, 150);
    new MutationObserver(() => {
        clearTimeout(timer);
        timer = setTimeout(done, 150);
    }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
})"""

# of the playground, the lab, the view of any model, that of the training, and the API's page
READY = ".column:visible, .exhibit:visible, .tile:visible, #learning .card:visible, .route:visible"

BLANK = "#blank"  # an empty sheet; without a hash, the page opens with a sample

OpenPage = Callable[..., Page]

expect.set_options(timeout=30_000)  # the default of Playwright's other waits


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start an installed Chromium or Chrome, or Playwright's own if there is none."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, server: str) -> Iterator[OpenPage]:
    """Open a page at a link; fail the test if a page logs an error or calls another host."""
    problems: list[str] = []

    def open_page(
        link: str = BLANK, phone: bool = False, errors: bool = False, **options: Any
    ) -> Page:
        viewport = PHONE if phone else DESK
        defaults = {"viewport": viewport, "locale": "en", "is_mobile": phone, "has_touch": phone}
        context = browser.new_context(**{**defaults, **options})
        page = context.new_page()
        if not errors:
            page.on("console", lambda entry: entry.type == "error" and problems.append(entry.text))
        page.on("pageerror", lambda error: problems.append(str(error.stack)))
        page.on("request", lambda call: is_foreign(call.url) and problems.append(call.url))
        page.goto(f"{server}/{link}")
        page.locator(READY).first.wait_for()
        return page

    def is_foreign(url: str) -> bool:
        return not url.startswith((server, "data:", "blob:"))

    yield open_page
    for context in browser.contexts:
        context.close()
    assert problems == []


@pytest.fixture
def screenshot() -> Callable[[Page, str], None]:
    """Save a screenshot of the whole page in the folder artefacts."""
    ARTEFACTS.mkdir(exist_ok=True)

    def screenshot(page: Page, name: str) -> None:
        page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)

    return screenshot


@pytest.fixture
def axe() -> Callable[[Page], list[str]]:
    """Return the accessibility violations that axe-core finds on a page."""
    script = Path(ROOT / "tests" / "web" / "vendor" / "axe.min.js").read_text()

    def axe(page: Page) -> list[str]:
        page.evaluate(script)
        violations = page.evaluate("axe.run().then((result) => result.violations)")
        return [
            f"{violation['id']}: {node['html'][:160]} {node['failureSummary']}"
            for violation in violations
            for node in violation["nodes"]
        ]

    return axe
