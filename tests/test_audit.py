"""`make audit`: what is known about the pinned packages, and what is not."""

import json

import pytest

from tools import audit

REASON = "Dependency not found on PyPI and could not be audited: b (2)"
SAFE = {"name": "a", "version": "1", "vulns": []}
UNKNOWN = {"name": "b", "skip_reason": REASON}
FLAW = {"id": "PYSEC-1", "fix_versions": ["4"], "aliases": [], "description": ""}
FLAWED = {"name": "c", "version": "3", "vulns": [FLAW]}


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a program in the place of pip-audit; return a function that sets what it does."""
    file = tmp_path / "pip-audit"
    monkeypatch.setattr(audit, "audit", lambda real=audit.audit: real([tmp_path], file))

    def does(packages=None, error="", code=0):
        report = json.dumps({"dependencies": packages, "fixes": []}) if packages else ""
        file.write_text(f"#!/bin/sh\necho '{error}' >&2\nprintf '%s' '{report}'\nexit {code}\n")
        file.chmod(0o755)

    return does


def test_a_known_vulnerability_fails(program, capsys):
    """The exit code is 1; packages without data are named."""
    program([SAFE, UNKNOWN, FLAWED, FLAWED], "Found 1 known vulnerability", 1)
    with pytest.raises(SystemExit) as end:
        audit.main()
    assert end.value.code == 1
    assert capsys.readouterr().out.splitlines() == [
        f"not audited: b: {REASON}",
        "c 3: PYSEC-1, fixed in 4",
        "2 packages audited, 1 known vulnerabilities",
    ]


def test_an_audit_without_findings_succeeds(program, capsys):
    """The exit code is 0, and the number of packages is stated."""
    program([SAFE], "No known vulnerabilities found")
    with pytest.raises(SystemExit) as end:
        audit.main()
    assert end.value.code == 0
    assert capsys.readouterr().out == "1 packages audited, 0 known vulnerabilities\n"


@pytest.mark.parametrize(
    ("packages", "error", "reason"),
    [
        ([UNKNOWN], "No known vulnerabilities found, 1 skipped", REASON),
        (None, "requests.exceptions.ConnectionError: no name", "ConnectionError: no name"),
        (None, "ERROR:pip_audit._cli:Could not connect to the feed", "Could not connect"),
    ],
)
def test_an_audit_without_data_says_so(program, capsys, packages, error, reason):
    """An index that has data about no package, or cannot be reached, is no clean bill of health."""
    program(packages, error, 1)
    audit.main()
    out = capsys.readouterr().out
    assert out.startswith("SKIP audit: ")
    assert reason in out


def test_a_failure_of_the_program_is_no_missing_data(program):
    """Requirements that cannot be parsed fail, as any error that is not one of the connection."""
    program(None, "ERROR: package a has duplicate requirements", 1)
    with pytest.raises(RuntimeError, match="duplicate requirements"):
        audit.main()


def test_a_missing_program_says_how_to_install_it(program, capsys):  # noqa: ARG001 - it is not written
    """SKIP, and the command."""
    audit.main()
    assert capsys.readouterr().out == "SKIP audit: pip-audit is not installed; run make audit\n"
