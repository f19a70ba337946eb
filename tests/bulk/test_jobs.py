"""A job is whole, resumable and in order, whatever ends it."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from service.bulk.parts import Counts
from service.bulk.report import Progress
from service.bulk.sources import Size
from tests.bulk.conftest import COUNT, MANY, Run, is_complete, rows
from tests.conftest import ROOT


def start(source: Path, dest: Path, *options: str) -> subprocess.Popen[str]:
    """Start a job in processes of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "service.bulk", source, dest, "--processes", "2", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(source: Path, dest: Path, *options: str) -> int:
    """Run a job to its end; return the exit code."""
    with start(source, dest, *options) as process:
        process.communicate()
    return process.returncode


def wait_for_parts(dest: Path, process: subprocess.Popen[str], count: int = 1) -> None:
    """Wait until so many parts are written."""
    while process.poll() is None and len(list(dest.glob("*.parquet"))) < count:
        time.sleep(0.01)


@pytest.mark.parametrize("who", ["the job", "a worker"])
def test_a_killed_job_is_resumed(who: str, many: Path, tmp_path: Path) -> None:
    """After kill -9, what is there is valid, and `--resume` adds what is missing."""
    with start(many, tmp_path / "out") as process:
        wait_for_parts(tmp_path / "out", process)
        os.kill(process.pid if who == "the job" else workers(process.pid)[0], signal.SIGKILL)
        _, stderr = process.communicate()
    if who == "a worker":
        assert "A process ended unexpectedly, perhaps for lack of memory;" in stderr
        assert process.returncode == 2
    assert 0 < rows(tmp_path / "out").num_rows < MANY
    assert finish(many, tmp_path / "out", "--resume") == 0
    assert is_complete(tmp_path / "out")
    found = json.loads((tmp_path / "out" / "_summary.json").read_text())
    assert found["rows"] == MANY
    assert 0 < found["resumed_rows"] < MANY


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_a_job_killed_at_any_moment_is_resumed(seed: int, many: Path, tmp_path: Path) -> None:
    """Ten times at random moments before the end: every row is there exactly once."""
    moment = random.Random(seed)
    with start(many, tmp_path / "out") as process:
        wait_for_parts(tmp_path / "out", process, moment.randrange(MANY // 1000 - 1))
        time.sleep(moment.uniform(0, 0.1))
        process.kill()
        process.communicate()
    assert not (tmp_path / "out" / "_summary.json").exists()
    assert finish(many, tmp_path / "out", "--resume") == 0
    assert is_complete(tmp_path / "out")


def test_ctrl_c_leaves_a_valid_output(many: Path, tmp_path: Path) -> None:
    """The job ends at once with 130, says how to go on, and leaves no temporary file."""
    with start(many, tmp_path / "out") as process:
        wait_for_parts(tmp_path / "out", process)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate()
    assert process.returncode == 130
    assert stderr.strip().endswith("Run the command again with --resume.")
    assert "Traceback" not in stderr
    assert list((tmp_path / "out").glob(".*")) == []
    assert finish(many, tmp_path / "out", "--resume") == 0
    assert is_complete(tmp_path / "out")


def test_resuming_a_finished_job_changes_nothing(
    sources: dict[str, Path], run: Run, tmp_path: Path
) -> None:
    """Every part is skipped."""
    run(sources["folder"])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.parquet")}
    run(sources["folder"], "--resume")
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.parquet")}
    assert before == after
    found = json.loads((tmp_path / "out" / "_summary.json").read_text())
    assert (found["rows"], found["resumed_rows"]) == (COUNT, COUNT)


def test_a_summary_that_cannot_be_written_is_one_line(
    sources: dict[str, Path], run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every part is there; the error says how to get the summary, and `--resume` writes it."""
    (tmp_path / "out" / "_summary.json").mkdir(parents=True)  # a disk may be full only now
    with pytest.raises(SystemExit, match="2"):
        run(sources["npy"])
    assert capsys.readouterr().err.strip().endswith("and run again with --resume.")
    (tmp_path / "out" / "_summary.json").rmdir()
    assert run(sources["npy"], "--resume").num_rows == COUNT


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    """Where the packages of bulk work are missing, one line says how to install them."""
    (tmp_path / "pyarrow.py").write_text("raise ModuleNotFoundError(name='pyarrow')")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "service.bulk", "a", "b"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr == (
        "Bulk work needs the package pyarrow; install it with `make .venv/bulk`.\n"
    )


def test_every_error_is_counted_however_many_kinds_there_are(run: Run, tmp_path: Path) -> None:
    """The summary lists the most frequent messages, and counts all."""
    (tmp_path / "scans").mkdir()
    for side in range(30):  # each has a message of its own
        blank = np.full((10_000 + side, 10_000), 255, np.uint8)
        header = io.BytesIO()
        Image.fromarray(blank[:1]).resize((10_000, 1)).save(header, "PNG")
        png = bytearray(header.getvalue())
        png[16:24] = (10_000 + side).to_bytes(4, "big") * 2
        png[29:33] = zlib.crc32(png[12:29]).to_bytes(4, "big")
        (tmp_path / "scans" / f"{side:02}.png").write_bytes(png)
    table = run(tmp_path / "scans")
    assert len(set(table["error"].to_pylist())) == 30
    found = json.loads((tmp_path / "out" / "_summary.json").read_text())
    assert (found["errors"], len(found["error_messages"])) == (30, 20)


def test_the_time_left_is_estimated_for_archives() -> None:
    """From the first archive on, a line states how long the rest takes, as for other sources."""
    progress = Progress(Size(rows=0, bytes=4000))
    assert "left" not in progress.line(500, 10)
    progress.learn(Counts(images=500, rows=500, archived=1000))
    assert progress.line(500, 10) == "500 images, 50/s, 30 s left"


def test_parts_say_what_they_were_made_from(
    sources: dict[str, Path], run: Run, tmp_path: Path
) -> None:
    """Each part's metadata has its shard's identity and what it contains."""
    run(sources["folder"])
    metadata = pq.read_metadata(tmp_path / "out" / "0" / "images-00000.parquet").metadata
    assert json.loads(metadata[b"convscope.counts"])["rows"] == 25
    assert len(metadata[b"convscope.shard"]) == 64


def workers(parent: int) -> list[int]:
    """Return the ids of the processes that have loaded the engine."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [pid for pid in map(int, children) if "litert" in Path(f"/proc/{pid}/maps").read_text()]
