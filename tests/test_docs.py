"""Undocumented means broken: the docs list what the code has, and name no missing file."""

import ast
import re
from dataclasses import is_dataclass
from pathlib import Path
from typing import get_args, get_type_hints

from msgspec.structs import fields

from service.api.http import metrics
from service.api.http.problems import HTTP_PROBLEMS, PROBLEMS
from service.app import create_app
from service.images.digit.preprocessing import Removal
from service.model.explain.traces import Explanation
from service.settings import Settings
from tests.conftest import ROOT
from tools import supported_layers

API, SETTINGS, OPERATIONS, ARCHITECTURE = (
    ROOT / "docs" / name for name in ("api.md", "settings.md", "operations.md", "architecture.md")
)
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = "service|training|examples|client|tests|benchmarks|deploy|docs|models|requirements"


def table_rows(path: Path, cells: int) -> list[list[str]]:
    """Return the rows of every table with that many columns, without backticks."""
    rows = [line.strip("|").split(" | ") for line in path.read_text().splitlines() if "|" in line]
    return [[cell.strip(" `") for cell in row] for row in rows if len(row) == cells]


def test_every_route_is_documented():
    """docs/api.md lists exactly the routes that the app has."""
    rules = create_app().url_map.iter_rules()
    routes = {
        f"{method} {rule.rule}"
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    documented = set(re.findall(r"^\| `((?:GET|POST) /[^`]*)` \|", API.read_text(), re.MULTILINE))
    assert documented == routes


def test_every_route_has_a_command():
    """docs/api.md has a curl line for each route; test_docs_examples.py runs them all."""
    names = {"name": "mnist", "version": "1"}
    requested = re.findall(r"localhost:8000(/[^ ?'\n]*)", API.read_text())
    for rule in create_app().url_map.iter_rules():
        if rule.endpoint != "pages.web":  # the files of the pages
            path = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: names[match[1]], rule.rule)
            assert path in requested, rule.rule


def test_every_setting_is_documented():
    """docs/settings.md lists exactly the settings, with their defaults."""
    documented = {row[0]: row[1] for row in table_rows(SETTINGS, 3) if row[0].isupper()}
    assert set(documented) == {item.encode_name for item in fields(Settings)}
    for item in fields(Settings):
        if item.name != "workers":  # its default depends on the machine
            assert documented[item.encode_name] == (str(item.default) or "–")


def test_every_metric_is_documented():
    """docs/operations.md lists exactly the metrics of the service."""
    documented = {row[0] for row in table_rows(OPERATIONS, 3) if row[0].startswith("convscope_")}
    assert documented == {
        f"{family.name}_total" if family.kind == "counter" else family.name
        for family in metrics.FAMILIES
    }


def test_every_problem_type_is_documented():
    """docs/api.md lists exactly the problem types, with their statuses."""
    documented = {(row[0], row[1]) for row in table_rows(API, 3) if re.fullmatch(r"\d+", row[1])}
    ours = {(slug, str(int(status))) for status, slug in PROBLEMS.values()}
    flasks = {(slug, str(int(status))) for status, (slug, _) in HTTP_PROBLEMS.items()}
    assert documented == ours | flasks


def test_everything_that_preprocessing_removes_is_documented_and_has_a_text():
    """docs/api.md lists exactly the values of `removed`, in their order; the page names each."""
    names = [row[0] for row in table_rows(API, 2)]
    first = names.index("outside")
    assert tuple(names[first : first + len(get_args(Removal))]) == get_args(Removal)
    for language in ("en", "ko"):
        texts = (ROOT / "service" / "web" / "i18n" / f"{language}.js").read_text()
        assert set(re.findall(r"'removed\.(\w+)':", texts)) == {*get_args(Removal), "image"}


def test_every_error_class_has_a_status():
    """No RequestError can reach a client without a status and a type of its own."""
    from service.errors import RequestError

    assert set(PROBLEMS) == set(RequestError.__subclasses__())


def test_every_file_that_the_docs_name_exists():
    """A path in backticks and the target of a relative link are files or folders of the tree."""
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        for path in re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", text):
            assert (ROOT / path).exists(), f"{page.name} names {path}"
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_every_function_in_the_architecture_exists():
    """docs/architecture.md names functions and classes that its files define."""
    rows = [row for row in table_rows(ARCHITECTURE, 3) if row[2].endswith(".py")]
    assert len(rows) > 20
    for _, names, paths in rows:
        there = {
            node.name
            for path in re.split(r"[`, ]+", paths)
            for node in ast.walk(ast.parse((ROOT / path).read_text()))
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        }
        for name in re.split(r"[`, ]+", names):
            assert set(name.split(".")) <= there, f"{paths} does not define {name}"


def test_the_table_of_explained_layers_is_that_of_the_registry():
    """docs/bring-your-own-model.md has the table that tools/supported_layers.py generates."""
    page = supported_layers.PAGE.read_text()
    assert page == supported_layers.updated(page), (
        "the table is out of date; run .venv-dev/bin/python -m tools.supported_layers"
    )


def test_every_field_of_an_explanation_is_documented():
    """The section on /explain names each kind of explanation and each of its fields."""
    section = API.read_text().partition("\n## `POST /explain`\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", section))))
    for explanation in get_args(Explanation):
        hints = get_type_hints(explanation)
        parts = {part for hint in hints.values() for part in (hint, *get_args(hint))}
        names = {name for part in parts if is_dataclass(part) for name in get_type_hints(part)}
        assert names | hints.keys() <= named, explanation.__name__
