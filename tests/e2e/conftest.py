"""A real browser on the playground, which must behave: no errors, no foreign requests."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import ROOT

ARTEFACTS = ROOT / "artefacts"  # screenshots, to be looked at; not committed
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

# Nothing changes any more: what the page does a while after a change, such as writing its address
# (120 ms), has been done. Counted by the page's own clock, however slow the machine is.
RESTS = """() => new Promise((done) => {
    let timer = setTimeout(done, 150);
    new MutationObserver(() => {
        clearTimeout(timer);
        timer = setTimeout(done, 150);
    }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
})"""

OpenPage = Callable[..., Page]

expect.set_options(timeout=30_000)  # as long as all else is waited for


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium where there is one, else Playwright's own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, server: str) -> Iterator[OpenPage]:
    """Opens the page at a link; afterwards no page may have complained or asked anyone else."""
    complaints: list[str] = []

    def open_page(
        link: str = "", phone: bool = False, errors: bool = False, **options: Any
    ) -> Page:
        context = browser.new_context(
            viewport=PHONE if phone else DESK,
            **{"locale": "en", "is_mobile": phone, "has_touch": phone, **options},
        )
        page = context.new_page()
        if not errors:
            page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error.stack)))
        page.on("request", lambda asked: is_foreign(asked.url) and complaints.append(asked.url))
        page.goto(f"{server}/{link}")
        page.locator(".column:visible, .exhibit:visible").first.wait_for()
        return page

    def is_foreign(url: str) -> bool:
        return not url.startswith((server, "data:", "blob:"))

    yield open_page
    for context in browser.contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def screenshot() -> Callable[[Page, str], None]:
    """Keeps a picture of the whole page among the artefacts."""
    ARTEFACTS.mkdir(exist_ok=True)

    def screenshot(page: Page, name: str) -> None:
        page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)

    return screenshot


@pytest.fixture
def axe() -> Callable[[Page], list[str]]:
    """What axe-core finds wrong on a page."""
    script = Path(ROOT / "tests" / "web" / "vendor" / "axe.min.js").read_text()

    def axe(page: Page) -> list[str]:
        page.evaluate(script)
        found = page.evaluate("axe.run().then((result) => result.violations)")
        return [
            f"{violation['id']}: {node['html'][:160]} {node['failureSummary']}"
            for violation in found
            for node in violation["nodes"]
        ]

    return axe
