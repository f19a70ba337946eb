"""Measure the page in Chromium: Lighthouse, the time from a stroke to its answer, and transfers."""

import json
import os
import shutil
import statistics
import subprocess
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from benchmarks.environments import ENVIRONMENTS, NotMeasured
from benchmarks.results import Results
from benchmarks.servers import running, start_service
from tests.prerequisites import find_browser

LIGHTHOUSE = "lighthouse@12.8.2"  # the last one for Debian's Node.js
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
FLAGS = ["--no-sandbox", "--disable-gpu"]
MOVES = 60
WHOLE = "() => document.querySelectorAll('#inspector .trail .step').length >= 7"

# Move the pen; return the times from each event to the change of the answer, after the maps.
STROKE = """async (moves) => {
    const [paper, answer] = ['#paper', '#answer'].map((id) => document.querySelector(id));
    paper.setPointerCapture = () => {};  // there is no pointer with the events' identifier
    const box = paper.getBoundingClientRect();
    const send = (kind, x, y) => paper.dispatchEvent(new PointerEvent(kind, {
        bubbles: true, cancelable: true, isPrimary: true, pointerId: 1, button: 0,
        clientX: box.left + x * box.width, clientY: box.top + y * box.height,
    }));
    const times = [];
    send('pointerdown', 0.3, 0.2);
    for (let i = 0; i < moves; i++) {
        const changed = new Promise((done) => {
            new MutationObserver(done).observe(answer, { childList: true });
        });
        const start = performance.now();
        send('pointermove', 0.3 + 0.4 * Math.abs(Math.sin(i / 9)), 0.2 + i / 100);
        await changed;
        times.push(performance.now() - start);
        await new Promise((go) => setTimeout(go, 30));
    }
    send('pointerup', 0.5, 0.5);
    return times;
}"""
SHIFT = """() => new Promise((done) => new PerformanceObserver((list) => done(
    list.getEntries().reduce((sum, entry) => sum + entry.value, 0),
)).observe({ type: 'layout-shift', buffered: true }) ?? setTimeout(() => done(0), 500))"""


def measure(rounds: int) -> None:
    """Measure the playground as a new visitor opens it, and print the medians of the rounds.

    Raises:
        NotMeasured: Lighthouse or Chromium is not installed.
    """
    program = _lighthouse()
    results = Results()
    print(f"load average {os.getloadavg()[0]:.1f}", flush=True)
    with running(start_service()) as server, sync_playwright() as playwright:
        url = f"http://127.0.0.1:{server.port}/"
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        for number in range(1, rounds + 1):
            print(f"page, round {number} of {rounds}", flush=True)
            _visit(results, browser, url)
            for device in ("desktop", "mobile"):
                for name, score in _scores(program, url, device).items():
                    results.add(f"lighthouse {device}", name, score)
        browser.close()
    for name, values in results.values.items():
        print(f"{name}: {statistics.median(values):.4g}")


def _visit(results: Results, browser: Browser, url: str) -> None:
    """Open the page, draw, and add the transfers and times."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(url)
    page.locator("#answer .label").wait_for()
    results.add("page", "requests before the first answer", len(sizes))
    results.add("page", "kB before the first answer", sum(sizes) / 1000)
    page.wait_for_function(WHOLE)
    page.wait_for_load_state("networkidle")
    results.add("page", "cumulative layout shift", page.evaluate(SHIFT))
    sizes.clear()
    for throttling in (1, 4):
        results.add(
            "page",
            f"stroke to answer ms, CPU / {throttling}",
            _stroke_ms(page, session, throttling),
        )
    page.wait_for_load_state("networkidle")
    results.add("page", "kB per drawn digit", sum(sizes) / 1000 / 2)
    page.close()


def _stroke_ms(page: Page, session: CDPSession, throttling: int) -> float:
    session.send("Emulation.setCPUThrottlingRate", {"rate": throttling})
    page.locator('[data-tool="clear"]').click()
    times: list[float] = page.evaluate(STROKE, MOVES)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    return statistics.median(times)


def _lighthouse() -> list[str]:
    """Return the command of Lighthouse; install it where needed."""
    folder = ENVIRONMENTS / "lighthouse"
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None or find_browser() is None:
        raise NotMeasured("Node.js, npm or Chromium is not installed")
    program = folder / "node_modules" / "lighthouse" / "cli" / "index.js"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--prefix", str(folder), "--no-audit", "--no-fund", "--no-package-lock"]
        subprocess.run([npm, "install", "--silent", *options, LIGHTHOUSE], check=True)
    return [node, str(program)]


def _scores(program: list[str], url: str, device: str) -> dict[str, float]:
    """Return Lighthouse's scores 0–100 by category, and print the audits that cost points."""
    options = ["--output=json", "--quiet", f"--chrome-flags=--headless=new {' '.join(FLAGS)}"]
    if device == "desktop":
        options.append("--preset=desktop")
    completed = subprocess.run(
        [*program, url, *options],
        check=True,
        capture_output=True,
        env={**os.environ, "CHROME_PATH": find_browser() or ""},
    )
    report: dict[str, Any] = json.loads(completed.stdout)
    for name in CATEGORIES:
        for reference in report["categories"][name]["auditRefs"]:
            audit = report["audits"][reference["id"]]
            if reference["weight"] and audit["score"] is not None and audit["score"] < 0.9:
                print(f"  {device} {name}: {audit['title']} {audit.get('displayValue', '')}")
    return {name: 100 * report["categories"][name]["score"] for name in CATEGORIES}
