"""Sources and destinations in file systems other than this machine's own, through pyarrow."""

from pathlib import Path

import pytest
from pyarrow.fs import FSSpecHandler, PyFileSystem

from service.bulk.files import Location
from tests.bulk.conftest import COUNT, Run

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every path lie in a file system that is reached as object storage is, through pyarrow."""
    system = PyFileSystem(FSSpecHandler(fsspec.filesystem("file")))

    def of(place: str) -> Location:
        return Location(system, str(Path(place).resolve()))

    monkeypatch.setattr(Location, "of", of)


@pytest.mark.parametrize("form", ["folder", "tars", "npy", "idx", "idx.gz", "parquet"])
def test_a_remote_source_gives_the_rows_of_a_local_one(
    form: str, sources: dict[str, Path], run: Run, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Every form is found, read, written and resumed."""
    local = run(sources[form], dest=tmp_path / "local")
    request.getfixturevalue("remote")
    assert not Location.of(str(tmp_path)).is_local
    assert run(sources[form]).equals(local)
    assert run(sources[form], "--resume").equals(local)
    assert local.num_rows == COUNT
    assert {path.name for path in (tmp_path / "out").glob("*.json")} == {
        "_job.json",
        "_summary.json",
    }


@pytest.mark.usefixtures("remote")
def test_a_pattern_chooses_remote_files(sources: dict[str, Path], run: Run) -> None:
    """As on this machine."""
    assert run(f"{sources['folder']}/**/*5.png").num_rows == 6
