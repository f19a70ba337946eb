"""`python -m torture`: run every row, write docs/reliability.md, and fail where a bar is missed.

A row alone renews its part of the page: `python -m torture fuzz`. After an interruption, `--resume`
goes on with the rows that are missing.
"""

import argparse
import json
import sys
import time
from datetime import date

from benchmarks.environments import ENVIRONMENTS
from torture import (
    answers,
    artefacts,
    bombs,
    coverage,
    faults,
    fuzz,
    http,
    mutation,
    peers,
    reload,
    report,
    security,
    slow,
    soak,
    startup,
    suite,
    termination,
)
from torture.row import Row

SAVED = ENVIRONMENTS / "torture.json"
ROWS: dict[str, Row] = {
    "fuzz": fuzz.ROW,
    "coverage": coverage.ROW,
    "http": http.ROW,
    "bombs": bombs.ROW,
    "answers": answers.ROW,
    "soak": soak.ROW,
    "slow": slow.ROW,
    "faults": faults.ROW,
    "reload": reload.ROW,
    "termination": termination.ROW,
    "startup": startup.ROW,
    "training": artefacts.ROW,
    "security": security.ROW,
    "peers": peers.ROW,
    "mutation": mutation.ROW,
    "suite": suite.ROW,
}


def main() -> None:
    """Run the rows that the flags select."""
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("row", nargs="?", choices=ROWS)
    parser.add_argument("--share", type=float, default=1, help="of each row; default: all of it")
    parser.add_argument("--resume", action="store_true", help="keep the rows that are there")
    flags = parser.parse_args()
    found = report.read(SAVED) if flags.resume or flags.row else {}
    chosen = [flags.row] if flags.row else [name for name in ROWS if name not in found]
    for name in chosen:
        print(f"{name} …", flush=True)
        begin = time.monotonic()
        found[name] = report.Measured(f"{date.today()}", ROWS[name].run(flags.share))
        print(f"\n{report.table(found[name].figures)}")
        print(f"{name} took {time.monotonic() - begin:.0f} s", flush=True)
        if flags.share == 1:
            SAVED.parent.mkdir(exist_ok=True)
            SAVED.write_text(json.dumps(found))
            report.PAGE.write_text(report.page(ROWS, found))
    shown = chosen if flags.row else found
    if not all(figure.is_met for name in shown for figure in found[name].figures):
        sys.exit("A bar is missed.")


if __name__ == "__main__":
    main()
