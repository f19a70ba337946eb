"""Report the words of docs/banned-words.txt: `python -m tools.wording` checks the whole project.

Checks the identifiers, comments and strings of Python files, and the text of JavaScript and
Markdown files. Message catalogues, vendored files and the glossary are exempt.
"""

import ast
import io
import os
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIST = ROOT / "docs" / "banned-words.txt"
SUFFIXES = (".py", ".js", ".md")
EXEMPT_FOLDERS = {"i18n", "vendor"}
EXEMPT_FILES = {Path("docs/glossary.md")}
Text = tuple[int, str]  # the number of its first line, and the text


def read_list(text: str) -> dict[str, str]:
    """Return the replacement of each banned word or phrase."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {word.strip(): advice.strip() for word, _, advice in (s.partition(":") for s in lines)}


def python_texts(source: str) -> Iterator[Text]:
    """Yield the identifiers that a Python source defines, its comments and its strings."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(text)):
                yield node.lineno, text
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield node.lineno, split_words(name)
            case ast.ClassDef(name=name) | ast.arg(arg=name) | ast.alias(asname=str(name)):
                yield node.lineno, split_words(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, split_words(name)
    comments = [""] * (source.count("\n") + 2)  # by line, so that phrases may span lines
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comments[token.start[0]] = token.string
    yield 0, "\n".join(comments)


def split_words(text: str) -> str:
    """Separate the words of identifiers in snake_case and camelCase by spaces."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", text)


def find(path: Path, words: dict[str, str]) -> list[str]:
    """Return a line for each banned word in a file, with what to write instead."""
    source = path.read_text()
    texts: list[Text] = [(1, split_words(source))]
    if path.suffix == ".py":
        texts = list(python_texts(source))
    # a phrase may continue on the next line of a comment
    phrases = "|".join(r"[\s#*/]+".join(map(re.escape, word.split())) for word in words)
    pattern = re.compile(rf"\b(?:{phrases})\b", re.IGNORECASE)
    findings = []
    for first, text in texts:
        for match in pattern.finditer(text):
            word = " ".join(re.split(r"[\s#*/]+", match[0].lower()))
            line = first + text.count("\n", 0, match.start())
            findings.append((line, f"{path}:{line}: {word}: write {words[word]}"))
    return [finding for _, finding in sorted(findings)]


def is_checked(path: Path) -> bool:
    """Return whether a file is to be checked."""
    is_exempt = path in EXEMPT_FILES or not EXEMPT_FOLDERS.isdisjoint(path.parts)
    return path.suffix in SUFFIXES and not is_exempt and path.is_file()


def main() -> None:
    """Print the findings of all files in the repository and exit with 1, or exit with 0."""
    os.chdir(ROOT)
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    paths = [path for path in map(Path, names.splitlines()) if is_checked(path)]
    words = read_list(LIST.read_text())
    if findings := [line for path in paths for line in find(path, words)]:
        sys.exit("\n".join(findings))


if __name__ == "__main__":
    main()
