"""The check of banned words."""

import pytest

from tools import wording

WORDS = {"frobs": "does", "lets fly": "throws"}
PYTHON = '''
"""A docstring that frobs."""
import json as frobs
count = 1  # a comment that lets
# fly over two lines
theFrobs = self.frobs_count = f"a message that frobs {count}"
def lets_fly(frobs):
    other.frobs(frobs)
'''


def findings(tmp_path, name, text):
    """Return the line and the word of each finding in a file of that text."""
    path = tmp_path / name
    path.write_text(text)
    lines = wording.find(path, WORDS)
    return [tuple(line.removeprefix(f"{path}:").split(": ")[:2]) for line in lines]


def test_identifiers_comments_and_strings_of_python_are_checked(tmp_path):
    """Every definition, comment and string counts; the name of another object's member does not."""
    lines = [int(line) for line, _ in findings(tmp_path, "a.py", PYTHON)]
    assert lines == [2, 3, 4, 6, 6, 6, 7, 7]


@pytest.mark.parametrize("name", ["a.js", "a.md"])
def test_other_files_are_checked_as_text(tmp_path, name):
    """Words of identifiers and phrases over two lines are found, parts of words are not."""
    text = "ok\nlet theFrobs = 1; // It Lets\n// fly\nfrobsy, snow-frobs\n"
    assert findings(tmp_path, name, text) == [("2", "frobs"), ("2", "lets fly"), ("4", "frobs")]


def test_a_finding_states_what_to_write_instead(tmp_path):
    """A line has the form file:line: word: advice."""
    path = tmp_path / "a.md"
    path.write_text("It frobs.")
    assert wording.find(path, {"frobs": "does"}) == [f"{path}:1: frobs: write does"]


def test_every_banned_word_has_a_replacement():
    """The committed list states for each word what to write, and names none twice."""
    text = wording.LIST.read_text()
    words = wording.read_list(text)
    assert all(words.values())
    assert len(words) == sum(": " in line for line in text.splitlines() if line[:1] != "#")


@pytest.mark.parametrize(
    ("path", "is_checked"),
    [
        ("tests/test_wording.py", True),
        ("service/web/i18n/en.js", False),
        ("tests/web/vendor/README.md", False),
        ("docs/glossary.md", False),
        ("docs/banned-words.txt", False),
    ],
)
def test_catalogues_vendored_files_and_the_glossary_are_exempt(path, is_checked, monkeypatch):
    """Their words are not the project's own, or are quoted as words to avoid."""
    monkeypatch.chdir(wording.ROOT)
    assert wording.is_checked(wording.Path(path)) is is_checked
