"""Run chosen tests in forks of a process that has loaded their libraries, which takes seconds.

`python -m torture.trials`, in a copy of the checkout, reads orders from its standard input and
writes the results to its standard output, one JSON object per line.
"""

import gc
import importlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import coverage
import pytest

FAILED = "a test failed"
PASSED = "every test passed"
STOPPED = "the tests did not end"
_LIBRARIES = ("keras", "tensorflow", "scipy.ndimage", "sklearn.metrics", "requests", "flask",
              "flask_cors", "flask_limiter", "ai_edge_litert.interpreter", "prometheus_client",
              "h5py", "uvicorn", "PIL.ImageDraw")  # fmt: skip
_NO_TESTS = 5  # pytest's exit code, also where a change leaves no parameters of a test
_MOST_BYTES = 16 * 2**30  # of address space; a mutant may ask for any amount


class Order(NamedTuple):
    """What a trial runs.

    Attributes:
        files: test files or folders.
        tests: node ids, in the order in which they run; empty: all of the files.
        test_s: seconds after which one test is stopped.
        limit_s: seconds after which the trial is stopped.
        covered: where to record which test reaches which line; None where not.
    """

    files: Sequence[str]
    tests: Sequence[str]
    test_s: float
    limit_s: float
    covered: str | None = None


@dataclass(eq=False)  # pytest needs a hash
class _Plugin:
    """Choose and order the tests; record each one's lines, time and shared fixtures."""

    order: Order
    lines: coverage.Coverage | None = None
    failed: str = ""
    tests: dict[str, tuple[float, list[str]]] = field(default_factory=dict)
    _context: str = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.order.tests:
            place = {test: index for index, test in enumerate(self.order.tests)}
            items[:] = sorted(
                (item for item in items if item.nodeid in place), key=lambda i: place[i.nodeid]
            )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        begin = time.perf_counter()
        self._switch(item.nodeid)
        result = yield
        self._switch("")
        fixtures = list(getattr(item, "fixturenames", []))
        self.tests[item.nodeid] = (time.perf_counter() - begin, fixtures)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        """Record a shared fixture's lines as its own, not as those of its first test."""
        before = self._context
        if fixturedef.scope != "function":
            self._switch(f"fixture {fixturedef.argname}")
        try:
            return (yield)
        finally:
            self._switch(before)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.failed:
            self.failed = report.nodeid

    def _switch(self, context: str) -> None:
        self._context = context
        if self.lines:
            self.lines.switch_context(context)


def _run(order: Order, result: Path) -> int:
    """Run an order in this process; return 0 if every test passed."""
    lines = None
    if order.covered:
        lines = coverage.Coverage(order.covered, config_file=False, source=["service"])
        lines.start()
    plugin = _Plugin(order, lines)
    options = ["--exitfirst", "-q", "--assert=plain", "-p", "no:cacheprovider", "-m", "not slow"]
    options += ["-o", f"faulthandler_timeout={order.test_s}"]
    options += ["-o", "faulthandler_exit_on_timeout=true"]
    code = pytest.main([*options, *order.files], [plugin])
    if lines:
        lines.stop()
        lines.save()
    result.write_text(json.dumps({"failed": plugin.failed, "tests": plugin.tests}))
    return 0 if code == _NO_TESTS else int(code)


def _fork(order: Order, result: Path) -> dict[str, Any]:
    """Run an order in a fork, with all its processes in a session of their own."""
    result.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
        log = os.open("trial.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(log, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = 1
        try:
            code = _run(order, result)
        finally:
            sys.stdout.flush()
            os._exit(code)
    end, process, status = time.monotonic() + order.limit_s, 0, 0
    while not process and time.monotonic() < end:
        process, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # also the servers that tests have started
    if not process:
        os.waitpid(child, 0)
    if not result.exists():
        return {"outcome": STOPPED}
    return {"outcome": FAILED if status else PASSED, **json.loads(result.read_text())}


def main() -> None:
    """Load the libraries, then run the orders."""
    for name in _LIBRARIES:
        importlib.import_module(name)
    gc.freeze()  # no fork copies the libraries' objects to look for garbage
    sys.dont_write_bytecode = True  # a changed file may have the size and second of the one before
    for line in sys.stdin:
        print(json.dumps(_fork(Order(**json.loads(line)), Path("result.json"))), flush=True)


if __name__ == "__main__":
    main()
