"""The API's page shows the OpenAPI document; the files of all pages are served correctly."""

import re
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from service.app import create_app
from tests.conftest import ROOT

WEB = ROOT / "service" / "web"
DIGIT = Path(__file__).parents[1] / "seven.png"


def test_the_page_loads_only_from_this_server(server):
    """/docs and its files come from this server, with their content types, and are small."""
    page = requests.get(f"{server}/docs", timeout=5)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    files = [name for name in named if not name.startswith("data:") and name != "."]
    assert len(files) == 4
    types = {"css": "text/css", "js": "javascript", "json": "application/json"}
    for name in files:
        answer = requests.get(f"{server}/{name}", timeout=5)
        assert answer.status_code == 200, name
        assert types[name.rpartition(".")[2]] in answer.headers["Content-Type"]
    own = [WEB / "docs.html", *(path for path in (WEB / "docs").rglob("*") if path.is_file())]
    assert sum(path.stat().st_size for path in own) < 60_000


def test_files_of_the_pages_are_revalidated(server):
    """Files have an ETag and no-cache, and give 304 while they are unchanged."""
    for path in ("/docs", "/web/docs/docs.js", "/web/docs/docs.css"):
        first = requests.get(server + path, timeout=5)
        assert first.headers["Cache-Control"] == "no-cache"
        etag = {"If-None-Match": first.headers["ETag"]}
        assert requests.get(server + path, headers=etag, timeout=5).status_code == 304


@pytest.mark.parametrize(
    "path",
    ["../settings.py", "..%2fsettings.py", "%2e%2e/settings.py", "%2fetc/passwd", "docs", "%00"],
)
def test_only_files_of_the_pages_are_served(path):
    """A path outside the folder, or of no file in it, is 404."""
    answer = create_app().test_client().get(f"/web/{path}")
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"


def send(page, route):
    """Send the request of an open route, and return the locator of its response."""
    page.locator(f"#{route} [data-do=send]").click()
    answer = page.locator(f"#{route} .answer")
    answer.locator(".status").wait_for()
    return answer


def test_every_route_is_shown_and_found(open_page, server):
    """All routes are shown by group with the document's summaries; a filter selects some."""
    document = requests.get(f"{server}/openapi.json", timeout=5).json()
    page = open_page("docs?lang=en")
    operations = [each for item in document["paths"].values() for each in item.values()]
    assert page.locator(".route").count() == len(operations)
    summaries = page.locator(".route > summary .soft").all_inner_texts()
    assert sorted(summaries) == sorted(each["summary"] for each in operations)
    groups = page.locator(".groups h2").all_inner_texts()
    assert not {tag["name"] for tag in document["tags"]} & set(groups)  # each has a proper name
    page.locator("#filter").fill("ATLAS")
    assert page.locator(".route:visible").evaluate_all("(all) => all.map((n) => n.id)") == [
        "atlas_atlas"
    ]
    page.locator("#filter").fill("nothing has this name")
    page.get_by_text("No route matches").wait_for()


def test_a_request_can_be_tried(open_page, server):
    """A sample, an image file and JSON are sent as the curl command says; the response is shown."""
    page = open_page("docs?lang=en#ops_healthz", errors=True)  # of the refused request
    assert "200" in send(page, "ops_healthz").inner_text()
    page.locator("#native_predict > summary").click()
    page.wait_for_url("**#native_predict")
    page.locator("#native_predict-top_k").fill("2")
    curl = page.locator("#native_predict").get_by_role("region", name="Request")
    expect(curl).to_have_text(
        f"curl -X POST '{server}/predict?top_k=2' -H 'Content-Type: image/png'"
        " --data-binary @digit.png"
    )
    answer = send(page, "native_predict")
    assert '"label": "7"' in answer.inner_text()
    assert answer.inner_text().count(": 0.") >= 2
    page.locator("#native_predict-file").set_input_files(DIGIT)
    expect(curl).to_contain_text("@seven.png")
    assert "200 OK" in send(page, "native_predict").inner_text()
    page.locator('label[for="native_predict-body-json"]').click()
    page.locator("#native_predict-json").fill('{"image": "no image"}')
    expect(curl).to_contain_text("application/json")
    refused = send(page, "native_predict").inner_text()
    assert "application/problem+json" in refused


def test_an_image_and_a_missing_parameter_are_shown(open_page):
    """An image of the response is drawn; a required parameter without a value is named."""
    page = open_page("docs?lang=en#atlas_atlas")
    send(page, "atlas_atlas").locator("img").wait_for()
    page.locator("#oip_metadata > summary").click()
    page.locator("#oip_metadata-name").fill("")
    page.locator("#oip_metadata [data-do=send]").click()
    page.get_by_text("Fill in the required parameter name.").wait_for()
    page.locator("#oip_metadata-name").fill("mnist")
    assert '"platform"' in send(page, "oip_metadata").inner_text()


def test_the_pages_key_is_sent(open_page):
    """Where the document names security schemes, the page has a field for the API key."""
    page = open_page("docs?lang=en")
    assert page.locator("#key").count() == 0
    page.route("**/openapi.json", with_security)
    page.reload()
    page.locator("#key").fill("secret-1")
    page.locator("#ops_healthz > summary").click()
    with page.expect_request("**/healthz") as request:
        send(page, "ops_healthz")
    assert request.value.headers["authorization"] == "Bearer secret-1"


def with_security(route):
    """Answer with the document of a service that has API keys."""
    document = route.fetch().json()
    document["security"] = [{"bearer": []}]
    route.fulfill(json=document)


@pytest.mark.parametrize(
    ("lang", "phone", "scheme"),
    [
        ("en", False, "light"),
        ("ko", True, "dark"),
        pytest.param("ko", True, "light", marks=pytest.mark.slow),
        pytest.param("en", False, "dark", marks=pytest.mark.slow),
    ],
)
def test_the_page_is_accessible(open_page, axe, screenshot, lang, phone, scheme):
    """With a route and a response open, axe finds no violation, and nothing is too wide."""
    page = open_page(f"docs?lang={lang}#native_predict", phone=phone, color_scheme=scheme)
    send(page, "native_predict")
    page.locator("#native_predict .schema summary").first.click()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    screenshot(page, f"docs-{lang}-{scheme}-{'phone' if phone else 'desk'}")


def test_the_page_leads_back_to_the_playground(open_page):
    """The playground links to the page in its language, and the page links back."""
    page = open_page("#lang=ko")
    page.get_by_role("link", name="API").click()
    page.locator('html[lang="ko"] .route').first.wait_for()
    page.locator("#language").click()
    page.locator('html[lang="en"] .route').first.wait_for()
    page.locator("#language").click()
    page.get_by_role("link", name="놀이터로 돌아가기").click()
    page.locator('html[lang="ko"] #playground').wait_for()


def test_a_document_that_cannot_be_loaded_is_reported(open_page):
    """The page says so where the document is not available."""
    page = open_page("docs?lang=en", errors=True)
    page.route("**/openapi.json", lambda route: route.fulfill(status=503))
    page.reload()
    page.get_by_role("alert").get_by_text("could not be loaded").wait_for()
