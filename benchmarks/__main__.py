"""`python -m benchmarks`: measure the service and its peers, and write docs/benchmarks.md.

With `--only`, the figures are only printed.
"""

import argparse
import time
from collections.abc import Callable

from benchmarks import alone, page, parts, plots, pressure, report
from benchmarks.comparison import compare
from benchmarks.environments import ENVIRONMENTS, NotMeasured, programs
from benchmarks.peers import PEERS
from benchmarks.results import Results
from benchmarks.servers import SERVICE
from benchmarks.wrk import require_wrk

SAVED = ENVIRONMENTS / "results.json"
Part = Callable[[Results, int], None]
PARTS: dict[str, tuple[Part, int]] = {  # by name: the function and its number of rounds
    "in-process": (alone.in_process, 5),
    "engine": (parts.engine, 5),
    "routes": (parts.routes, 5),
    "photo-memory": (parts.photo_memory, 3),
    "defaults": (alone.default_settings, 5),
    "batch": (alone.large_batch, 5),
    "batch-sizes": (alone.batch_sizes, 5),
    "workers": (alone.memory_by_workers, 5),
    "observability": (alone.cost_of_observability, 5),
    "overload": (pressure.overload, 3),
    "slow-clients": (pressure.slow_clients, 5),
}
PAGE = "page"  # is only printed
ROUNDS = 5  # of the comparison
ROUNDS_OF_ONE = 3  # of one row of the comparison


def main() -> None:
    """Run the benchmarks that the flags select."""
    flags = _flags()
    if flags.report:
        _write(Results.read(SAVED))
        return
    if flags.only == PAGE:
        page.measure(1 if flags.quick else ROUNDS_OF_ONE)
        return
    require_wrk()
    begin = time.monotonic()
    results = Results(machine=report.machine())
    if flags.only in PARTS:
        measure, rounds = PARTS[flags.only]
        measure(results, 1 if flags.quick else rounds)
        print(report.ratios_table(results))
    elif flags.only:
        compare(results, 1 if flags.quick else ROUNDS_OF_ONE, flags.only, brief=True)
        print(report.rows_of(results, flags.only))
    else:
        try:
            _everything(results, flags.quick)
        finally:
            results.save(SAVED)
        _write(results)
    print(f"took {(time.monotonic() - begin) / 60:.1f} minutes")


def _flags() -> argparse.Namespace:
    names = [SERVICE, *(peer.name for peer in PEERS), *PARTS, PAGE]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure servers.")
    parser.add_argument("--only", choices=names, help="one row of the comparison, or one part")
    parser.add_argument("--quick", action="store_true", help="one short round of everything")
    parser.add_argument(
        "--report", action="store_true", help="write the report of the last run again"
    )
    return parser.parse_args()


def _everything(results: Results, quick: bool) -> None:
    """Run all benchmarks; create the environments first, so that pip disturbs no measurement."""
    for peer in PEERS:
        try:
            programs(peer)
        except NotMeasured as reason:
            print(f"{peer.title} is not measured: {reason}", flush=True)
            results.missing[peer.name] = str(reason)
    for measure, rounds in PARTS.values():
        measure(results, 1 if quick else rounds)
    compare(results, 1 if quick else ROUNDS, brief=quick)


def _write(results: Results) -> None:
    report.write(results)
    plots.draw(results)
    print(f"wrote docs/{report.PAGE.name} and docs/{plots.PLOT.name}")


if __name__ == "__main__":
    main()
