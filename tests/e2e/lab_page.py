"""What the tests of the lab share: opening an exhibit, and reading what it shows."""

EXHIBITS = [
    *("convolution", "kernels", "channels", "stride", "relu", "pooling"),
    *("connections", "shift", "flow", "training", "model"),
]

BOARD = '.exhibit [data-board="{}"]'

LOADED = {  # exhibit: a selector that matches once the first responses of the service are drawn
    "convolution": '[data-do="filter"]:enabled',
    "kernels": '[data-role="sum"]:not([value="0"])',
    "relu": "[data-share]",
    "shift": '[data-board="shifts"][aria-label]',
    "flow": ".readout:not(:empty)",
    "training": '[data-part="classes"]',
}


# Return what a reader cannot see: wider than the page or the exhibit, or hidden by its parent.
CUT = """() => {
    const exhibit = document.querySelector('.exhibit');
    const limit = exhibit.getBoundingClientRect();
    const name = (node) => `${node.tagName} ${node.className} ${node.textContent.slice(0, 40)}`;
    const scrolls = (node) => ['auto', 'scroll'].includes(getComputedStyle(node).overflowX);
    const cut = [];
    if (document.documentElement.scrollWidth > innerWidth) cut.push('the page scrolls sideways');
    const check = (node) => {
        const box = node.getBoundingClientRect();
        if (!box.width || node.classList.contains('unseen')) return;
        if (box.right > limit.right + 0.5 || box.left < limit.left - 0.5) cut.push(name(node));
        if (scrolls(node)) return;  // its content can be scrolled to
        const { overflowX } = getComputedStyle(node);
        if (overflowX !== 'visible' && node.scrollWidth > node.clientWidth) cut.push(name(node));
        if (node.tagName === 'INPUT' && node.scrollWidth > node.clientWidth) cut.push(name(node));
        [...node.children].forEach(check);
    };
    check(exhibit);
    for (const node of exhibit.querySelectorAll('td, th, .cell, button, label'))
        if (node.scrollWidth > node.clientWidth + 1 && node.clientWidth) cut.push(name(node));
    return cut;
}"""


def address(exhibit, lang="en", **state):
    """Return the address of an exhibit in a state."""
    place = "#model" if exhibit == "model" else f"#lab/{exhibit}"
    return "&".join([place, f"lang={lang}", *(f"{key}={value}" for key, value in state.items())])


def go(page, exhibit, lang="en", **state):
    """Open an exhibit on the present page, in a state."""
    follow(page, address(exhibit, lang, **state), exhibit, lang)


def follow(page, hash_, exhibit, lang="en"):
    """Go to an address, and wait until its exhibit has replaced the previous one."""
    page.evaluate(
        """(hash) => {
            if (location.hash === hash) return;
            document.querySelector('.exhibit')?.setAttribute('data-left', '');
            location.hash = hash;
        }""",
        hash_,
    )
    replaced = f'.exhibit[data-exhibit="{exhibit}"]:not([data-left])'
    page.locator(f'html[lang="{lang}"] {replaced}').wait_for()


def wait_until_loaded(page, exhibit):
    """Wait for the service's first responses, because they redraw and move parts of an exhibit."""
    if exhibit in LOADED:
        page.locator(f".exhibit {LOADED[exhibit]}").first.wait_for()


def numbers(page, board):
    """Return the label of a small board for screen readers: its rows of numbers."""
    return page.locator(BOARD.format(board)).get_attribute("aria-label").partition(": ")[2]


def text(page, selector):
    """Return the visible text of one element."""
    return page.locator(f".exhibit {selector}").inner_text()


def changes_text(page, selector, action):
    """Run an action, and wait until it has changed the text of an element."""
    element = page.locator(f".exhibit {selector}").first
    element.wait_for()
    before = element.inner_text()
    action()
    page.wait_for_function(
        "([selector, before]) => document.querySelector(selector).innerText !== before",
        arg=[f".exhibit {selector}", before],
    )
