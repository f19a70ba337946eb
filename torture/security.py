"""Known vulnerabilities of the dependencies, and what the time of a key check reveals."""

import secrets
import statistics
import tempfile
from pathlib import Path
from time import perf_counter_ns

from service.keys import Keys
from tools.audit import FILES, ROOT, NotAudited, audit
from torture.row import Figure, Row

_KEYS = 100
_CHECKS = 20_000  # of each kind
_RATIO = 1.05


def run(share: float) -> list[Figure]:
    """Audit the pinned packages, and time the check of wrong keys that resemble a valid one."""
    return [*_known(share), *_times(share)]


def _known(share: float) -> list[Figure]:
    try:
        found = audit(FILES if share == 1 else [ROOT / "requirements" / "service.txt"])
    except NotAudited as reason:
        return [Figure(f"packages audited ({reason})", 0)]
    return [
        Figure("packages audited", len(found.audited)),
        Figure("packages about which there is no data", len(found.skipped)),
        Figure("known vulnerabilities", len(found.vulnerable), 0),
    ]


def _times(share: float) -> list[Figure]:
    valid = [secrets.token_hex(32) for _ in range(_KEYS)]
    with tempfile.NamedTemporaryFile("w", suffix=".keys") as file:
        file.write("\n".join(f"name{i}:{key}" for i, key in enumerate(valid)))
        file.flush()
        keys = Keys(str(Path(file.name)))
    other = "g" * 64
    tried = {
        "no character is right": other,
        "all characters but the last are right": valid[0][:-1] + "g",
        "the first half is right, of the last key": valid[-1][:32] + other[:32],
    }
    times: dict[str, list[int]] = {name: [] for name in tried}
    for _ in range(int(_CHECKS * share)):
        for name, key in tried.items():  # in turn, so that a busy moment affects all
            begin = perf_counter_ns()
            keys.name_of(key)
            times[name].append(perf_counter_ns() - begin)
    medians = {name: statistics.median(each) for name, each in times.items()}
    return [
        *(Figure(f"check of a wrong key, {name}: µs", ns / 1000) for name, ns in medians.items()),
        Figure(
            "the slowest of these ÷ the fastest",
            max(medians.values()) / min(medians.values()),
            _RATIO,
        ),
    ]


ROW = Row("No dependency has a known vulnerability, and the time of a refusal reveals no key.", run)
