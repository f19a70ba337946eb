"""Take the README's screenshot of the playground.

Run `make serve`, then `.venv-dev/bin/python -m docs.screenshot`. The image shows a drawn digit, the
layers' activation maps, and the explanation of one cell.
"""

import base64
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.prerequisites import find_browser

URL = "http://localhost:8000"
IMAGE = Path(__file__).parent / "playground.png"
VIEW = {"width": 1600, "height": 1160}
BRUSH = 20  # diameter of the pen on a drawing area of 256 × 256
STROKE = [(64, 70), (120, 66), (186, 68), (170, 110), (146, 160), (124, 206)]  # a 7: x, y
CELL = "layer=conv2d_1&channel=23&row=3&column=7"


def link() -> str:
    """Return the address of the playground with the digit and the cell, in its own encoding."""
    points = [coordinate for point in STROKE for coordinate in point]
    strokes = base64.urlsafe_b64encode(bytes([BRUSH, 0, len(STROKE), *points])).decode()
    return f"{URL}/#strokes={strokes.rstrip('=')}&{CELL}&scale=map&lang=en"


def main() -> None:
    """Open the playground in a browser and save the screenshot."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser())
        page = browser.new_page(viewport=VIEW, color_scheme="light", locale="en")
        page.goto(link())
        page.locator("#offer button").last.click()  # declines the tour
        # The label of the language button needs a Korean font, which a server may lack.
        page.locator("[data-menu=language]").evaluate("(button) => button.remove()")
        page.locator("#answer .label").wait_for()
        page.locator("#inspector .terms > *").first.wait_for()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=IMAGE)
        browser.close()


if __name__ == "__main__":
    main()
