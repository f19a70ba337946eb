"""The whole suite, ten times, once of them under load: does a test fail sometimes?

`.bench/suite` keeps each run's results, so that an interrupted row goes on with the runs that the
commit does not have yet.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.environments import ENVIRONMENTS, ROOT
from torture.row import Figure, Row

RUNS = 10
_BUSY = 2  # processes that compete for the cores in the first run
_OPTIONS = ("--numprocesses=2", "--dist=loadfile", "-m", "not slow")  # as `make test` has
_PART = "tests/service/runtime"  # of a share; the whole suite contains the test of that share
_TESTED = (
    ".",
    ":!docs",
    ":!*.md",
    ":!torture",
    ":!benchmarks",
)  # a change of others repeats no run
_RAN = (0, 1)  # pytest's exit codes where every test has run


def run(share: float) -> list[Figure]:
    """Do the runs that this commit does not have yet; those of a share are not kept."""
    folder = ENVIRONMENTS / "suite"
    folder.mkdir(parents=True, exist_ok=True)
    commit, runs = _commit(), max(round(RUNS * share), 1)
    paths = [folder / f"{commit if share == 1 else 'share'}-{number}.xml" for number in range(runs)]
    for number, path in enumerate(paths):
        if share == 1 and path.exists() and not commit.endswith("changed"):
            continue
        print(f"run {number + 1} of {runs} …", flush=True)
        with _load(_BUSY if number == 0 and share == 1 else 0):
            _pytest(path, [] if share == 1 else [_PART])
    return [*figures(paths, commit), Figure("runs under load", int(share))]


def figures(paths: list[Path], commit: str) -> list[Figure]:
    """Return the figures of runs from their reports (JUnit's XML)."""
    counts: list[int] = []
    failures: Counter[str] = Counter()
    for path in paths:
        cases = list(ElementTree.parse(path).iter("testcase"))  # noqa: S314 - pytest's own file
        counts.append(sum(case.find("skipped") is None for case in cases))
        failures.update(
            {
                f"{case.get('classname')}.{case.get('name')}"
                for case in cases
                if case.find("failure") is not None or case.find("error") is not None
            }
        )
    return [
        Figure(f"runs of commit {commit}", len(paths)),
        Figure("tests in a run, at least", min(counts)),
        Figure("tests in a run, at most", max(counts)),
        Figure("failures", sum(failures.values()), 0),
        *(Figure(f"of these: {name}", count) for name, count in sorted(failures.items())),
    ]


def _commit() -> str:
    """Return the last commit of what tests run, with `-changed` where its files differ from it."""
    last = _git("log", "-1", "--format=%h", "--abbrev=12", "--", *_TESTED)
    return f"{last}-changed" if _git("status", "--porcelain", "--", *_TESTED) else last


def _git(*words: str) -> str:
    command = ["git", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _pytest(report: Path, only: list[str]) -> None:
    """Run tests; keep the report of a run that came to its end, and the output of the last."""
    partial, log = report.with_suffix(".partial"), report.with_name("output.txt")
    command = [sys.executable, "-m", "pytest", *_OPTIONS, f"--junitxml={partial}", *only]
    # a test of the suite calls this row too: its own process is none of pytest's workers
    environ = {name: v for name, v in os.environ.items() if not name.startswith("PYTEST_")}
    with log.open("w") as output:
        code = subprocess.run(
            command, cwd=ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT
        ).returncode
    if code not in _RAN:
        raise RuntimeError(f"pytest ended with {code} before the last test; see {log}.")
    partial.rename(report)


@contextmanager
def _load(processes: int) -> Iterator[None]:
    """Keep cores busy."""
    command = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(command) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


ROW = Row("The suite passes every time, also on a busy machine.", run)
