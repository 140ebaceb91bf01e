import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from brood.cli.findings import InputRefusedError
from brood.cli.statedir import LOCK, prune, state_directory

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "brood" / "runs"


def test_without_keep_the_files_stay_below_the_state_directory_of_the_user(home: Path) -> None:
    with state_directory(None, name="hello", now=NOW) as directory:
        (directory / "file").touch()
    assert directory.parent == home
    assert directory.name.startswith("hello-20260301-120000-")
    assert (directory / "file").exists()


def test_only_the_newest_twenty_stay(home: Path) -> None:
    made = []
    for at in range(25):
        with state_directory(None, name=f"run-{at}", now=NOW) as directory:
            made.append(directory)
        os.utime(directory / LOCK, (at, at))
    prune(home, keep=20)
    assert [directory.exists() for directory in made] == [False] * 5 + [True] * 20


def test_a_run_that_lives_and_files_that_are_no_run_are_never_removed(home: Path) -> None:
    with state_directory(None, name="alive", now=NOW) as directory:
        (home / "mine").mkdir()
        prune(home, keep=0)
        assert directory.exists()
    assert (home / "mine").exists()
    prune(home, keep=0)
    assert not directory.exists()


def test_keep_makes_the_directory_and_may_name_it_again(tmp_path: Path) -> None:
    with state_directory(tmp_path / "a" / "b", name="x", now=NOW) as directory:
        (directory / "logs").mkdir()
    with state_directory(tmp_path / "a" / "b", name="x", now=NOW) as again:
        assert again == directory


def test_keep_refuses_a_directory_with_other_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with (
        pytest.raises(InputRefusedError, match=r"--keep: .* holds files that are no run's"),
        state_directory(tmp_path, name="x", now=NOW),
    ):
        pass


def test_keep_refuses_the_directory_of_a_run_that_lives(tmp_path: Path) -> None:
    with (
        state_directory(tmp_path / "a", name="x", now=NOW),
        pytest.raises(InputRefusedError, match="in use"),
        state_directory(tmp_path / "a", name="x", now=NOW),
    ):
        pass


def test_keep_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(InputRefusedError, match="cannot be used"), state_directory(tmp_path / "a", name="x", now=NOW):
        pass


def test_where_the_home_cannot_be_written_temporary_files_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    with state_directory(None, name="x", now=NOW) as directory:
        assert directory.parent == (tmp_path / "tmp").resolve()
