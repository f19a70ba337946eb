"""Mutation testing: of 200 random changes of the code, how many make a test fail?

Every change is tried in a copy of the checkout, with the tests that reach the changed lines: those
of the module's own file first, then those of fast files. `.bench/mutation` keeps the results: a
change that a test has noticed stays so while its module is the same, and one that survived is tried
again when a test has changed.
"""

import difflib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from typing import IO, Any, cast

from coverage import CoverageData

from benchmarks.environments import ENVIRONMENTS, ROOT
from torture.mutants import Mutant, choose
from torture.row import Figure, Row
from torture.trials import PASSED, STOPPED, Order

MUTANTS = 200
_LEAST = 0.85
_AT_ONCE = 2
_RUNTIME = "service/runtime"
_PROCESS = tuple(  # tests of the process as a whole, which coverage does not see from outside
    f"tests/e2e/test_{name}.py"
    for name in ("connections", "overload", "operations", "service", "observing")
)
_WHOLE = (("service/model", "service/images", _RUNTIME), ("tests/service", *_PROCESS))
_PART = (("service/images/resize.py",), ("tests/service/images/test_resize.py",))
_LIMIT_S = 3600.0  # of the run of all tests
_SPARE_S = 60.0  # a test and a trial may take this long, besides several times what they took
_SLOWER = 5


def run(share: float) -> list[Figure]:
    """Try every change that has no result yet; a share is of one module, and keeps no results."""
    if share == 1:
        return _run(MUTANTS, *_WHOLE, ENVIRONMENTS / "mutation")
    with TemporaryDirectory() as folder:
        return _run(round(MUTANTS * share), *_PART, Path(folder))


def _run(count: int, code: Sequence[str], tests: Sequence[str], folder: Path) -> list[Figure]:
    mutants = choose(ROOT, code, count)
    folder.mkdir(parents=True, exist_ok=True)
    results = _Results(_digest("tests"), folder / "results.jsonl")
    left = SimpleQueue[Mutant]()
    for mutant in mutants:
        if not results.outcome(mutant):
            left.put(mutant)
    copies = [_copy(folder / f"copy-{number}") for number in range(min(_AT_ONCE, left.qsize()))]
    if copies:
        reach = _Reach(copies[0], tests, folder)
        with ThreadPoolExecutor(len(copies)) as pool:
            list(pool.map(lambda copy: _try(copy, reach, left, results), copies))
    survivors = [mutant for mutant in mutants if results.outcome(mutant) == PASSED]
    (folder / "survivors.diff").write_text("\n".join(map(_diff, survivors)))
    stopped = sum(results.outcome(mutant) == STOPPED for mutant in mutants)
    killed = len(mutants) - len(survivors)
    return [
        Figure("mutants", len(mutants)),
        Figure("killed: a test failed", killed - stopped),
        Figure("killed: the tests did not end", stopped),
        *(
            Figure(f"survivors in {name}", sum(each.path.startswith(name) for each in survivors))
            for name in code
        ),
        Figure("share killed", killed / len(mutants), least=_LEAST),
    ]


class _Results:
    """The outcomes, kept in a file of lines."""

    def __init__(self, tests: str, path: Path) -> None:
        self._tests, self._path = tests, path
        lines = path.read_text().splitlines() if path.exists() else []
        self._all: dict[str, list[str]] = dict(map(json.loads, lines))

    def outcome(self, mutant: Mutant) -> str | None:
        """Return a mutant's outcome; None where it has to be tried."""
        outcome, _, tests = self._all.get(_id(mutant), (None, "", ""))
        return outcome if outcome != PASSED or tests == self._tests else None

    def add(self, mutant: Mutant, outcome: str, by: str) -> None:
        """Keep an outcome, and the test that failed."""
        self._all[_id(mutant)] = [outcome, by, self._tests]
        with self._path.open("a") as file:
            file.write(json.dumps((_id(mutant), self._all[_id(mutant)])) + "\n")


class _Reach:
    """Which tests reach a line, from one run of all of them on the unchanged code."""

    def __init__(self, copy: Path, tests: Sequence[str], folder: Path) -> None:
        name = _digest("service", "tests", *tests)
        covered, times = folder / f"{name}.coverage", folder / f"{name}.json"
        if not times.exists():
            print("one run of the tests, to see which lines they reach …", flush=True)
            with _trials(copy) as trial:
                found = trial(Order(tests, (), _LIMIT_S, _LIMIT_S, str(covered)))
            if found["outcome"] != PASSED:
                raise RuntimeError(f"The unchanged code fails; see {copy / 'trial.log'}.")
            times.write_text(json.dumps(found["tests"]))
        self._tests: dict[str, tuple[float, list[str]]] = json.loads(times.read_text())
        data = CoverageData(str(covered))
        data.read()
        self._lines = {
            str(Path(path).relative_to(copy)): data.contexts_by_lineno(path)
            for path in data.measured_files()
        }
        self._users: dict[str, set[str]] = defaultdict(set)
        for test, (_, fixtures) in self._tests.items():
            for fixture in fixtures:
                self._users[f"fixture {fixture}"].add(test)

    def order(self, mutant: Mutant) -> Order:
        """Return the tests that reach a mutant; where its lines run at import, all of them."""
        lines = self._lines.get(mutant.path, {})
        first, last = mutant.lines
        outside = {test for test in self._tests if test.startswith(_PROCESS)}
        chosen = self._of(lines, range(first, last + 1)) or self._tests.keys() - outside
        if mutant.path.startswith(_RUNTIME):
            chosen |= outside
        module, near = Path(mutant.path).stem, set(map(_file, self._of(lines, lines)))
        seconds: dict[str, float] = defaultdict(float)
        for test in chosen:
            seconds[_file(test)] += self._tests[test][0]

        def place(test: str) -> tuple[bool, bool, bool, float]:
            file = _file(test)
            return test in outside, module not in file, file not in near, seconds[file]

        ordered = sorted((test for test in self._tests if test in chosen), key=place)
        slowest = max(self._tests[test][0] for test in ordered)
        return Order(
            files=list(dict.fromkeys(map(_file, ordered))),
            tests=ordered,
            test_s=_SPARE_S + _SLOWER * slowest,
            limit_s=_SPARE_S + _SLOWER * sum(seconds.values()),
        )

    def _of(self, lines: Mapping[int, list[str]], numbers: Any) -> set[str]:
        contexts = {context for number in numbers for context in lines.get(number, ())} - {""}
        return set().union(*(self._users.get(each, {each}) for each in contexts))


def _try(copy: Path, reach: _Reach, left: SimpleQueue[Mutant], results: _Results) -> None:
    """Try mutants in a copy until none is left."""
    with _trials(copy) as trial, suppress(Empty):
        while True:
            mutant, begin = left.get_nowait(), time.monotonic()
            path = copy / mutant.path
            original = path.read_bytes()
            path.write_text(mutant.after)
            try:
                found = trial(reach.order(mutant))
            finally:
                path.write_bytes(original)
            results.add(mutant, found["outcome"], found.get("failed", ""))
            took = time.monotonic() - begin
            print(f"{mutant.path}:{mutant.lines[0]} {found['outcome']} ({took:.0f} s), "
                  f"{left.qsize()} left", flush=True)  # fmt: skip


@contextmanager
def _trials(copy: Path) -> Iterator[Any]:
    """Start a process that runs orders in a copy."""
    command = [sys.executable, "-m", "torture.trials"]
    environ = {name: v for name, v in os.environ.items() if not name.startswith("PYTEST_")}
    environ |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    with (
        (copy / "errors.log").open("w") as errors,
        subprocess.Popen(
            command,
            cwd=copy,
            env=environ,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        stdin, stdout = cast(IO[str], process.stdin), cast(IO[str], process.stdout)

        def trial(order: Order) -> Any:
            stdin.write(json.dumps(order._asdict()) + "\n")
            stdin.flush()
            if answer := stdout.readline():
                return json.loads(answer)
            raise RuntimeError(f"The process of the trials has ended; see {copy / 'errors.log'}.")

        yield trial


def _copy(folder: Path) -> Path:
    """Copy the checkout."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in _files("."):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    (folder / "data").symlink_to(ROOT / "data")
    return folder


def _files(*folders: str) -> list[str]:
    """Return the files of the checkout in folders, those that are not committed yet included."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *folders]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in sorted(names.split("\0")) if (ROOT / name).is_file()]


def _digest(*folders: str) -> str:
    """Return a hash of all files of folders."""
    content = hashlib.sha256(repr(folders).encode())
    for name in _files(*folders):
        content.update(name.encode() + (ROOT / name).read_bytes())
    return content.hexdigest()[:16]


def _id(mutant: Mutant) -> str:
    return hashlib.sha256(f"{mutant.path}\n{mutant.after}".encode()).hexdigest()[:16]


def _file(test: str) -> str:
    return test.partition("::")[0]


def _diff(mutant: Mutant) -> str:
    before, after = mutant.before.splitlines(), mutant.after.splitlines()
    place = f"{mutant.path}:{mutant.lines[0]}"
    return "\n".join(difflib.unified_diff(before, after, place, place, lineterm="", n=1)) + "\n"


ROW = Row("A change of the code that breaks it makes a test fail.", run)
