"""A job that cannot begin says in one line what is wrong and what is allowed, and exits with 2."""

from collections.abc import Callable
from pathlib import Path

import pytest

from service.bulk.command import main
from tests.bulk.conftest import Run, rows
from tests.conftest import ROOT

Refusal = Callable[..., str]


@pytest.fixture
def refusal(
    tmp_path: Path,
    models_dir: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Refusal:
    """Return a function that runs a job which must be refused, and returns what it says."""
    monkeypatch.setenv("CONVSCOPE_MODELS_DIR", str(models_dir))

    def refusal(source: object, *options: str, dest: object = tmp_path / "out") -> str:
        with pytest.raises(SystemExit, match="2"):
            main([str(source), str(dest), *options])
        return capsys.readouterr().err

    return refusal


@pytest.mark.parametrize(
    ("form", "options", "message"),
    [
        (
            "folder",
            ["--layers", "dens"],
            "The model has no layer 'dens'. Of its 8 layers, these are most like it: conv2d, ",
        ),
        ("folder", ["--layers", "dense,dense"], "Layer 'dense' has the name of another column"),
        ("folder", ["--model", "nobody"], "There is no model 'nobody' in "),
        ("folder", ["--model", "nobody"], "Models: mnist, tiny."),  # of which one has no version 1
        ("folder", ["--version", "9"], "Model 'mnist' has no version 9. Versions: 1."),
        ("folder", ["--model", "tiny"], "not images"),
        ("npy", ["--processes", "0"], "must be a whole number of at least 1, not '0'"),
        ("npy", ["--segment", "true"], "--segment takes images, not arrays. Omit it."),
        ("npy", ["--ray", "127.0.0.1:1"], "No Ray cluster answers at 127.0.0.1:1 ("),
    ],
)
def test_unsuitable_options_are_refused(
    form: str,
    options: list[str],
    message: str,
    sources: dict[str, Path],
    tmp_path: Path,
    refusal: Refusal,
) -> None:
    """The line lists what there is; no part is written."""
    assert message in refusal(sources[form], *options)
    assert list((tmp_path / "out").rglob("*.parquet")) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "is not empty; add --resume to go on, or name another folder."),
        (["--resume", "--layers", "dense"], "was not written with these settings"),
        (["--resume", "--model", "tiny"], "was not written with these settings"),
    ],
)
def test_another_job_is_not_mixed_into_an_output(
    options: list[str],
    message: str,
    sources: dict[str, Path],
    run: Run,
    tmp_path: Path,
    refusal: Refusal,
) -> None:
    """The output stays as it is."""
    before = run(sources["folder"])
    assert message in refusal(sources["folder"], *options)
    assert rows(tmp_path / "out").equals(before)


@pytest.mark.parametrize("change", ["added", "removed"])
def test_a_source_that_has_changed_is_not_resumed(
    change: str, files: list[bytes], run: Run, tmp_path: Path, refusal: Refusal
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
    said = refusal(tmp_path / "scans", "--resume")
    assert "The source has changed since b/images-00000 was written" in said


def test_a_destination_in_the_source_is_refused(
    files: list[bytes], tmp_path: Path, refusal: Refusal
) -> None:
    """Otherwise the output would be read as input."""
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "a.png").write_bytes(files[0])
    said = refusal(tmp_path / "scans", dest=tmp_path / "scans" / "out")
    assert said.endswith("scans/out is in the source; name a folder outside of it.\n")


def test_a_destination_that_cannot_be_written_is_refused(
    sources: dict[str, Path], tmp_path: Path, refusal: Refusal
) -> None:
    """A file in place of the folder, and a folder that cannot be created, are named."""
    (tmp_path / "out").write_text("")
    assert "out is a file; name a folder." in refusal(sources["folder"])
    assert refusal(sources["folder"], dest="/proc/out").startswith("/proc/out cannot be written (")


def test_a_missing_models_folder_is_named(
    sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch, refusal: Refusal
) -> None:
    """One line states the folder."""
    monkeypatch.setenv("CONVSCOPE_MODELS_DIR", "nowhere")
    assert refusal(sources["npy"]) == "There is no model 'mnist' in nowhere. Models: none.\n"


def test_the_models_of_a_clone_are_found(sources: dict[str, Path], run: Run) -> None:
    """Without a setting, the committed model is used."""
    assert (ROOT / "models" / "mnist").is_dir()
    assert run(sources["npy"])["error"].null_count
