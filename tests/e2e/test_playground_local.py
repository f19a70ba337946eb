"""The playground answers from its own copy of the network; the service confirms it."""

import json

import pytest

from tests.conftest import ROOT
from tests.e2e.test_playground import LABEL, draw_with_mouse

POSTS = "**/*"


@pytest.fixture
def page(open_page):
    """A page whose copy of the network is ready."""
    page = open_page(errors=True)  # a test may refuse requests, which the browser logs
    with page.expect_worker() if not page.workers else _Nothing():
        pass
    page.wait_for_timeout(500)  # until the worker has its weights
    return page


class _Nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def refuse_posts(page):
    """Refuse every request that would compute something."""

    def refuse(route):
        if route.request.method == "POST":
            route.abort()
        else:
            route.continue_()

    page.route(POSTS, refuse)


def test_a_stroke_is_answered_without_the_service(page):
    """A drawing has its answer and its maps before the service has responded."""
    asked = []
    page.on("request", lambda call: call.method == "POST" and asked.append(call.url))
    draw_with_mouse(page)
    page.locator(LABEL).wait_for()
    assert page.locator(LABEL).inner_text() == "7"
    page.wait_for_timeout(600)
    assert asked  # the service confirms it, in one request for each pause
    assert {url.rpartition("/")[2].partition("&channel=")[0] for url in asked} == {
        "explain?layer=dense_1"
    }


def test_a_drawing_costs_few_bytes(page):
    """What a drawn digit sends and receives is at most 100 KB in all."""
    sizes = []

    def measure(request):
        parts = request.sizes()
        sizes.append(sum(parts.values()))

    page.on("requestfinished", measure)
    draw_with_mouse(page)
    page.locator(LABEL).wait_for()
    page.wait_for_timeout(800)
    assert 0 < sum(sizes) <= 100_000


def test_the_services_answer_replaces_a_different_one(page):
    """Where the service predicts something else, its values are shown."""
    kept = []

    def predict(route):
        answer = route.fetch().json()
        answer["predictions"][0]["label"] = "3"
        kept.append(answer)
        route.fulfill(json=answer)

    page.route("**/explain*", predict)
    with page.expect_response("**/preprocess*"):
        draw_with_mouse(page)
    assert kept
    assert page.locator(LABEL).inner_text() == "7"


def test_an_unfamiliar_drawing_is_flagged_once_the_service_has_answered(page):
    """The warning is the service's; the page has no score of its own."""

    def predict(route):
        answer = route.fetch().json()
        answer["predictions"][0]["in_distribution"] = False
        route.fulfill(body=json.dumps(answer), content_type="application/json")

    page.route("**/explain*", predict)
    draw_with_mouse(page)
    page.locator("#answer .warning").wait_for()


def test_an_outage_keeps_the_answer_until_the_service_is_back(page):
    """The page's own answer stays, with what is wrong; once the service responds, the note goes."""
    refuse_posts(page)
    draw_with_mouse(page)
    note = page.locator("#answer .warning", has_text="cannot be reached")
    note.wait_for()
    assert page.locator(LABEL).inner_text() == "7"
    assert page.locator("#answer .old").count() == 0
    page.unroute(POSTS)
    note.wait_for(state="detached", timeout=15_000)
    assert page.locator(LABEL).inner_text() == "7"


def test_a_slow_service_marks_the_answer_as_old(page):
    """While a picture waits for the service, the answer before is marked; then it is replaced."""
    draw_with_mouse(page)
    page.locator(LABEL).wait_for()
    waiting = []
    page.route("**/preprocess*", lambda route: waiting.append(route))
    page.locator("input[type=file]").set_input_files(ROOT / "tests" / "seven.png")
    page.locator("#answer .old").wait_for()
    assert page.locator("#answer").get_attribute("aria-busy") == "true"
    assert page.locator(LABEL).inner_text() == "7"
    for route in waiting:
        route.continue_()
    page.locator("#answer .old").wait_for(state="detached")
