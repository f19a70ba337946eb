"""Mutants are small changes that a test should notice, and the same ones each time."""

import ast
import textwrap
from pathlib import Path

from torture.mutants import choose
from torture.suite import figures

_CODE = '''
    """A docstring."""
    LIMIT = 3

    @dataclass(frozen=True)
    class Sizes:
        limit: int = LIMIT

    def check(size: int | None, name: "str") -> bool:
        """Check a size."""
        log.warning("size %s", 7)
        if size is None or size < LIMIT and name != "any":
            raise ValueError(f"{size + 8} is wrong" + "!")
        sizes[name] = not size
        return [size * 2 for _ in range(size) if size]
'''


def mutants(root: Path, code: str = _CODE, count: int = 1000) -> list[str]:
    """Return the sources of the mutants of a module."""
    (root / "part").mkdir(exist_ok=True)
    (root / "part" / "module.py").write_text(textwrap.dedent(code))
    return [mutant.after for mutant in choose(root, ("part",), count)]


def test_every_kind_of_change_is_made(tmp_path):
    """Operators, conditions, constants, results and statements are changed."""
    found = mutants(tmp_path)
    for change in (
        "LIMIT = 4",
        "if size is not None or (size < LIMIT and name != 'any'):",
        "if size is None and (size < LIMIT and name != 'any'):",
        "if size is None or (size <= LIMIT and name != 'any'):",
        "if size is None or (size < LIMIT or name != 'any'):",
        "if size is None or (size < LIMIT and name == 'any'):",
        "if size is None or (size < LIMIT and name != 'any_'):",
        "if not (size is None or (size < LIMIT and name != 'any')):",
        "        pass\n    sizes[name] = not size\n",
        "    pass\n    return",
        "sizes[name] = size\n",
        "return None",
        "return [size / 2 for _ in range(size) if size]",
        "return [size * 3 for _ in range(size) if size]",
        "return [size * 2 for _ in range(size) if not size]",
    ):
        assert sum(change in source for source in found) == 1, change
    assert len(found) == 15


def test_texts_and_declarations_are_not_changed(tmp_path):
    """No test should have to repeat a docstring, a type, a log line or the text of an error."""
    for source in mutants(tmp_path):
        for text in ("A docstring.", "frozen=True", "int | None", "Check a size.", "7)"):
            assert text in source
        assert "8} is wrong" in source or "pass" in source


def test_mutants_differ_from_the_module_and_can_be_compiled(tmp_path):
    """A mutant is another program, which Python accepts."""
    original = ast.unparse(ast.parse(textwrap.dedent(_CODE)))
    found = mutants(tmp_path)
    assert original not in found
    assert len(set(found)) == len(found)
    for source in found:
        compile(source, "mutant", "exec")


def test_the_choice_is_random_and_the_same_each_time(tmp_path):
    """A choice of some is a part of all, and stays when another module is added."""
    some = mutants(tmp_path, count=6)
    assert some == mutants(tmp_path)[:6]
    (tmp_path / "part" / "other.py").write_text("def f(a): return a + 1 < 2 * a - 3\n")
    with_other = mutants(tmp_path)
    assert [source for source in with_other if "LIMIT" in source] == mutants(tmp_path / "part")


def test_lines_are_those_of_the_statement_up_to_the_change(tmp_path):
    """The tests of a mutant are those that reach a line from its statement to the change."""
    (tmp_path / "module.py").write_text(
        "def f(a):\n    if a:\n        return g(\n            1,\n            a + 2,\n        )\n"
    )
    lines = {
        mutant.after.split("\n")[-1].strip(): mutant.lines
        for mutant in choose(tmp_path, ("module.py",), 99)
    }
    assert lines["return g(1, a - 2)"] == (3, 5)
    assert lines["return g(2, a + 2)"] == (3, 4)


def test_failures_of_all_runs_are_counted_by_name(tmp_path):
    """A test that fails in two runs counts twice, a skipped one is not counted as run."""
    case = '<testcase classname="tests.a" name="{}">{}</testcase>'
    broken = case.format("broken", "<failure/>")
    reports = [broken + case.format("good", ""), broken + case.format("good", "<skipped/>")]
    paths = [tmp_path / f"{number}.xml" for number in range(2)]
    for path, report in zip(paths, reports, strict=True):
        path.write_text(f"<testsuites><testsuite>{report}</testsuite></testsuites>")
    found = {figure.name: figure for figure in figures(paths, "abc")}
    assert found["failures"].value == found["of these: tests.a.broken"].value == 2
    assert not found["failures"].is_met
    assert (found["tests in a run, at least"].value, found["tests in a run, at most"].value) == (
        1,
        2,
    )
