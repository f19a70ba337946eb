"""A job is whole, resumable and in order, whatever ends it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from service.bulk.command import main
from tests.bulk.conftest import COUNT, MANY, Run, is_complete, rows
from tests.conftest import ROOT

EXIT = "2"


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


def wait_for_part(dest: Path, process: subprocess.Popen[str]) -> None:
    """Wait until the first part is written."""
    while process.poll() is None and not list(dest.glob("*.parquet")):
        time.sleep(0.01)


@pytest.mark.parametrize("who", ["the job", "a worker"])
def test_a_killed_job_is_resumed(who: str, many: Path, tmp_path: Path) -> None:
    """After kill -9, what is there is valid, and `--resume` adds what is missing."""
    with start(many, tmp_path / "out") as process:
        wait_for_part(tmp_path / "out", process)
        os.kill(process.pid if who == "the job" else workers(process.pid)[0], signal.SIGKILL)
        _, stderr = process.communicate()
    if who == "a worker":
        assert stderr.startswith("A process ended unexpectedly, perhaps for lack of memory;")
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
    """Ten times at random moments: every row is there exactly once."""
    with start(many, tmp_path / "out") as process:
        time.sleep(random.Random(seed).uniform(0.3, 2))
        process.kill()
        process.communicate()
    assert finish(many, tmp_path / "out", "--resume") == 0
    assert is_complete(tmp_path / "out")


def test_ctrl_c_leaves_a_valid_output(many: Path, tmp_path: Path) -> None:
    """The job ends at once with 130, says how to go on, and leaves no temporary file."""
    with start(many, tmp_path / "out") as process:
        wait_for_part(tmp_path / "out", process)
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "is not empty; add --resume to go on, or name another folder."),
        (["--resume", "--layers", "dense"], "was not written with these settings"),
        (["--resume", "--model", "fashion"], "There is no model 'fashion'"),
    ],
)
def test_another_job_is_not_mixed_into_an_output(
    options: list[str],
    message: str,
    sources: dict[str, Path],
    run: Run,
    tmp_path: Path,
    models_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line says what is wrong; the output stays as it is."""
    monkeypatch.setenv("CONVSCOPE_MODELS_DIR", str(models_dir))
    before = run(sources["folder"])
    with pytest.raises(SystemExit, match=EXIT):
        main([str(sources["folder"]), str(tmp_path / "out"), *options])
    assert message in capsys.readouterr().err
    assert rows(tmp_path / "out").equals(before)


@pytest.mark.parametrize("change", ["added", "removed"])
def test_a_source_that_has_changed_is_not_resumed(
    change: str, files: list[bytes], run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A part whose files are others is neither kept nor overwritten."""
    for name in "abc":
        (tmp_path / "scans" / name).mkdir(parents=True)
        (tmp_path / "scans" / name / "0.png").write_bytes(files[0])
    run(tmp_path / "scans")
    if change == "added":
        (tmp_path / "scans" / "b" / "1.png").write_bytes(files[1])
    else:
        (tmp_path / "scans" / "b" / "0.png").unlink()
    with pytest.raises(SystemExit, match=EXIT):
        main([str(tmp_path / "scans"), str(tmp_path / "out"), "--resume"])
    assert "The source has changed since b/images-00000 was written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--layers", "dens"],
            "The model has no layer 'dens'. Of its 8 layers, these are most like it: conv2d, ",
        ),
        (["--model", "nobody"], "There is no model 'nobody' in "),
        (["--version", "9"], "Model 'mnist' has no version 9. Versions: 1."),
    ],
)
def test_an_unknown_model_or_layer_is_refused(
    options: list[str],
    message: str,
    sources: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line lists what there is; nothing is written."""
    with pytest.raises(SystemExit, match=EXIT):
        main([str(sources["folder"]), str(tmp_path / "out"), *options])
    assert capsys.readouterr().err.startswith(message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("dest", "message"),
    [("scans/out", "scans/out is in the source; name a folder outside of it."),
     ("/proc/out", "/proc/out cannot be written (")],
)  # fmt: skip
def test_an_unsuitable_destination_is_refused(
    dest: str,
    message: str,
    files: list[bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line says why."""
    monkeypatch.setenv("CONVSCOPE_MODELS_DIR", str(ROOT / "models"))
    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()
    Path("scans/a.png").write_bytes(files[0])
    with pytest.raises(SystemExit, match=EXIT):
        main(["scans", dest])
    assert capsys.readouterr().err.startswith(message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--processes", "0"], "must be a whole number of at least 1, not '0'"),
        (["--segment", "true"], "--segment takes images, not arrays. Omit it."),
        (["--ray", "127.0.0.1:1"], "No Ray cluster answers at 127.0.0.1:1 ("),
    ],
)
def test_an_unsuitable_option_is_refused(
    options: list[str],
    message: str,
    sources: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line says what is allowed, or what to do."""
    with pytest.raises(SystemExit, match=EXIT):
        main([str(sources["npy"]), str(tmp_path / "out"), *options])
    assert message in capsys.readouterr().err


def test_a_missing_models_folder_is_named(
    sources: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line states the folder."""
    monkeypatch.setenv("CONVSCOPE_MODELS_DIR", "nowhere")
    with pytest.raises(SystemExit, match=EXIT):
        main([str(sources["npy"]), str(tmp_path / "out")])
    assert capsys.readouterr().err == "There is no model 'mnist' in nowhere. Models: none.\n"


def test_a_model_of_arrays_takes_no_files(
    sources: dict[str, Path],
    models_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What concerns every image ends the job, with the reason."""
    monkeypatch.setenv("CONVSCOPE_MODELS_DIR", str(models_dir))
    with pytest.raises(SystemExit, match=EXIT):
        main([str(sources["folder"]), str(tmp_path / "out"), "--model", "tiny"])
    assert "not images" in capsys.readouterr().err


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


def test_an_output_that_cannot_be_written_ends_the_job(
    sources: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in place of a folder is named."""
    (tmp_path / "out").write_text("")
    with pytest.raises(SystemExit, match=EXIT):
        main([str(sources["folder"]), str(tmp_path / "out")])
    assert "out is a file; name a folder." in capsys.readouterr().err


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
