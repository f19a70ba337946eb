"""Report known vulnerabilities of the pinned dependencies: `make audit`.

Without the vulnerability data it prints SKIP and the reason, and exits with 0. pip-audit itself
reports "No known vulnerabilities found" where the index has no data about any package.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / ".venv-audit" / "bin" / "pip-audit"
# dev.txt has the packages of all others
FILES = [ROOT / "requirements" / f"{name}.txt" for name in ("dev", "training-gpu", "audit")]
_UNREACHABLE = re.compile(r"ConnectionError|Timeout|Could not connect|blocking this service")


class NotAudited(Exception):
    """Nothing could be audited; the message gives the reason."""


class Audit:
    """What is known about some packages.

    Args:
        packages: the entries of pip-audit's reports.

    Attributes:
        audited: names and versions of the packages that were looked up.
        skipped: names of those about which there is no data, each with the reason.
        vulnerable: a line for each known vulnerability.
    """

    def __init__(self, packages: Sequence[dict[str, Any]]) -> None:
        known = [each for each in packages if "skip_reason" not in each]
        self.audited = sorted({f"{each['name']} {each['version']}" for each in known})
        self.skipped = {
            each["name"]: each["skip_reason"] for each in packages if "skip_reason" in each
        }
        self.vulnerable = sorted(
            {
                f"{each['name']} {each['version']}: {flaw['id']}, "
                f"fixed in {', '.join(flaw['fix_versions']) or 'no version'}"
                for each in known
                for flaw in each["vulns"]
            }
        )


def audit(files: Sequence[Path] = FILES, program: Path = PROGRAM) -> Audit:
    """Look up every package of some requirements, which must be pinned with hashes.

    Raises:
        NotAudited: pip-audit is not installed, or the vulnerability data cannot be reached.
        RuntimeError: pip-audit failed for another reason; states its output.
    """
    if not program.exists():
        raise NotAudited("pip-audit is not installed; run make audit")
    found = Audit([package for file in files for package in _look_up(file, program)])
    if not found.audited:
        reason = next(iter(found.skipped.values()), "there is no package")
        raise NotAudited(f"the package index has no vulnerability data: {reason}")
    return found


def _look_up(file: Path, program: Path) -> list[dict[str, Any]]:
    options = ["--disable-pip", "--require-hashes", "--format=json", "--progress-spinner=off"]
    done = subprocess.run(
        [str(program), *options, "--requirement", str(file)], capture_output=True, text=True
    )
    if done.stdout:  # the exit code is 1 where a vulnerability is known, too
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
        return packages
    reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    if _UNREACHABLE.search(done.stderr):
        raise NotAudited(f"the vulnerability data cannot be reached: {reason}")
    raise RuntimeError(f"pip-audit failed on {file}: {reason}")


def main() -> None:
    """Print what is known; exit with 1 where a vulnerability is known."""
    try:
        found = audit()
    except NotAudited as reason:
        sys.stdout.write(f"SKIP audit: {reason}\n")
        return
    for name, why in found.skipped.items():
        sys.stdout.write(f"not audited: {name}: {why}\n")
    for line in found.vulnerable:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(
        f"{len(found.audited)} packages audited, {len(found.vulnerable)} known vulnerabilities\n"
    )
    sys.exit(bool(found.vulnerable))


if __name__ == "__main__":
    main()
