"""The page's memory in Chromium: nothing stays of the drawings and visits of a long session."""

import pytest

# Draw different sevens, each on an empty sheet, as fast as the page follows.
DRAW = """async (times) => {
    const paper = document.querySelector('#paper');
    paper.setPointerCapture = () => {};  // there is no pointer with the events' identifier
    const frame = () => new Promise(requestAnimationFrame);
    const box = paper.getBoundingClientRect();
    const send = (kind, x, y) => paper.dispatchEvent(new PointerEvent(kind, {
        bubbles: true, cancelable: true, isPrimary: true, pointerId: 1, button: 0,
        clientX: box.left + x * box.width, clientY: box.top + y * box.height,
    }));
    for (let time = 0; time < times; time++) {
        document.querySelector('[data-tool="clear"]').click();
        const shift = 0.1 * Math.sin(time);
        send('pointerdown', 0.3 + shift, 0.25);
        for (let i = 1; i <= 4; i++) send('pointermove', 0.3 + shift + i / 10, 0.25);
        await frame();
        for (let i = 1; i <= 4; i++) send('pointermove', 0.7 + shift - i / 20, 0.25 + i / 7);
        send('pointerup', 0.5 + shift, 0.82);
        await frame();
    }
}"""
# Visit every view, the playground last, as often as asked; wait until each shows something.
VISIT = """async (times) => {
    const links = document.querySelectorAll('#views a');
    const later = (ms) => new Promise((go) => setTimeout(go, ms));
    const isShown = () => document.querySelector('main:not([hidden])')?.childElementCount > 0;
    for (let time = 0; time < times; time++) {
        for (const link of [...links].slice(1).concat(links[0])) {
            link.click();
            do await later(60); while (!isShown());
        }
    }
}"""
SAMPLE = "#sample=0"
ALLOWED = 1.1  # times what the page takes after a warm-up


@pytest.mark.slow
def test_a_long_session_leaves_nothing_in_memory(open_page):
    """500 drawings and 50 visits to each view add at most a tenth to heap, nodes and listeners."""
    page = open_page(SAMPLE)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def use(drawings, visits):
        page.evaluate(DRAW, drawings)
        page.evaluate(VISIT, visits)
        page.wait_for_timeout(2000)
        for _ in range(3):
            session.send("HeapProfiler.collectGarbage")
        metrics = session.send("Performance.getMetrics")["metrics"]
        names = ("JSHeapUsedSize", "Nodes", "JSEventListeners", "Documents")
        values = {metric["name"]: metric["value"] for metric in metrics if metric["name"] in names}
        return {**values, "workers": len(page.workers)}

    before = use(210, 10)  # fills the undo history, and compiles the code
    after = use(500, 50)
    for name, value in after.items():
        assert value <= ALLOWED * before[name], f"{name}: {before[name]} before, {value} after"
