"""SECURITY.md: each threat names its defence and the test that holds it."""

import ast
import re

import pytest

from tests.conftest import ROOT
from tests.test_docs import table_rows

PAGE = ROOT / "SECURITY.md"
THREATS = [row for row in table_rows(PAGE, 3) if row[0] not in ("threat", "---")]
# the lines that the page must have: a word of the threat or of its defence
LINES = (
    "pip-audit", "CycloneDX", "logs", "constant time", "Authorization", "%2e%2e", "Host", "CORS",
    "Content-Security-Policy", "capabilities", "for each key", "for each address",
    "TRUSTED_PROXIES",
)  # fmt: skip


@pytest.mark.parametrize("row", THREATS, ids=lambda row: row[0])
def test_a_threat_names_tests_that_exist(row):
    """The last column has files of the tree, or functions that they define."""
    named = re.findall(r"(tests/[\w/.]+)(?:::(\w+))?", row[2])
    assert named
    for file, function in named:
        tree = ast.parse((ROOT / file).read_text())
        functions = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
        assert not function or function in functions, f"{file} does not define {function}"


def test_every_subject_has_a_row():
    """No defence disappears from the page, and what is not defended is listed too."""
    text = "\n".join(" ".join(row) for row in THREATS)
    assert [line for line in LINES if line not in text] == []
    undefended = PAGE.read_text().partition("## What is not defended")[2]
    assert undefended.count("\n| ") > 10


def test_every_requirement_is_pinned_with_a_hash():
    """Each line of the requirements has an exact version and a SHA-256; images install these."""
    for file in sorted((ROOT / "requirements").glob("*.txt")):
        entries = re.split(r"\n(?=[\w.-]+)", re.sub(r"^ *#.*\n", "", file.read_text(), flags=re.M))
        assert len(entries) > 20, file.name
        for entry in entries:
            assert re.match(r"[\w.-]+(\[[\w,]+\])?==\S+.* \\\n +--hash=sha256:[0-9a-f]{64}", entry)
    installs = re.findall(r"pip\b[^&]*? install [^&]*", (ROOT / "Dockerfile").read_text())
    assert len(installs) == 4
    for install in installs:
        assert "--require-hashes" in install
        assert "--only-binary=:all:" in install
