"""Store measurements: load runs and single values, with an entry for each round."""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from benchmarks.wrk import Run


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest of the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Summarise the rounds; at least one."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass
class Results:
    """The measurements of one run of the benchmarks.

    Attributes:
        runs: by case, server and connections, the load run of each round.
        values: by measure and subject, the value of each round.
        missing: by server, the reason why it was not measured.
        machine: the machine and the date.
    """

    runs: dict[str, list[Run]] = field(default_factory=dict)
    values: dict[str, list[float]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    machine: dict[str, str] = field(default_factory=dict)

    def add_run(self, case: str, server: str, connections: int, run: Run) -> None:
        """Add one round's load run."""
        self.runs.setdefault(f"{case}|{server}|{connections}", []).append(run)

    def add(self, measure: str, subject: str, value: float) -> None:
        """Add one round's value."""
        self.values.setdefault(f"{measure}|{subject}", []).append(value)

    def load(self, case: str, server: str, connections: int) -> list[Run]:
        """Return the load runs, one for each round; empty where it was not measured."""
        return self.runs.get(f"{case}|{server}|{connections}", [])

    def value(self, measure: str, subject: str) -> list[float]:
        """Return the values, one for each round; empty where it was not measured."""
        return self.values.get(f"{measure}|{subject}", [])

    def spread(
        self, case: str, server: str, connections: int, figure: Callable[[Run], float]
    ) -> Spread | None:
        """Summarise one figure of a load run; None where it was not measured."""
        runs = self.load(case, server, connections)
        return Spread.of([figure(run) for run in runs]) if runs else None

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        content = json.loads(path.read_text())
        runs = content.pop("runs")
        by_key = {key: [Run(**run) for run in entries] for key, entries in runs.items()}
        return cls(runs=by_key, **content)


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """Divide round by round; both sides of a ratio are measured in the same round."""
    pairs = zip(numerators, denominators, strict=False)
    return [above / below for above, below in pairs if below]
